"""Names that other GAN code has for flags and models, and the errors that translate them."""

import re

import pytest

from kgan import evaluate, export, generate
from kgan.cli import other_names
from kgan.cli.flags import SHARED_FLAGS, SHARED_NAMES
from kgan.cli.models import model_class, model_names
from kgan.cli.parsing import parse_command, parse_training
from kgan.utils.errors import UserError

COMMANDS = {"generate": generate, "evaluate": evaluate, "export": export}
# A value that the flag takes, where 2 is none.
VALUES = {
    "checkpoint_every": "2",
    "g_optimizer": "adam",
    "gan_loss": "vanilla",
    "direction": "BtoA",
    "image_size": "64",
    "channels": "3",
    "beta_1": "0.5",
    "beta_2": "0.5",
    "penalty": "r1",
    "real_label": "0.1",
}


def error_of(parse, *arguments):
    with pytest.raises(UserError) as caught:
        parse(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def training_error(*arguments):
    return error_of(parse_training, arguments)


def names_of(table):
    return [(advice, name) for advice, names in table.items() for name in names.split()]


def model_with(flags):
    return next(
        (
            n
            for n in model_names()
            if flags <= {*SHARED_NAMES, *(f.name for f in model_class(n).flags())}
        ),
        None,
    )


def test_no_name_stands_twice_or_is_a_flag():
    own = {*SHARED_NAMES, *(f.name for n in model_names() for f in model_class(n).flags())}
    names = [name for _, name in names_of(other_names.TRAINING)]
    assert len(names) == len(set(names)) > 250
    assert not own.intersection(names)


def test_every_advice_for_training_names_flags_of_one_model_and_parses():
    for advice, names in other_names.TRAINING.items():
        flags = other_names.flags_in(advice)
        model = model_with(flags)
        assert model, advice
        value = next((VALUES[flag] for flag in sorted(flags) if flag in VALUES), "2")
        for name in names.split():
            text = training_error(f"--model={model}", f"--{name}={value}")
            assert text.startswith(f"--{name}: no such flag; "), text
        if re.fullmatch(r"(--\S+ ?)+", advice):
            right = re.search("right would be (.*)", text)[1]
            parse_training([f"--model={model}", *right.split()])


def test_every_advice_for_other_commands_names_flags_of_one_of_them():
    for advice, name in names_of(other_names.COMMANDS):
        flags = other_names.flags_in(advice)
        fitting = [c for c, m in COMMANDS.items() if flags <= {f.name for f in m.FLAGS}]
        assert fitting, advice
        for command in fitting:
            table = COMMANDS[command].FLAGS
            if name not in {flag.name for flag in table}:
                text = error_of(parse_command, f"kgan.{command}", table, [f"--{name}=7"])
                assert text.startswith(f"--{name}: no such flag; "), text


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--lr=0.1"], "--lr: no such flag; right would be --g_lr=0.1 --d_lr=0.1"),
        (["--lr", "0.1"], "--lr: no such flag; right would be --g_lr=0.1 --d_lr=0.1"),
        (["--niter=100"], "--niter: no such flag; right would be --epochs=100"),
        (["--batchSize=4"], "--batchSize: no such flag; right would be --batch_size=4"),
        (["--batch-size=4"], "--batch-size: no such flag; right would be --batch_size=4"),
        (["--load_size=286"], "--jitter=1.117"),
        (["--kimg=5"], "--steps=5000"),
        (["--save_epoch_freq=5"], "--checkpoint_every=5epochs"),
        (["--gan_mode=lsgan"], "--gan_loss=least_squares"),
        (["--label_smoothing=0.1"], "--real_label=0.9"),
        (["--lambda_L1=100"], "no such flag of this model; others have --l1_weight=100"),
        (["--no_flip"], "right would be --noflip"),
        (["--gpu_ids=0,1"], "CUDA_VISIBLE_DEVICES"),
        (["--continue_train"], "--resume=latest"),
    ],
)
def test_value_is_converted_to_the_unit_of_kgan(arguments, hint):
    assert hint in training_error("--model=dcgan", *arguments)


def test_name_of_other_code_is_translated_without_a_model_and_from_a_flagfile(tmp_path):
    (tmp_path / "theirs").write_text("--model=dcgan\n--niter=7\n")
    assert training_error("--niter=7").endswith("--epochs=7")
    assert training_error(f"--flagfile={tmp_path / 'theirs'}").endswith("--epochs=7")


def test_flag_of_training_is_named_as_such_by_other_commands():
    text = error_of(parse_command, "kgan.export", export.FLAGS, ["--lr=2"])
    assert text == "--lr: no such flag; kgan.train has --g_lr=2 --d_lr=2"


@pytest.mark.parametrize(
    ("given", "meant"),
    [("DCGAN", "dcgan"), ("wgan-gp", "wgan_gp"), ("WGANGP", "wgan_gp"), ("pix2pixHD", "pix2pix")]
    + [("CycleGAN", "cyclegan"), ("cycle_gan", "cyclegan"), ("dcgn", "dcgan"), ("VAE", "vae")],
)
def test_other_spelling_of_a_model_is_recognised(given, meant):
    assert training_error(f"--model={given}").endswith(f"; did you mean {meant}?")


def test_value_may_follow_a_flag_of_a_model_after_a_blank():
    settings = parse_training(["--model", "wgan", "--n_critic", "2", "--steps", "3"])
    assert (settings.values["n_critic"], settings.run.steps) == (2, 3)


def test_conversions_survive_any_text():
    for name in ("kimg", "load_size", "gan_mode", "smooth", "save_epoch_freq", "lr"):
        assert other_names.hint(name, "nonsense", set(SHARED_NAMES) | {"gan_loss", "real_label"})
    assert SHARED_FLAGS

"""Command lines: defaults, given flags, flag files, and what is refused."""

import re

import pytest

from kgan.cli.models import model_names, model_summary
from kgan.cli.parsing import parse_command, parse_training
from kgan.models.base.flags import Flag
from kgan.utils.errors import UserError


def refusal(*arguments):
    """Parses arguments that must be refused; returns the one line of the error."""
    with pytest.raises(UserError) as caught:
        parse_training(arguments)
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def flagfile(folder, *lines):
    path = folder / "some flags.cfg"
    path.write_text("\n".join(lines) + "\n")
    return f"--flagfile={path}"


def test_models_are_the_files_of_the_package():
    assert {"dcgan", "pix2pix", "wgan"} <= set(model_names())
    assert not [name for name in model_names() if name.startswith(("base", "_"))]


def test_model_summary_is_the_first_line_of_its_header():
    assert model_summary("dcgan").startswith("DCGAN: ")


@pytest.mark.parametrize(
    ("arguments", "expected", "given"),
    [
        (
            ["--model=wgan"],
            {"dataset": "digits", "image_size": "32", "batch_size": 64, "g_optimizer": "rmsprop"}
            | {"g_lr": 5e-5, "d_lr": 5e-5, "n_critic": 5, "clip": 0.01},
            {"model"},
        ),
        (["--model=dcgan"], {"g_lr": 2e-4, "epochs": 150, "steps": None}, {"model"}),
        (["--model=pix2pix"], {"dataset": "facades", "batch_size": 1}, {"model"}),
        (
            ["--model=wgan", "--g_lr=0.5", "--n_critic=2"],
            {"g_lr": 0.5, "d_lr": 5e-5, "n_critic": 2},
            {"model", "g_lr", "n_critic"},
        ),
        # A value that equals the default counts as given.
        (["--model=wgan", "--batch_size=64"], {"batch_size": 64}, {"model", "batch_size"}),
        (["--model=dcgan", "--seed=1", "--seed=2"], {"seed": 2}, {"model", "seed"}),
        (
            ["--model=wgan", "--g_hidden=7", "--g_hidden=9"],
            {"g_hidden": [7, 9], "d_hidden": [512, 512, 512]},
            {"model", "g_hidden"},
        ),
        # Steps alone leave the epochs open.
        (["--model=dcgan", "--steps=50"], {"steps": 50, "epochs": None}, {"model", "steps"}),
        (
            ["--model=dcgan", "--steps=50", "--epochs=3"],
            {"steps": 50, "epochs": 3},
            {"model", "steps", "epochs"},
        ),
    ],
)
def test_given_flags_win_over_the_defaults_of_the_model(arguments, expected, given):
    resolved = parse_training(arguments)
    assert expected.items() <= resolved.values.items()
    assert resolved.given == given


def test_settings_are_typed_and_name_the_class_of_the_model():
    resolved = parse_training(["--model=wgan", "--steps=50"])
    assert resolved.model_class.__name__ == "WGAN"
    assert (resolved.data.dataset, resolved.run.batch_size) == ("digits", 64)
    assert (resolved.run.steps, resolved.run.epochs) == (50, None)


def test_flagfile_gives_shared_and_model_flags(tmp_path):
    lines = "# what it is for\n\n--model=wgan\n  --n_critic=3\n// another comment\n--dataset=a b"
    resolved = parse_training([flagfile(tmp_path, lines, "--noexport")])
    expected = {"model": "wgan", "n_critic": 3, "dataset": "a b", "export": False}
    assert expected.items() <= resolved.values.items()
    assert expected.keys() <= resolved.given


def test_a_flag_after_the_flagfile_wins_over_it(tmp_path):
    file = flagfile(tmp_path, "--model=wgan", "--n_critic=3", "--seed=4")
    values = parse_training([file, "--n_critic=6"]).values
    assert (values["n_critic"], values["seed"]) == (6, 4)


@pytest.mark.parametrize(
    ("model", "flag"),
    [
        ("dcgan", "--n_critic=2"),
        ("dcgan", "--l1_weight=1"),
        ("wgan", "--gan_loss=bce"),
        ("pix2pix", "--latent_size=9"),
        ("pix2pix", "--clip=1"),
    ],
)
def test_flags_of_another_model_are_refused(model, flag):
    text = refusal(f"--model={model}", flag)
    assert text.startswith(flag.partition("=")[0] + ": no such flag")


def test_misspelt_flag_gets_a_hint():
    assert refusal("--model=dcgan", "--epocs=3").endswith("did you mean --epochs?")
    assert refusal("--modle=dcgan").endswith("did you mean --model?")


def test_missing_model_lists_the_models():
    text = refusal()
    assert text.startswith("--model") and all(name in text for name in model_names())


# A wrong value, and the flag that the message has to begin with. For the ranges of numbers see
# test_entry.py.
WRONG = [
    *(
        (f"--{name}={value}", name)
        for name, values in {
            "model": ["gann", "DCGAN", "base", "../dcgan", "dcgan.py"],
            "image_size": ["0", "7", "1025", "x", "32x", "x32", "32x32x3", "-32", "3.5"]
            + ["32X32", " 8"],
            "palette": ["FF0000", "FF0000,", "GG0000,000000", "FFF,000", "FF0000;00FF00"]
            + ["#000000,#FFFFFF"],
            "classes": ["", ",", "7,", "7,,8", "7,7"],
            "checkpoint_every": ["0", "0min", "5h", "-5", "min", "1e3", "5 min", "five"],
            "sample_every": ["0epochs", "5minutes", "1,5min"],
            "validate_every": ["", "0s", "nan"],
            "g_lr": ["0", "-1", "x", "nan", "inf", "-inf"],
            "d_lr": ["0", "1e", "nan"],
            "cache_gb": ["-1", "nan", "lots"],
            "batch_size": ["0", "-4", "2.5", "x", "1e3"],
            "epochs": ["0", "-1", "two"],
            "seed": ["-1", str(2**31), "0.5"],
            "strategy": ["multi", "MIRRORED", ""],
            "precision": ["float16", "bfloat16"],
            "g_optimizer": ["adamw", "Adam"],
            "d_optimizer": ["rms"],
            "layout": ["pairs"],
            "direction": ["AB", "atob"],
            "pairs": ["edge"],
            "fit": ["stretch"],
            "channels": ["2", "RGB"],
            "export": ["maybe"],
            "deterministic": ["2"],
            "flip": ["sometimes"],
            "name": ["a/b", "..", ".hidden", "a b", "", "a\nb"],
            "flagfile": ["no-such-file", "."],
            "resume": ["no-such-run"],
            "gan_loss": ["earth_mover"],
            "l1_weight": ["1"],
            "g_options": ["epsilon", "epsilon=small"],
            "no_such_flag": ["1"],
            "network": ["cnn"],
            "g_hidden": ["0", ""],
            "d_hidden": ["8,8", "x"],
        }.items()
        for value in values
    ),
    ("--nomodel", "nomodel"),
    ("--noseed", "noseed"),
    ("--dry_run=maybe", "dry_run"),
]


@pytest.mark.parametrize(("argument", "name"), WRONG)
def test_wrong_input_is_refused_in_one_line_that_names_the_flag(argument, name):
    wgan = name in ("network", "g_hidden", "d_hidden")
    model = f"--model={'wgan' if wgan else 'dcgan'}"
    arguments = [argument] if name == "model" else [model, argument]
    assert re.match(rf"--{name}\b", refusal(*arguments))


@pytest.mark.parametrize("words", [["epochs=3"], ["--", "--epochs=0"], ["dcgan"], ["-"]])
def test_words_that_are_no_flags_are_refused(words):
    assert words[-1] in refusal("--model=dcgan", *words)


def test_flagfile_that_is_an_image_is_refused(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00\x01")
    assert "--flagfile" in refusal(f"--flagfile={path}")


@pytest.mark.parametrize("flag", ["--epochs", "--model=dcgan --seed", "--palette"])
def test_flag_without_a_value_is_refused(flag):
    assert flag.split()[-1].lstrip("-") in refusal("--model=dcgan", *flag.split())


def test_places_may_begin_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    table = (Flag("out", str, None, "A file."), Flag("kind", str, "a", "A word."))
    given = parse_command("kgan.x", table, ["--out=~/a.png", "--kind=b~"])
    assert (given.out, given.kind) == (f"{tmp_path}/a.png", "b~")
    flags = ["--model=gan", "--runs_dir=~/runs", "--export_dir=~/models", "--dataset=~/photos"]
    values = parse_training(flags).values
    assert values["runs_dir"] == f"{tmp_path}/runs"
    assert values["export_dir"] == f"{tmp_path}/models"
    assert values["dataset"] == f"{tmp_path}/photos"


def test_other_commands_refuse_what_is_missing_or_unknown():
    flags = (Flag("run", str, None, "The run folder."), Flag("frames", int, 10, "Frames.", 2))
    parsed = parse_command("kgan.x", flags, ["--run=a/b"], needed=("run",))
    assert (parsed.run, parsed.frames) == ("a/b", 10)
    for arguments, named in (
        ([], "--run is missing"),
        (["--run=a", "--frames=1"], "--frames=1"),
        (["--run=a", "--ru=2"], "--ru: no such flag"),
        (["--run=a", "b"], "b:"),
        (["--run=a"], "--run=a: no run in runs"),
    ):
        with pytest.raises(UserError, match=named) as caught:
            parse_command("kgan.x", flags, arguments, needed=("run",))
        assert "\n" not in str(caught.value)


def test_flag_that_a_stored_run_lacks_has_the_value_that_kgan_computed_with(tmp_path):
    lines = "--model=sngan", "--dataset=digits"
    file = flagfile(tmp_path, *lines)
    assert parse_training([file]).values["g_batch_factor"] == 2
    stored = parse_training([file], stored=True)
    assert stored.values["g_batch_factor"] == stored.values["network_version"] == 1
    both = flagfile(tmp_path, *lines, "--g_batch_factor=3")
    assert parse_training([both], stored=True).values["g_batch_factor"] == 3
    (tmp_path / "flags.cfg").write_text("\n".join(lines))
    assert parse_training([f"--resume={tmp_path}"]).values["g_batch_factor"] == 1
    assert parse_training(stored.as_arguments(stored.values)).values["g_batch_factor"] == 1

import re

import pytest

from kgan.cli.entry import Help
from kgan.cli.flags import SHARED_FLAGS
from kgan.cli.models import model_class, model_names, model_summary
from kgan.cli.parsing import parse_command, parse_training
from kgan.cli.settings import NOT_STORED
from kgan.cli.values import parse_interval, parse_names, parse_palette, parse_size
from kgan.models.base.flags import Flag
from kgan.utils.errors import UserError

# Values other than the default for the flags whose type alone does not give one.
SHARED_VALUES = {
    "validate_metrics": "kid,fid",
    "validate_features": "pixels",
    "semantic_weight": "2.0",
    "dataset": "my images/größe #2",
    "data_dir": "some/where",
    "manual_dir": "/else where",
    "classes": "cat,3",
    "palette": "000000,FFffFF,00ff7F",
    "image_size": "16x32",
    "jitter": "1.25",
    "cache_gb": "0.5",
    "beta_1": "0.25",
    "g_lr": "3e-05",
    "d_lr": "1.5",
    "minutes": "7.5",
    "runs_dir": "other runs",
    "name": "my-run_2.b",
    "export_dir": "/x/y",
    "checkpoint_every": "0.5epochs",
    "sample_every": "30s",
    "validate_every": "7",
    "g_options": "epsilon=1e-05",
    "d_options": "nesterov=true",
    "beta_2": "0.5",
    "ema_half_life": "500",
    "augment": "cutout",
    "init_from": "runs/7",
    "penalty_weight": "3",
    "output_bias": "true",
    "real_label": "0.5",
    "flip_labels": "0.25",
}


def refusal(*arguments):
    """Parses what must be refused; returns the one line."""
    with pytest.raises(UserError) as caught:
        parse_training(arguments)
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def public(resolved):
    """The resolved flags, without what says where they came from."""
    return {k: v for k, v in resolved.values.items() if k != "flagfile"}


def help_text(*arguments):
    """Parses a command line that asks for help; returns the text."""
    with pytest.raises(Help) as caught:
        parse_training(arguments)
    return str(caught.value)


def flagfile(folder, *lines):
    path = folder / "some flags.cfg"
    path.write_text("\n".join(lines) + "\n")
    return f"--flagfile={path}"


def changed_flags(name):
    """Gives every flag of a model, and every shared one, a value that is not its default."""
    model = model_class(name)
    shared = [f for f in SHARED_FLAGS if f.name[:2] != "d_" or "d" in model.player_names]
    arguments = [f"--model={name}"]
    for flag in (*shared, *model.flags()):
        default = model.defaults.get(flag.name, flag.default)
        if flag.name in (*NOT_STORED, "model"):
            continue
        if flag.name in SHARED_VALUES:
            arguments.append(f"--{flag.name}={SHARED_VALUES[flag.name]}")
        elif flag.type is bool:
            arguments.append(f"--no{flag.name}" if default else f"--{flag.name}")
        elif flag.choices:
            other = next(choice for choice in flag.choices if choice != default)
            arguments.append(f"--{flag.name}={other}")
        elif flag.type == list[int]:
            arguments += [f"--{flag.name}=7", f"--{flag.name}=5"]
        else:
            changed = (default or 1) + 1 if flag.type is int else 0.75 * default
            arguments.append(f"--{flag.name}={changed}")
    return arguments


def test_schemes_are_the_files_that_are_no_base():
    assert {"dcgan", "pix2pix", "wgan"} <= set(model_names())
    assert not [name for name in model_names() if name.startswith(("base", "_"))]


def test_defaults_of_the_scheme_fill_what_was_not_given():
    resolved = parse_training(["--model=wgan"])
    assert (
        resolved.values["dataset"],
        resolved.values["image_size"],
        resolved.values["batch_size"],
    ) == ("digits", "32", 64)
    assert (resolved.values["g_optimizer"], resolved.values["g_lr"], resolved.values["d_lr"]) == (
        "rmsprop",
        5e-5,
        5e-5,
    )
    assert (resolved.values["n_critic"], resolved.values["clip"]) == (5, 0.01)
    assert resolved.given == {"model"}
    assert resolved.model_class.__name__ == "WGAN"


def test_each_scheme_has_defaults_of_its_own():
    assert parse_training(["--model=dcgan"]).values["g_lr"] == 2e-4
    assert parse_training(["--model=pix2pix"]).data.dataset == "facades"
    assert parse_training(["--model=pix2pix"]).run.batch_size == 1


def test_a_given_flag_wins_over_the_default():
    resolved = parse_training(["--model=wgan", "--g_lr=0.5", "--n_critic=2"])
    assert (resolved.values["g_lr"], resolved.values["d_lr"], resolved.values["n_critic"]) == (
        0.5,
        5e-5,
        2,
    )
    assert resolved.given == {"model", "g_lr", "n_critic"}


def test_a_given_value_that_equals_the_default_counts_as_given():
    assert "batch_size" in parse_training(["--model=wgan", "--batch_size=64"]).given


def test_flagfile_gives_shared_and_scheme_flags(tmp_path):
    file = flagfile(
        tmp_path,
        "# what it is for",
        "",
        "--model=wgan",
        "  --n_critic=3",
        "// another comment",
        "--dataset=a b",
        "--noexport",
    )
    resolved = parse_training([file])
    assert (resolved.model, resolved.values["n_critic"], resolved.values["dataset"]) == (
        "wgan",
        3,
        "a b",
    )
    assert resolved.values["export"] is False
    assert {"model", "n_critic", "dataset", "export"} <= resolved.given


def test_a_flag_after_the_flagfile_wins_over_it(tmp_path):
    file = flagfile(tmp_path, "--model=wgan", "--n_critic=3", "--seed=4")
    values = parse_training([file, "--n_critic=6"]).values
    assert (values["n_critic"], values["seed"]) == (6, 4)


def test_the_later_of_two_equal_flags_wins():
    assert parse_training(["--model=dcgan", "--seed=1", "--seed=2"]).run.seed == 2


def test_given_layers_replace_the_default_ones():
    values = parse_training(["--model=wgan", "--g_hidden=7", "--g_hidden=9"]).values
    assert (values["g_hidden"], values["d_hidden"]) == ([7, 9], [512, 512, 512])


def test_steps_alone_leave_epochs_open_and_beside_epochs_both_stand():
    alone = parse_training(["--model=dcgan", "--steps=5000"])
    assert (alone.run.steps, alone.run.epochs) == (5000, None)
    both = parse_training(["--model=dcgan", "--steps=5000", "--epochs=3"])
    assert (both.run.steps, both.run.epochs) == (5000, 3)
    assert parse_training(["--model=dcgan"]).run.epochs == 150


@pytest.mark.parametrize(
    ("text", "size"),
    [("32", (32, 32)), ("64x128", (64, 128)), ("8", (8, 8)), ("1024x8", (1024, 8))],
)
def test_sizes_are_height_and_width(text, size):
    assert parse_size("image_size", text) == size


def test_palette_is_read_as_rgb():
    assert parse_palette("palette", "000000,0a10FF") == ((0, 0, 0), (10, 16, 255))


def test_classes_are_names_or_numbers_parted_by_commas():
    assert parse_names("classes", "7,cat, big dog") == ("7", "cat", "big dog")


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("500", (500, "steps")),
        ("3step", (3, "steps")),
        ("20steps", (20, "steps")),
        ("1epoch", (1, "epochs")),
        ("0.5epochs", (0.5, "epochs")),
        ("5min", (300, "seconds")),
        ("1.5min", (90, "seconds")),
        ("45s", (45, "seconds")),
    ],
)
def test_intervals_have_a_number_and_a_unit(text, interval):
    assert parse_interval("sample_every", text) == interval


@pytest.mark.parametrize("scheme", model_names())
def test_flagfile_text_of_the_defaults_parses_back(scheme, tmp_path):
    resolved = parse_training([f"--model={scheme}"])
    path = tmp_path / "flags.cfg"
    path.write_text(resolved.flagfile_text())
    assert public(parse_training([f"--flagfile={path}"])) == public(resolved)


@pytest.mark.parametrize("scheme", model_names())
def test_flagfile_text_of_every_flag_parses_back(scheme, tmp_path):
    arguments = changed_flags(scheme)
    resolved = parse_training(arguments)
    default = parse_training([f"--model={scheme}"])
    same = {n for n in public(default) if resolved.values[n] == default.values[n]}
    assert same == {"model", "help", "resume", "job", "dry_run", "undefok"}, (
        "a flag was not changed"
    )
    path = tmp_path / "flags.cfg"
    path.write_text(resolved.flagfile_text())
    again = parse_training([f"--flagfile={path}"])
    assert public(again) == public(resolved)
    assert again.flagfile_text() == path.read_text()


def test_flagfile_text_keeps_the_length_that_steps_alone_give(tmp_path):
    path = tmp_path / "flags.cfg"
    path.write_text(parse_training(["--model=dcgan", "--steps=5000"]).flagfile_text())
    again = parse_training([f"--flagfile={path}"])
    assert (again.run.steps, again.run.epochs) == (5000, None)


def test_flagfile_text_leaves_out_what_belongs_to_the_command(tmp_path):
    file = flagfile(tmp_path, "--model=dcgan")
    text = parse_training([file, "--dry_run", "--undefok=export"]).flagfile_text()
    assert not re.search("flagfile|dry_run|undefok|help|resume|given|scheme", text)


def saved_run(folder, *arguments):
    run = folder / "00001-small"
    run.mkdir()
    text = parse_training(["--model=wgan", *arguments]).flagfile_text()
    (run / "flags.cfg").write_text(text)
    return run


def test_resume_takes_the_flags_of_the_run(tmp_path):
    run = saved_run(tmp_path, "--n_critic=2", "--seed=9", "--epochs=4")
    resolved = parse_training([f"--resume={run}"])
    assert (
        resolved.model,
        resolved.values["n_critic"],
        resolved.values["seed"],
        resolved.values["epochs"],
    ) == ("wgan", 2, 9, 4)
    assert resolved.values["resume"] == str(run)


def test_resume_lets_the_run_be_lengthened(tmp_path):
    run = saved_run(tmp_path, "--steps=40")
    values = parse_training([f"--resume={run}", "--epochs=7"]).values
    assert (values["steps"], values["epochs"]) == (None, 7)
    values = parse_training([f"--resume={run}", "--steps=90"]).values
    assert (values["steps"], values["epochs"]) == (90, None)
    values = parse_training([f"--resume={run}", "--minutes=3"]).values
    assert (values["steps"], values["epochs"], values["minutes"]) == (
        40,
        None,
        3,
    )


@pytest.mark.parametrize(
    "flag",
    [
        "--seed=1",
        "--g_lr=1",
        "--batch_size=8",
        "--model=dcgan",
        "--n_critic=3",
        "--dataset=digits",
        "--precision=mixed_float16",
        "--deterministic",
        "--flip",
        "--log_every=3",
    ],
)
def test_resume_refuses_what_would_change_the_run(flag, tmp_path):
    run = saved_run(tmp_path)
    assert flag.lstrip("-").partition("=")[0] in refusal(f"--resume={run}", flag)


def test_resume_refuses_a_flagfile_that_would_change_the_run(tmp_path):
    run = saved_run(tmp_path)
    assert "--seed" in refusal(f"--resume={run}", flagfile(tmp_path, "--seed=3"))


def test_resume_refuses_a_folder_that_is_no_run(tmp_path):
    text = refusal(f"--resume={tmp_path}")
    assert text.startswith(f"--resume={tmp_path}") and "flags.cfg" in text


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
def test_flags_of_another_scheme_are_refused(model, flag):
    text = refusal(f"--model={model}", flag)
    assert text.startswith(flag.partition("=")[0] + ": no such flag")


def test_misspelt_flag_gets_a_hint():
    assert refusal("--model=dcgan", "--epoch=3").endswith("did you mean --epochs?")
    assert refusal("--modle=dcgan").endswith("did you mean --model?")


def test_missing_model_lists_the_schemes():
    text = refusal()
    assert text.startswith("--model") and all(name in text for name in model_names())


# A wrong value, and the flag that the message has to begin with.
WRONG = [
    *(
        (f"--{name}={value}", name)
        for name, values in {
            "model": ["gann", "DCGAN", "base", "../dcgan", "dcgan.py"],
            "image_size": [
                "0",
                "7",
                "1025",
                "x",
                "32x",
                "x32",
                "32x32x3",
                "-32",
                "3.5",
                "32X32",
                " 8",
            ],
            "palette": [
                "FF0000",
                "FF0000,",
                "GG0000,000000",
                "FFF,000",
                "FF0000;00FF00",
                "#000000,#FFFFFF",
            ],
            "classes": ["", ",", "7,", "7,,8", "7,7"],
            "checkpoint_every": ["0", "0min", "5h", "-5", "min", "1e3", "5 min", "five"],
            "sample_every": ["0epochs", "5minutes", "1,5min"],
            "validate_every": ["", "0s", "nan"],
            "g_lr": ["0", "-1", "x", "nan", "inf", "-inf"],
            "d_lr": ["0", "1e", "nan"],
            "beta_1": ["1", "1.5", "-0.1", "nan"],
            "minutes": ["0", "-1", "nan", "inf"],
            "jitter": ["0.9", "2.1", "nan"],
            "cache_gb": ["-1", "nan", "lots"],
            "batch_size": ["0", "-4", "2.5", "x", "1e3"],
            "epochs": ["0", "-1", "two"],
            "steps": ["0", "1.5"],
            "seed": ["-1", str(2**31), "0.5"],
            "log_every": ["0"],
            "keep_checkpoints": ["0"],
            "logical_devices": ["0", "65"],
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
            "latent_size": ["0", "x"],
            "width": ["0"],
            "gan_loss": ["earth_mover"],
            "l1_weight": ["1"],
            "no_such_flag": ["1"],
        }.items()
        for value in values
    ),
    ("--nomodel", "nomodel"),
    ("--noseed", "noseed"),
    ("--dry_run=maybe", "dry_run"),
]


@pytest.mark.parametrize(("argument", "name"), WRONG)
def test_wrong_input_is_refused_in_one_line_that_names_the_flag(argument, name):
    arguments = [argument] if name == "model" else ["--model=dcgan", argument]
    assert re.match(rf"--{name}\b", refusal(*arguments))


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--n_critic=0", "n_critic"),
        ("--clip=0", "clip"),
        ("--clip=-1", "clip"),
        ("--clip=nan", "clip"),
        ("--network=cnn", "network"),
        ("--g_hidden=0", "g_hidden"),
        ("--g_hidden=", "g_hidden"),
        ("--d_hidden=8,8", "d_hidden"),
        ("--d_hidden=x", "d_hidden"),
    ],
)
def test_wrong_scheme_flags_are_refused_in_one_line(flag, name):
    assert refusal("--model=wgan", flag).startswith(f"--{name}")


@pytest.mark.parametrize("words", [["epochs=3"], ["--", "--epochs=0"], ["dcgan"], ["-"]])
def test_words_that_are_no_flags_are_refused(words):
    assert words[-1] in refusal("--model=dcgan", *words)


def test_flagfile_that_is_a_image_is_refused(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00\x01")
    assert "--flagfile" in refusal(f"--flagfile={path}")


@pytest.mark.parametrize("flag", ["--epochs", "--model=dcgan --seed", "--palette"])
def test_flag_without_a_value_is_refused(flag):
    assert flag.split()[-1].lstrip("-") in refusal("--model=dcgan", *flag.split())


def test_help_lists_models_and_shared_flags_with_their_defaults():
    text = help_text("--help")
    assert all(f"  {name} " in text for name in model_names())
    assert re.search(r"--checkpoint_every .*\[5min\]", text)
    assert re.search(r"--seed .*\[0\]", text)
    assert "--n_critic" not in text


def test_help_with_a_model_adds_its_flags_and_its_defaults():
    text = help_text("--model=wgan", "--help")
    assert re.search(r"--n_critic .*\[5\]", text)
    assert re.search(r"--g_lr .*\[5e-05\]", text)
    assert "--l1_weight" not in text


def test_scheme_summary_is_the_first_line_of_its_header():
    assert model_summary("dcgan").startswith("DCGAN: ")


COMMAND = (Flag("run", str, None, "The run folder."), Flag("frames", int, 10, "Frames.", 2))


def test_other_commands_refuse_what_is_missing_or_unknown():
    parsed = parse_command("kgan.x", COMMAND, ["--run=a"], needed=("run",))
    assert (parsed.run, parsed.frames) == ("a", 10)
    for arguments, named in (
        ([], "--run is missing"),
        (["--run=a", "--frames=1"], "--frames=1"),
        (["--run=a", "--ru=2"], "--ru: no such flag"),
        (["--run=a", "b"], "b:"),
    ):
        with pytest.raises(UserError, match=named) as caught:
            parse_command("kgan.x", COMMAND, arguments, needed=("run",))
        assert "\n" not in str(caught.value)


def test_help_of_other_commands_lists_their_flags():
    with pytest.raises(Help, match=r"--run +The run folder\."):
        parse_command("kgan.x", COMMAND, ["--help"], needed=("run",))


@pytest.mark.parametrize("text", ["epsilon", "epsilon=small"])
def test_options_that_are_no_numbers_are_refused(text):
    assert refusal("--model=gan", f"--g_options={text}").startswith(f"--g_options={text}: ")

"""Settings as the text of a flag file, and the settings of a resumed run."""

import re

import pytest

from kgan.cli.flags import SHARED_FLAGS
from kgan.cli.models import model_class, model_names
from kgan.cli.parsing import parse_training
from kgan.cli.settings import FREE_ON_RESUME, NOT_STORED
from tests.cli.test_parsing import flagfile, refusal

# Values other than the default, for flags where the type alone does not give one.
PLAIN_VALUES = """
validate_metrics=kid,fid validate_features=pixels semantic_weight=2.0 data_dir=some/where
classes=cat,3 palette=000000,FFffFF,00ff7F image_size=16x32 jitter=1.25 cache_gb=0.5 beta_1=0.25
g_lr=3e-05 d_lr=1.5 minutes=7.5 name=my-run_2.b export_dir=/x/y checkpoint_every=0.5epochs
sample_every=30s validate_every=7 g_options=epsilon=1e-05 d_options=nesterov=true beta_2=0.5
ema_half_life=500 augment=cutout init_from=runs/7 penalty_weight=3 output_bias=true real_label=0.5
flip_labels=0.25 lr_schedule=cosine sides=images,*_mask.png value_range=0,4095
"""
SHARED_VALUES = dict(pair.split("=", 1) for pair in PLAIN_VALUES.split()) | {
    "dataset": "my images/größe #2",
    "manual_dir": "/else where",
    "runs_dir": "other runs",
    "steps_per_execution": "3",
}


def public(resolved):
    """The resolved flags, without the flag that only names their source."""
    return {k: v for k, v in resolved.values.items() if k != "flagfile"}


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
            whole = flag.low if default == flag.high else (default or 1) + 1
            changed = whole if flag.type is int else 0.75 * default or 0.25
            arguments.append(f"--{flag.name}={changed}")
    return arguments


@pytest.mark.parametrize("every_flag", [False, True])
@pytest.mark.parametrize("name", model_names())
def test_flagfile_text_parses_back(name, every_flag, tmp_path):
    default = parse_training([f"--model={name}"])
    resolved = parse_training(changed_flags(name)) if every_flag else default
    if every_flag:
        same = {n for n in public(default) if resolved.values[n] == default.values[n]}
        assert same == {"model", "help", "resume", "job", "dry_run", "undefok"}
    path = tmp_path / "flags.cfg"
    path.write_text(resolved.flagfile_text())
    again = parse_training([f"--flagfile={path}"])
    assert public(again) == public(resolved)
    assert again.flagfile_text() == path.read_text()


def test_flagfile_text_keeps_the_length_that_steps_alone_give(tmp_path):
    file = flagfile(tmp_path, parse_training(["--model=dcgan", "--steps=5000"]).flagfile_text())
    again = parse_training([file])
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


@pytest.mark.parametrize(
    ("saved", "flags", "expected"),
    [
        (["--n_critic=2", "--seed=9", "--epochs=4"], [], {"n_critic": 2, "seed": 9, "epochs": 4}),
        (["--steps=40"], ["--epochs=7"], {"steps": None, "epochs": 7}),
        (["--steps=40"], ["--steps=90"], {"steps": 90, "epochs": None}),
        (["--steps=40"], ["--minutes=3"], {"steps": 40, "epochs": None, "minutes": 3}),
        (["--minutes=5"], ["--minutes=3"], {"minutes": 3}),
        # A limit of time is that of a process.
        (["--minutes=5", "--steps=40"], [], {"minutes": None, "steps": 40}),
    ],
)
def test_resumed_run_keeps_its_flags_and_can_be_lengthened(saved, flags, expected, tmp_path):
    run = saved_run(tmp_path, *saved)
    values = parse_training([f"--resume={run}", *flags]).values
    assert (expected | {"model": "wgan", "resume": str(run)}).items() <= values.items()


CHANGES = "seed=1 g_lr=1 batch_size=8 model=dcgan n_critic=3 flip classes=cat"
CHANGES += " precision=mixed_float16 deterministic"


@pytest.mark.parametrize("flag", CHANGES.split())
def test_resume_refuses_what_would_change_the_run(flag, tmp_path):
    run = saved_run(tmp_path)
    assert flag.partition("=")[0] in refusal(f"--resume={run}", f"--{flag}")


# Each flag of every run, by whether it can change what a resumed run trains.
FREE = """
flagfile undefok help resume job dry_run dataset data_dir manual_dir bad_images bad_limit cache_gb
epochs steps minutes jit steps_per_execution strategy logical_devices export_dir evaluate export
checkpoint_every keep_checkpoints sample_every validate_every max_rollbacks log_every publish
lr_schedule_length
"""
FIXED = """
model classes layout sides direction pairs palette image_size fit channels jitter flip batch_size
seed g_lr g_optimizer g_options d_lr d_optimizer d_options beta_1 beta_2 ema_half_life lr_schedule
lr_decay_from lr_warmup accumulate precision deterministic sync_batch_norm runs_dir name init_from
validate_metrics validate_features validate_count on_collapse label_encoding value_range
"""


def test_flags_that_change_what_is_trained_are_fixed_on_resume(tmp_path):
    known = {*FREE.split(), *FIXED.split()}
    assert {flag.name for flag in SHARED_FLAGS} == known
    assert set(FREE.split()) <= set(FREE_ON_RESUME)
    assert set(FIXED.split()).isdisjoint(FREE_ON_RESUME)


def test_resume_refuses_a_flagfile_that_would_change_the_run(tmp_path):
    run = saved_run(tmp_path)
    assert "--seed" in refusal(f"--resume={run}", flagfile(tmp_path, "--seed=3"))


def test_resume_refuses_a_folder_that_is_no_run(tmp_path):
    text = refusal(f"--resume={tmp_path}")
    assert text.startswith(f"--resume={tmp_path}") and "flags.cfg" in text

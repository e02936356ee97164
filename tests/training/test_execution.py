"""Execution of steps: XLA, and several steps by one call."""

import dataclasses

import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.training import execution
from kgan.training.plan import Plan
from kgan.utils.errors import UserError
from tests.small_runs import DCGAN, command, metrics, train_in
from tests.training.test_loop import assert_same_end

GAN = (
    *("--model=gan", "--dataset=ring", "--network=mlp", "--g_hidden=4", "--d_hidden=4"),
    *("--latent_size=2", "--strategy=none", "--noevaluate", "--noexport", "--log_every=5"),
)


@pytest.mark.parametrize(
    "flags",
    [
        (*GAN, "--batch_size=100"),
        # 20 steps an epoch.
        (*DCGAN, "--noexport", "--batch_size=75", "--width=2", "--log_every=5"),
    ],
)
def test_steps_of_one_execution_are_those_of_several(flags, tmp_path):
    flags += ("--steps=100", "--sample_every=50", "--checkpoint_every=20")
    one, five = (train_in(tmp_path, *flags, f"--steps_per_execution={n}") for n in (1, 5))
    assert_same_end(one, five)
    assert [line["step"] for line in metrics(five, "train")] == list(range(5, 101, 5))
    names = [sorted(path.name for path in run.glob("samples/*")) for run in (one, five)]
    assert names[0] == names[1] and len(names[0]) == 3


def test_number_of_steps_may_change_where_a_run_is_resumed(tmp_path):
    flags = ("--batch_size=100", "--steps=15", "--log_every=30", "--steps_per_execution=5")
    run = train_in(tmp_path, *GAN, *flags)
    before = (run / "flags.cfg").read_text()
    outcome = command("train", f"--resume={run}", "--steps=60", "--steps_per_execution=10")
    assert outcome.error_line == (
        "--steps_per_execution=10: must divide step 15, from which the run is resumed, or what is "
        "due in between would come late; right would be 5"
    )
    assert (run / "flags.cfg").read_text() == before
    outcome = command("train", f"--resume={run}", "--steps=17", "--steps_per_execution=auto")
    assert outcome.status == 0 and metrics(run, "train")[-1]["step"] == 17


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ("--steps_per_execution=7", "--steps=70"),
            "--steps_per_execution=7: must divide --log_every=20, or what is due in between would "
            "come late; right would be 5",
        ),
        (
            ("--steps_per_execution=20", "--steps=30"),
            "--steps_per_execution=20: must divide the run's 30 steps, or what is due in between "
            "would come late; right would be 10",
        ),
        (
            ("--steps_per_execution=20", "--steps=40", "--sample_every=30"),
            "--steps_per_execution=20: must divide --sample_every=30, or what is due in between "
            "would come late; right would be 10",
        ),
        (
            ("--steps_per_execution=10", "--steps=40", "--lr_warmup=4"),
            "--steps_per_execution=10: needs --lr_schedule=constant and --lr_warmup=0, since rates "
            "are set between two executions; right would be 1",
        ),
        (
            ("--steps_per_execution=0",),
            "--steps_per_execution=0: must be auto or a whole number from 1 to 1000",
        ),
        (
            ("--steps_per_execution=many",),
            "--steps_per_execution=many: must be auto or a whole number from 1 to 1000",
        ),
    ],
)
def test_number_of_steps_that_does_not_fit_is_refused(flags, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ("--batch_size=100", "--log_every=20", *flags)
    outcome = command("train", *GAN, *flags)
    assert outcome.error_line == line and list(tmp_path.iterdir()) == []


def settings_and_plan(*flags, total=1000, steps_per_epoch=100):
    settings = parse_training([*GAN, *flags])
    return settings, Plan(settings.run.batch_size, steps_per_epoch, total, settings.run.batch_size)


@pytest.fixture(scope="module")
def small_model():
    return build_model(parse_training(GAN), DataSpec("points", (1,), 2, 2))


@pytest.mark.parametrize(
    ("flags", "sizes", "start", "expected"),
    [
        ((), {}, 0, 5),  # --log_every=5
        (("--log_every=20",), {}, 0, 10),
        (("--log_every=20",), {}, 36, 4),
        (("--log_every=20",), {"total": 1002}, 0, 2),
        (("--log_every=20",), {"steps_per_epoch": 23}, 0, 1),
        (("--log_every=20", "--checkpoint_every=0.08epochs"), {}, 0, 4),  # 8 steps
        (("--log_every=20", "--checkpoint_every=5min"), {}, 0, 10),
        (("--log_every=20", "--lr_schedule=linear"), {}, 0, 1),
    ],
)
def test_auto_is_the_largest_number_at_which_nothing_is_late(
    small_model, flags, sizes, start, expected
):
    settings, plan = settings_and_plan(*flags, **sizes)
    assert execution.steps_per_execution(settings, plan, small_model, start) == expected


def test_auto_is_1_where_steps_are_not_short(small_model, monkeypatch):
    monkeypatch.setattr(execution, "SHORT", 1000)
    settings, plan = settings_and_plan("--log_every=20", "--batch_size=100")
    assert execution.steps_per_execution(settings, plan, small_model) == 1


def test_default_intervals_are_multiples_of_the_steps_of_an_execution():
    _, plan = settings_and_plan(total=1030)
    assert plan.every(None, 20).number == 51
    plan = dataclasses.replace(plan, steps_per_execution=10)
    assert (plan.every(None, 20).number, plan.every(None, 1000).number) == (50, 10)
    assert plan.every((7.0, "steps"), 20).number == 7


@pytest.mark.parametrize(
    ("jit", "gpus", "replicas", "deterministic", "expected"),
    [
        ("auto", [], 1, False, False),
        ("auto", ["GPU:0"], 1, False, True),
        ("auto", ["GPU:0"], 1, True, False),
        ("auto", ["GPU:0", "GPU:1"], 2, False, False),
        ("off", ["GPU:0"], 1, False, False),
        ("on", [], 1, True, True),
    ],
)
def test_xla_is_used_on_one_gpu_or_where_it_is_asked_for(
    jit, gpus, replicas, deterministic, expected, monkeypatch
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert execution.uses_xla(jit, replicas, deterministic) is expected


def test_xla_on_several_replicas_is_refused():
    with pytest.raises(UserError, match=r"^--jit=on: needs a single replica, and there are 2; "):
        execution.uses_xla("on", 2, False)


def test_run_with_xla_trains_and_says_so_in_its_flags(tmp_path):
    run = train_in(tmp_path, *GAN, "--jit=on", "--steps=10", "--steps_per_execution=auto")
    assert "--jit=on\n" in (run / "flags.cfg").read_text()
    assert [line["step"] for line in metrics(run, "train")] == [5, 10]


def test_run_of_an_earlier_kgan_is_resumed_without_xla_by_single_steps(tmp_path):
    path = tmp_path / "flags.cfg"
    path.write_text("\n".join(GAN))
    device = parse_training([f"--resume={tmp_path}"]).device
    assert (device.jit, device.steps_per_execution) == ("off", 1)
    # How steps are executed does not change what they compute, so it may be changed.
    device = parse_training([f"--resume={tmp_path}", "--jit=on", "--steps_per_execution=4"]).device
    assert (device.jit, device.steps_per_execution) == ("on", 4)

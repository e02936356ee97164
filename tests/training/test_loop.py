import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from kgan.callbacks.logging import MeansLogger, Progress
from kgan.callbacks.stopping import StopBySignal
from kgan.runs import checkpoint
from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.training import callbacks
from tests.small_runs import (
    DCGAN,
    GAN,
    command,
    copy_of,
    dcgan_run,
    metrics,
    train_in,
)
from tests.training.reading import events, pngs


@pytest.fixture(autouse=True, scope="module")
def asked_for_determinism():
    """Leaves the op determinism of this process off, which TensorFlow cannot switch off again.

    On a CPU the bits of these small runs are the same without it.
    """
    with mock.patch.object(tf.config.experimental, "enable_op_determinism") as asked:
        yield asked


def weights(run):
    """Reads all arrays of a run's last checkpoint, and its callbacks' state without clocks."""
    arrays, header = checkpoint.read(Run(run).latest())
    header["callbacks"]["means"].pop("seconds")
    return arrays, header


def assert_same_end(first, second):
    """Compares two runs' last checkpoints bit for bit, and what was logged at which step."""
    (one, one_header), (two, two_header) = weights(first), weights(second)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name].tobytes() != two[name].tobytes()] == []
    assert one_header == two_header
    clocks = {"seconds", "images_per_second"}
    logged = [
        [
            {k: v for k, v in line.items() if k not in clocks}
            for line in metrics(run)
            if line["kind"] != "end"  # one for each process that worked on the run
        ]
        for run in (first, second)
    ]
    assert logged[0] == logged[1]


def test_flags_of_a_run_repeat_it(tmp_path, asked_for_determinism):
    flags = (*GAN, "--steps=5", "--log_every=2", "--noexport", "--seed=3")
    asked_for_determinism.reset_mock()
    first = train_in(tmp_path, *flags, "--deterministic")
    asked_for_determinism.assert_called_once_with()
    # What --steps alone gives must not become a cap of the default epochs.
    assert "--epochs" not in (first / "flags.cfg").read_text()
    second = train_in(tmp_path, f"--flagfile={first}/flags.cfg")
    assert (second / "flags.cfg").read_text() == (first / "flags.cfg").read_text()
    assert second.name == "00002-gan-digits"
    assert_same_end(first, second)
    assert pngs(first) == pngs(second)
    for name in pngs(first):
        sheets = [(run / "samples" / name).read_bytes() for run in (first, second)]
        assert sheets[0] == sheets[1]


VALIDATED = ("--validate_every=2", "--validate_metrics=coverage", "--validate_count=20")


class Interrupt(Progress):
    """A progress bar that sends SIGTERM at one step."""

    at = 0

    def on_step(self):
        super().on_step()
        if self.step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    "flags",
    [
        (*GAN, *VALIDATED, "--log_every=3", "--flip"),
        (*GAN, "--model=wgan", "--network=mlp", "--n_critic=2", "--accumulate=2", "--log_every=2"),
    ],
    ids=["gan", "wgan"],
)
def test_interrupted_and_resumed_run_ends_as_an_uninterrupted_one(flags, tmp_path, monkeypatch):
    flags = [*flags, "--deterministic", "--steps=7", "--noexport", f"--runs_dir={tmp_path}"]
    assert command("train", *flags, "--name=whole").status == 0

    monkeypatch.setattr(Interrupt, "at", 5)
    monkeypatch.setattr(callbacks, "Progress", Interrupt)
    outcome = command("train", *flags, "--name=parts")
    whole, parts = sorted(tmp_path.iterdir())
    assert outcome.status == 128 + signal.SIGTERM == 143
    assert checkpoint.saved_steps(parts / "checkpoints") == [0, 5]
    assert max(line["step"] for line in metrics(parts)) == 5
    assert not list(parts.glob("metrics-*"))
    assert f"stopped at step 5 of 7; resume with\n  python -m kgan.train --resume={parts}\n" in (
        outcome.out
    )

    monkeypatch.setattr(Interrupt, "at", -1)
    outcome = command("train", f"--resume={parts}")
    assert outcome.status == 0 and "resumed at step 5 of 7" in outcome.out
    assert_same_end(whole, parts)
    best = [run / "checkpoints" / "best.safetensors" for run in (whole, parts)]
    assert best[0].exists() == best[1].exists() == ("--validate_every=2" in flags)
    if best[0].exists():
        headers = [checkpoint.read(path)[1]["step"] for path in best]
        assert headers[0] == headers[1]
    tags = [
        sorted((s, tag) for s, tag, _ in events(run) if tag.startswith(("train", "val")))
        for run in (whole, parts)
    ]
    assert tags[0] == tags[1]


LONG = (*GAN, "--log_every=1", "--sample_every=1", "--checkpoint_every=4", "--noexport")


def start(tmp_path, *flags, code=None):
    """Starts `python -m kgan.train`, or code that does, with the devices of this process."""
    root = pathlib.Path(__file__).parents[2]
    what = ["-m", "kgan.train"] if code is None else ["-c", code]
    return subprocess.Popen(
        [sys.executable, *what, *flags, f"--runs_dir={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The run that killed ones are compared with."""
    return train_in(tmp_path_factory.mktemp("whole"), *LONG, "--deterministic", "--steps=24")


def test_terminated_process_saves_and_can_be_resumed_as_printed(tmp_path, uninterrupted):
    process = start(tmp_path, *LONG, "--deterministic", "--steps=24")
    until = time.monotonic() + 60
    while not any(len(path.read_text().splitlines()) > 2 for path in tmp_path.glob("*/*.jsonl")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=30)
    (run,) = tmp_path.iterdir()
    assert process.returncode == 143
    stopped = int(re.search(r"stopped at step (\d+) of 24; resume with", printed)[1])
    assert 1 <= stopped < 24
    assert checkpoint.saved_steps(run / "checkpoints")[-1] == stopped
    words = shlex.split(printed.splitlines()[-1])
    assert words[:3] == ["python", "-m", "kgan.train"]
    outcome = command("train", *words[3:])
    assert f"resumed at step {stopped} of 24" in outcome.out
    assert_same_end(uninterrupted, run)
    assert pngs(run) == pngs(uninterrupted)


# Dies by SIGKILL while it writes its third checkpoint, when the temporary file is complete.
KILLED = """
import os, signal, sys
from kgan import train
from kgan.cli import entry

def replace(source, target, original=os.replace):
    if str(target).endswith("step-00000012.safetensors"):
        os.kill(os.getpid(), signal.SIGKILL)
    original(source, target)

os.replace = replace
entry.run(train.main)
"""


def test_killed_process_resumes_from_its_last_checkpoint(tmp_path, uninterrupted):
    process = start(tmp_path, *LONG, "--deterministic", "--steps=24", code=KILLED)
    process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL
    (run,) = tmp_path.iterdir()
    assert checkpoint.saved_steps(run / "checkpoints") == [4, 8]
    assert max(line["step"] for line in metrics(run)) == 12
    (stray,) = run.rglob(".*.writing")
    assert stray.name.startswith(".step-00000012.safetensors.")
    outcome = command("train", f"--resume={run}")
    assert outcome.status == 0 and "resumed at step 8 of 24" in outcome.out
    assert not stray.exists()
    assert_same_end(uninterrupted, run)
    scalars = [(s, tag) for s, tag, v in events(run) if tag.startswith("train/")]
    assert len(scalars) == len(set(scalars))


def test_run_without_a_whole_checkpoint_is_refused_and_unchanged(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    paths = sorted((run / "checkpoints").iterdir())
    for path in paths:
        path.write_bytes(path.read_bytes()[:-100])
    lines = (run / "metrics.jsonl").read_text()
    outcome = command("train", f"--resume={run}", "--steps=12")
    assert outcome.status == 2 and outcome.err.count("\n") == 1
    assert "no whole checkpoint" in outcome.err
    assert all(str(path) in outcome.out for path in paths)
    assert (run / "metrics.jsonl").read_text() == lines
    assert sorted((run / "checkpoints").iterdir()) == paths
    log = (run / "log.txt").read_text()
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    line = command("train", f"--resume={run}").error_line
    assert "no checkpoint" in line and f"--flagfile={run}/flags.cfg starts it again" in line
    assert (run / "log.txt").read_text() == log


def test_finished_run_can_be_lengthened_and_keeps_its_new_length(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
    assert outcome.status == 0 and "resumed at step 10 of 12" in outcome.out
    assert [line["step"] for line in metrics(run, "train")] == [2, 4, 6, 8, 10, 12]
    # Left by a process that was killed after its last checkpoint, before it deleted the oldest.
    surplus = checkpoint.step_path(run / "checkpoints", 4)
    shutil.copy(checkpoint.step_path(run / "checkpoints", 10), surplus)
    outcome = command("train", f"--resume={run}", "--noexport")
    assert outcome.status == 0 and "resumed at step 12 of 12" in outcome.out
    assert checkpoint.saved_steps(run / "checkpoints") == [10, 12]
    assert [line["step"] for line in metrics(run, "train")] == [2, 4, 6, 8, 10, 12]


def test_learning_rates_of_a_lengthened_run_never_rise_unless_asked(tmp_path):
    flags = (*GAN, f"--runs_dir={tmp_path}", "--noexport", "--log_every=1", "--lr_schedule=linear")
    command("train", *flags, "--steps=4", "--lr_warmup=2")
    (run,) = tmp_path.iterdir()
    outcome = command("train", f"--resume={run}", "--steps=6", "--noexport")
    assert "falls over 4 steps, the run has 6" in outcome.out
    rates = [round(line["g_lr"] / 2e-4, 3) for line in metrics(run, "train")]
    assert rates == [0.5, 1, 1, 0.5, 0, 0]
    # The run keeps the length, and another one is taken when it is given.
    outcome = command("train", f"--resume={run}", "--noexport", "--dry_run", "--steps=12")
    assert "falls over 4 steps, the run has 12" in outcome.out
    again = f"--resume={run}", "--steps=12", "--lr_schedule_length=12", "--noexport", "--dry_run"
    assert (
        "learning rates at step 6: 1 of the initial ones, 0 before" in command("train", *again).out
    )


def test_minutes_end_the_run_saved_and_exported(tmp_path):
    folders = (f"--runs_dir={tmp_path}/runs", f"--export_dir={tmp_path}/exports")
    outcome = command("train", *GAN, *folders, "--steps=100000", "--minutes=0.0001", "--name=short")
    assert outcome.status == 0
    run = tmp_path / "runs" / "00001-short"
    start_step, step = checkpoint.saved_steps(run / "checkpoints")
    assert start_step == 0
    assert 1 <= step < 100
    assert f"stopped at step {step} of 100000; resume with" in outcome.out
    assert (tmp_path / "exports" / "short" / "1" / "saved_model.pb").is_file()
    assert f"exported: {tmp_path}/exports/short/1" in outcome.out


def test_two_devices_train_as_replicas_of_the_recipe_s_batch(tmp_path, two_replicas, monkeypatch):
    devices = []

    def strategy(names):
        devices.extend(names)
        return two_replicas  # a process can have only one, see conftest.py

    monkeypatch.setattr(tf.distribute, "MirroredStrategy", strategy)
    flags = [f for f in GAN if not f.startswith(("--batch_size", "--strategy"))]
    flags += ["--strategy=mirrored", "--log_every=1", "--noexport", f"--runs_dir={tmp_path}"]
    outcome = command("train", *flags, "--steps=2", "--name=two")
    assert outcome.status == 0, outcome
    assert [name.rpartition("device:")[2] for name in devices] == ["CPU:0", "CPU:1"]
    # The recipe's 64 for each of two.
    assert "plan: 2 steps of batch 128 (2 replicas of 64)" in outcome.out
    run = tmp_path / "00001-two"
    flags_text = (run / "flags.cfg").read_text()
    assert "--batch_size=128\n" in flags_text and "--sync_batch_norm\n" in flags_text
    assert [line["step"] for line in metrics(run, "train")] == [1, 2]
    assert load_run(str(run)).completed_steps == 2

    outcome = command("train", f"--resume={run}", "--steps=3")
    assert outcome.status == 0 and "resumed at step 2 of 3" in outcome.out
    assert checkpoint.saved_steps(run / "checkpoints") == [2, 3]


def test_signal_in_the_last_step_leaves_nothing_unmeasured(tmp_path, monkeypatch):
    original = StopBySignal.on_step

    def on_step(self):
        if self.step == 3:
            self.received = signal.SIGINT
        original(self)

    monkeypatch.setattr(StopBySignal, "on_step", on_step)
    flags = (*GAN, *VALIDATED, f"--runs_dir={tmp_path}", "--noexport")
    outcome = command("train", *flags, "--steps=3")
    assert outcome.status == 128 + signal.SIGINT
    (run,) = tmp_path.iterdir()
    assert [line["step"] for line in metrics(run, "validation")] == [2, 3]


def test_job_resumes_its_run_and_refuses_other_settings(tmp_path):
    flags = (*GAN, f"--runs_dir={tmp_path}", "--noexport")
    job = (*flags, "--job=night")
    assert command("train", *job, "--steps=2").status == 0
    (run,) = tmp_path.iterdir()
    assert (run / "job.txt").read_text() == "night"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    outcome = command("train", *job, "--steps=4", "--dry_run")
    assert outcome.status == 0 and "plan: 4 steps" in outcome.out, outcome
    outcome = command("train", *job, "--steps=2", "--seed=3")
    assert outcome.status == 2
    assert outcome.err.startswith("error: --seed=3: --job=night is ")
    assert "which has 0; start a new job" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    outcome = command("train", *job, "--steps=4")
    assert outcome.status == 0 and "resumed at step 2 of 4" in outcome.out
    # Another job, or none, starts another run.
    assert command("train", *flags, "--steps=2", "--job=day").status == 0
    assert command("train", *flags, "--steps=2").status == 0
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("parts", "named"), [(2, "norm"), (5, "must divide a replica's batch of 32")]
)
def test_accumulation_that_does_not_fit_is_refused(parts, named, tmp_path):
    line = command(
        "train", *DCGAN, f"--runs_dir={tmp_path}/runs", f"--accumulate={parts}"
    ).error_line
    assert line.startswith(f"--accumulate={parts}: ") and named in line
    assert not (tmp_path / "runs").exists()


class TestInitFrom:
    def test_new_run_starts_from_the_weights_of_another_alone(self, tmp_path):
        flags = (*DCGAN, f"--runs_dir={tmp_path}", "--noexport", f"--init_from={dcgan_run()}")
        assert command("train", *flags, "--steps=1", "--g_lr=1e-9", "--d_lr=1e-9").status == 0
        (run,) = tmp_path.iterdir()
        before, _ = checkpoint.read(Run(dcgan_run()).latest())
        start, header = checkpoint.read(run / "checkpoints" / "step-00000000.safetensors")
        assert header["step"] == 0 and int(start["step"]) == 0
        networks = [n for n in start if n.partition("/")[0] in ("generator", "discriminator")]
        assert len(networks) > 10
        for name in networks:
            np.testing.assert_array_equal(start[name], before[name])
        moments = [n for n in start if n.startswith("g_optimizer/") and "momentum" in n]
        assert moments and not any(start[name].any() for name in moments)

    def test_other_networks_are_refused_by_what_differs(self, tmp_path):
        outcome = command(
            "train", *DCGAN, "--width=8", f"--runs_dir={tmp_path}", f"--init_from={dcgan_run()}"
        )
        assert outcome.status == 2 and outcome.out == ""
        assert outcome.err.startswith(f"error: --init_from={dcgan_run()}: ")
        assert "has shape" in outcome.err
        assert list(tmp_path.iterdir()) == []

    def test_folder_that_is_no_run_is_refused(self, tmp_path):
        outcome = command("train", *DCGAN, f"--runs_dir={tmp_path}", "--init_from=nowhere")
        assert outcome.error_line.startswith("--init_from=nowhere: ")


def test_training_that_ends_by_itself_is_an_error(tmp_path, monkeypatch):
    def forgets_the_default(self):
        if self.step == 2:
            next(iter(()))

    monkeypatch.setattr(MeansLogger, "on_step", forgets_the_default)
    with pytest.raises(RuntimeError, match="by itself after step 2"):
        command("train", *GAN, "--steps=4", "--noexport", f"--runs_dir={tmp_path}")

"""Full disks and folders without write access: one line, and no older file is lost.

The slow test fills real file systems; the others limit the size of files or fail one write.
"""

import errno
import os

import pytest

import kgan
from kgan.runs import checkpoint
from kgan.utils.atomic import find_leftovers
from tests.faults import disks
from tests.faults.limits import FULL, TOO_LARGE, cannot_be_written, largest_file
from tests.small_runs import (
    DCGAN,
    GAN,
    command,
    copy_of,
    dcgan_run,
    metrics,
    pix2pix_run,
)

FLAGS = (*DCGAN, "--steps=16", "--log_every=1", "--checkpoint_every=4", "--sample_every=2")


@pytest.fixture
def full_for(monkeypatch):
    """Returns a function that makes the disk full for one file, when it is renamed."""

    def fill(name, original=os.replace):
        def replace(source, target):
            if os.fspath(target).endswith(name):
                raise OSError(errno.ENOSPC, "No space left on device")
            original(source, target)

        monkeypatch.setattr(os, "replace", replace)

    return fill


@pytest.fixture
def copy(tmp_path):
    """A copy of a small run, into which a test may write."""
    return copy_of(dcgan_run(), tmp_path)


def last_line(outcome):
    """The line of a training that has failed; above it there is only the progress bar."""
    assert outcome.status == 2, outcome
    assert "Traceback" not in outcome.err and outcome.err.count("error:") == 1, outcome
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: "), outcome
    return last.removeprefix("error: ")


@pytest.mark.parametrize("flag", ["runs_dir", "export_dir"])
def test_dry_run_detects_a_place_that_is_no_folder(flag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    line = command("train", *DCGAN, "--dry_run", f"--{flag}=file/below").error_line
    assert line == f"--{flag}=file/below: {cannot_be_written('Not a directory')}"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_dry_run_detects_a_full_disk(tmp_path):
    with largest_file(4000):
        line = command("train", *DCGAN, "--dry_run", f"--runs_dir={tmp_path}/new").error_line
    assert line == f"--runs_dir={tmp_path}/new: {TOO_LARGE}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_dry_run_detects_a_read_only_folder(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    line = command("train", *DCGAN, "--dry_run", f"--runs_dir={tmp_path}/closed/runs").error_line
    assert "cannot be written (Permission denied)" in line


@pytest.mark.parametrize(
    ("size", "refused"),
    [
        (6_000, ["samples/step-00000000.png", "checkpoints/step-00000000.safetensors"]),
        (20_000, ["checkpoints/step-00000000.safetensors"]),
        (60_000, ["tensorboard/events"]),
    ],
)
def test_checkpoint_that_does_not_fit_ends_training_and_other_files_do_not(size, refused, tmp_path):
    with largest_file(size):
        outcome = command("train", *FLAGS, f"--runs_dir={tmp_path}", "--noexport")
    (run,) = tmp_path.iterdir()
    said = outcome.out + outcome.err
    assert said.count("(File too large") == len(refused)
    assert all(f": {run}/{name}" in said for name in refused)
    assert "Traceback" not in said and find_leftovers(tmp_path) == []
    if "checkpoint" in refused[-1]:
        assert last_line(outcome).startswith(f"{run}/{refused[-1]}")
        return
    assert outcome.status == 1 and "is shown: TensorBoard's log (1 time)" in outcome.out
    assert kgan.load(str(run)).completed_steps == 16
    assert [line["step"] for line in metrics(run, "train")] == list(range(1, 17))


def test_new_run_folder_that_cannot_be_filled_is_deleted(tmp_path, monkeypatch):
    def fail(path, text, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", fail)
    line = last_line(command("train", *FLAGS, f"--runs_dir={tmp_path}", "--noexport"))
    assert line == f"--runs_dir={tmp_path}: {FULL}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["flags.cfg", "metrics.jsonl"])
def test_file_that_resuming_cannot_write_is_unchanged(name, copy, full_for):
    before = (copy / name).read_bytes()
    full_for(name)
    outcome = command("train", f"--resume={copy}", "--steps=12", "--noexport")
    assert last_line(outcome) == f"{copy}/{name}: {FULL}"
    assert (copy / name).read_bytes() == before and find_leftovers(copy) == []


def test_log_that_cannot_be_written_is_said_and_does_not_end_the_run(copy):
    (copy / "log.txt").unlink()
    (copy / "log.txt").symlink_to("/dev/full")
    outcome = command("train", f"--resume={copy}", "--steps=12", "--noexport")
    assert outcome.status == 1 and outcome.out.count(f"{copy}/log.txt: {FULL}") == 1
    assert checkpoint.saved_steps(copy / "checkpoints")[-1] == 12


def test_export_that_does_not_fit_leaves_the_run_whole(copy, tmp_path):
    with largest_file(30_000):  # variables and graph are larger
        outcome = command("export", f"--run={copy}", f"--export_dir={tmp_path}/e", "--name=n")
    assert last_line(outcome).startswith(f"--export_dir={tmp_path}/e: cannot be written (File")
    assert list((tmp_path / "e" / "n").iterdir()) == []
    assert kgan.load(str(copy)).completed_steps == 10


def test_generated_images_that_do_not_fit_leave_no_file(tmp_path):
    with largest_file(500):
        outcome = command("generate", f"--run={dcgan_run()}", f"--out={tmp_path}/a.png")
    assert outcome.error_line == f"{tmp_path}/a.png: {TOO_LARGE}"
    assert list(tmp_path.iterdir()) == []


def test_measurements_that_do_not_fit_leave_those_before(tmp_path, full_for):
    run = copy_of(pix2pix_run(), tmp_path)
    kept = run / "metrics-pairs.jsonl"
    before = kept.read_bytes()
    assert command("evaluate", f"--run={run}", "--part=train").status == 0
    twice = kept.read_bytes()
    assert twice.startswith(before) and twice.count(b"\n") == before.count(b"\n") + 1
    full_for("metrics-pairs.jsonl")
    outcome = command("evaluate", f"--run={run}", "--part=validation")
    assert last_line(outcome) == f"{kept}: {FULL}"
    assert kept.read_bytes() == twice and find_leftovers(run) == []


def test_best_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path, full_for):
    full_for("best.safetensors")
    validation = ("--validate_every=2", "--validate_metrics=coverage", "--validate_count=20")
    flags = ("--steps=4", "--checkpoint_every=1", "--noexport", f"--runs_dir={tmp_path}")
    outcome = command("train", *GAN, *flags, *validation)
    (run,) = tmp_path.iterdir()
    assert last_line(outcome) == f"{run}/checkpoints/best.safetensors: {FULL}"
    assert checkpoint.saved_steps(run / "checkpoints") == [0, 1]
    assert kgan.load(str(run)).completed_steps == 1


@pytest.mark.slow
@pytest.mark.skipif(not disks.possible(), reason="no file system can be mounted here")
def test_full_disk_ends_the_run_in_one_line_and_loses_no_checkpoint():
    outcomes = disks.full_disk()
    for outcome in outcomes:
        assert not outcome.traceback, outcome
        assert outcome.damaged == () and outcome.strays == (), outcome
        # Sheets, TensorBoard and the export may be missing from a run that is complete.
        if outcome.status in (0, 1):
            assert max(outcome.whole) == disks.STEPS, outcome
            continue
        assert outcome.status == 2, outcome
        assert "cannot be written (No space left on device); " in outcome.error, outcome
        assert outcome.refused, outcome
        if outcome.whole:
            assert outcome.resumed == 0, outcome
            assert outcome.resumed_from == max(outcome.whole), outcome
            assert 0 <= outcome.lost_steps <= 4, outcome  # checkpoints are 4 steps apart
    refused = {outcome.refused for outcome in outcomes}
    assert {"--runs_dir", "checkpoints"} <= refused

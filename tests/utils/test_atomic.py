"""Tests of what a full disk, a read-only folder and a crash leave behind."""

import contextlib
import errno
import os
import resource

import numpy as np
import pytest
import tensorflow as tf
from safetensors import SafetensorError

import kgan
from kgan.runs import checkpoint, logs
from kgan.runs.folder import Run
from kgan.utils.atomic import atomic_write, check_writable, find_leftovers, report_write_errors
from kgan.utils.errors import UserError
from tests.small_runs import (
    DCGAN,
    PIX2PIX,
    command,
    copy_of,
    dcgan_run,
    metrics,
    pairs_folder,
    pix2pix_run,
)

SAID = "cannot be written ({}); make room or choose another place; what was saved before is kept"
FULL = SAID.format("No space left on device")
TOO_LARGE = SAID.format("File too large")


@contextlib.contextmanager
def largest_file(size):
    """Lets this process write no file larger than `size` bytes: a full disk without a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_for(monkeypatch):
    """Gives a function that makes the disk full for one file, at the moment it is put in place."""

    def fill(name, original=os.replace):
        def replace(source, target):
            if os.fspath(target).endswith(name):
                raise OSError(errno.ENOSPC, "No space left on device")
            original(source, target)

        monkeypatch.setattr(os, "replace", replace)

    return fill


def last_line(outcome):
    """The one line of a training that ended; above it only the progress bar."""
    assert outcome.status == 2, outcome
    assert "Traceback" not in outcome.err and outcome.err.count("error:") == 1, outcome
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: "), outcome
    return last.removeprefix("error: ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "{{function_node f}} /a/b; No space left on device [Op:Save] name: "
            ),
            "No space left on device",
        ),
        (
            SafetensorError("Error while serializing: I/O error: No space left (os error 28)"),
            "No space left",
        ),
        (
            OSError("encoder error -2 when writing image file"),
            "encoder error -2 when writing image file",
        ),
    ],
)
def test_a_write_that_fails_says_what_and_the_systems_reason(error, reason):
    with pytest.raises(UserError) as raised, report_write_errors("--out=a.png"):
        raise error
    assert str(raised.value) == f"--out=a.png: {SAID.format(reason)}"


def test_other_errors_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), report_write_errors("a"):
        raise ZeroDivisionError


def test_file_written_beside_takes_its_place_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as place:
        place.write_text("new")
        assert path.read_text() == "old" and find_leftovers(tmp_path) == [place]
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_file_that_does_not_fit_leaves_the_older_one_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UserError) as raised, largest_file(10), atomic_write(path) as place:
        place.write_text("more than ten bytes")
    assert str(raised.value) == f"{path}: {TOO_LARGE}"
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_checked_place_is_left_as_it_was(tmp_path):
    check_writable("--runs_dir", str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["runs_dir", "export_dir"])
def test_dry_run_notices_a_place_that_takes_no_files(flag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    line = command("train", *DCGAN, "--dry_run", f"--{flag}=file/below").error_line
    assert line == f"--{flag}=file/below: {SAID.format('Not a directory')}"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_dry_run_notices_a_full_disk(tmp_path):
    with largest_file(4000):
        line = command("train", *DCGAN, "--dry_run", f"--runs_dir={tmp_path}/new").error_line
    assert line == f"--runs_dir={tmp_path}/new: {TOO_LARGE}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_dry_run_notices_a_read_only_folder(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    line = command("train", *DCGAN, "--dry_run", f"--runs_dir={tmp_path}/closed/runs").error_line
    assert "cannot be written (Permission denied)" in line


class TestLogs:
    def test_full_disk_under_metrics_is_one_line(self, tmp_path):
        (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
        log = logs.ScalarLog(tmp_path / "metrics.jsonl", tmp_path)
        with pytest.raises(UserError) as raised:
            log.write("train", 1, {"g_loss": 1.0})
        assert str(raised.value) == f"{tmp_path}/metrics.jsonl: {FULL}"

    @pytest.mark.parametrize("size", [10, 100_000], ids=["small", "larger than any buffer"])
    def test_full_disk_under_events_is_one_line(self, tmp_path, size):
        # tf.summary lost an event larger than its buffer without a word.
        events = logs.EventFile.new_in(tmp_path)
        (path,) = tmp_path.iterdir()
        with pytest.raises(UserError) as raised, largest_file(1000):
            for step in range(1000):
                events.write("words", step, "text", "x" * size)
                events.flush()
        assert str(raised.value).startswith(f"{path}: cannot be written (File too large")
        assert path.stat().st_size <= 1000

    def test_events_are_those_that_tensorflow_writes(self, tmp_path):
        ours = logs.EventFile.new_in(tmp_path)
        ours.write("a", 3, "scalars", np.float32(0.1))
        ours.write("b", 4, "text", "wörds")
        ours.close()
        theirs = tf.summary.create_file_writer(str(tmp_path / "theirs"))
        with theirs.as_default():
            tf.summary.scalar("a", 0.1, step=3)
            tf.summary.text("b", "wörds", step=4)
        theirs.close()

        def read(folder):
            (path,) = (p for p in folder.iterdir() if p.is_file())
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                values = [
                    (v.tag, v.metadata, tf.make_ndarray(v.tensor).tolist())
                    for v in event.summary.value
                ]
                yield event.step, event.file_version, values

        assert list(read(tmp_path)) == list(read(tmp_path / "theirs"))
        assert [step for step, *_ in read(tmp_path)] == [0, 3, 4]

    def test_log_that_cannot_be_written_ends_the_run(self, tmp_path):
        run = copy_of(dcgan_run(), tmp_path)
        (run / "log.txt").unlink()
        (run / "log.txt").symlink_to("/dev/full")
        outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
        assert last_line(outcome) == f"{run}/log.txt: {FULL}"
        assert checkpoint.saved_steps(run / "checkpoints") == [8, 10]


class TestTraining:
    """Each limit lets another file be the first that does not fit."""

    FLAGS = (*DCGAN, "--steps=40", "--log_every=1", "--checkpoint_every=4", "--sample_every=2")

    @pytest.mark.parametrize(
        ("size", "refused", "whole"),
        [
            (6_000, "samples/step-00000000.png", []),
            (20_000, "checkpoints/step-00000000.safetensors", []),
            (60_000, "tensorboard/events", [4, 8, 12]),
        ],
    )
    def test_first_file_that_does_not_fit_ends_the_run_in_one_line(
        self, size, refused, whole, tmp_path
    ):
        with largest_file(size):
            outcome = command("train", *self.FLAGS, f"--runs_dir={tmp_path}", "--noexport")
        (run,) = tmp_path.iterdir()
        line = last_line(outcome)
        assert line.startswith(f"{run}/{refused}") and "(File too large" in line
        assert find_leftovers(tmp_path) == []
        steps = checkpoint.saved_steps(run / "checkpoints")
        assert steps == whole[-2:]
        if whole:
            assert kgan.load(str(run)).completed_steps == whole[-1]
            outcome = command("train", f"--resume={run}", "--noexport")
            assert outcome.status == 0 and f"resumed at step {whole[-1]} of 40" in outcome.out
            assert [line["step"] for line in metrics(run, "train")] == list(range(1, 41))

    def test_folder_that_cannot_be_filled_is_not_left_half_made(self, tmp_path, monkeypatch):
        def fail(path, text, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(type(tmp_path), "write_text", fail)
        line = last_line(command("train", *self.FLAGS, f"--runs_dir={tmp_path}", "--noexport"))
        assert line == f"--runs_dir={tmp_path}: {FULL}"
        assert list(tmp_path.iterdir()) == []

    def test_new_length_that_cannot_be_kept_leaves_the_old_flags(self, tmp_path, full_for):
        run = copy_of(dcgan_run(), tmp_path)
        before = (run / "flags.cfg").read_text()
        full_for("flags.cfg")
        outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
        assert last_line(outcome) == f"{run}/flags.cfg: {FULL}"
        assert (run / "flags.cfg").read_text() == before and find_leftovers(run) == []

    def test_metrics_that_cannot_be_cut_back_stay_whole(self, tmp_path, full_for):
        run = copy_of(dcgan_run(), tmp_path)
        before = (run / "metrics.jsonl").read_bytes()
        full_for("metrics.jsonl")
        outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
        assert last_line(outcome) == f"{run}/metrics.jsonl: {FULL}"
        assert (run / "metrics.jsonl").read_bytes() == before and find_leftovers(run) == []

    def test_refused_second_process_leaves_the_length_alone(self, tmp_path):
        run = copy_of(dcgan_run(), tmp_path)
        before = (run / "flags.cfg").read_text()
        with Run(run).lock():
            assert command("train", f"--resume={run}", "--steps=12").status == 2
        assert (run / "flags.cfg").read_text() == before

    def test_export_that_does_not_fit_ends_in_one_line_and_keeps_the_run(self, tmp_path):
        run = copy_of(dcgan_run(), tmp_path)
        with largest_file(30_000):  # the run is done; variables and graph are larger
            outcome = command("export", f"--run={run}", f"--export_dir={tmp_path}/e", "--name=n")
        assert last_line(outcome).startswith(f"--export_dir={tmp_path}/e: cannot be written (File")
        assert list((tmp_path / "e" / "n").iterdir()) == []
        assert kgan.load(str(run)).completed_steps == 10


def test_images_that_do_not_fit_end_in_one_line(tmp_path):
    with largest_file(500):
        outcome = command("generate", f"--run={dcgan_run()}", f"--out={tmp_path}/a.png")
    assert outcome.error_line == f"{tmp_path}/a.png: {TOO_LARGE}"
    assert list(tmp_path.iterdir()) == []


def test_measures_that_do_not_fit_leave_those_before(tmp_path, full_for):
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
    outcome = command(
        "train",
        *PIX2PIX,
        f"--dataset={pairs_folder()}",
        "--steps=4",
        "--validate_every=2",
        "--checkpoint_every=1",
        f"--runs_dir={tmp_path}",
        "--noexport",
    )
    (run,) = tmp_path.iterdir()
    assert last_line(outcome) == f"{run}/checkpoints/best.safetensors: {FULL}"
    assert checkpoint.saved_steps(run / "checkpoints") == [0, 1]
    assert kgan.load(str(run)).completed_steps == 1

"""Tests of which runs are trained, and how their ends are handled; one sweep really trains."""

import json
import pathlib
import shutil
import signal
import sys
import threading
import time

import pytest
from PIL import Image

from kgan import sweep
from kgan.runs.folder import Run, find_job
from kgan.sweeps import record
from kgan.utils import processes
from kgan.utils.errors import UserError
from tests.small_runs import GAN, command
from tests.sweeps.fakes import folder, job, make_grid, make_sweep, rows

ONCE = {job(optimizer, seed): 1 for optimizer in ("sgd", "adam") for seed in (0, 1)}


def starts(out):
    """The number of starts of each run."""
    found = {path.name[6:]: path for path in (out / "runs").iterdir()}
    return {name: len(list(path.glob("start-*"))) for name, path in found.items()}


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of a complete sweep."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "copy"))


def test_each_run_is_trained_once_and_a_second_start_trains_none(copy, capsys):
    assert make_sweep(copy).run() == 0
    assert starts(copy) == ONCE
    assert "4 of them done" in capsys.readouterr().out


def test_run_whose_folder_was_deleted_is_trained_again(copy):
    shutil.rmtree(folder(copy, "sgd", 1))
    make_sweep(copy).run()
    assert starts(copy) == ONCE


def test_training_gets_the_flags_of_its_cell_its_seed_and_its_place(finished):
    words = json.loads((folder(finished, "adam", 1) / "start-0").read_text())
    assert {
        "--model=dcgan",
        "--steps=20",
        "--g_optimizer=adam",
        "--seed=1",
        "--noexport",
        f"--runs_dir={finished}/runs",
        f"--job={job('adam', 1)}",
    } <= set(words)


def test_more_values_and_repeats_train_only_what_is_new(copy):
    # Flags that do not change the training may change.
    wider = make_grid("g_optimizer:rmsprop|sgd|adam", repeats=3, more=("--cache_gb=1",))
    assert make_sweep(copy, cells=wider).run() == 0
    assert set(starts(copy).values()) == {1} and len(starts(copy)) == 9


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"more": ("--width=8",)}, "--width=8: .* has --width=32"),
        ({"more": ("--steps=30",)}, "--steps=30: .* has --steps=20"),
        ({"more": ("--seed=1",)}, "--seed=1: "),
        ({"repeats": 1}, "--repeats=1: "),
        ({"texts": ("g_optimizer:sgd",)}, "has adam"),
        ({"texts": ("d_optimizer:sgd|adam",)}, "varies d_optimizer, .* g_optimizer"),
    ],
)
def test_other_base_settings_are_refused_and_change_nothing(finished, other, named):
    before = (finished / "sweep.json").read_bytes()
    with pytest.raises(UserError, match=named):
        make_sweep(finished, cells=make_grid(*other.pop("texts", ()), **other)).run()
    assert (finished / "sweep.json").read_bytes() == before
    assert starts(finished) == ONCE


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"grid": {}}', '{"grid": 1}', '{"grid": {"g_lr": []}}']
)
def test_damaged_record_is_named(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json: damaged"):
        make_sweep(tmp_path).run()


def test_nan_and_crashes_are_counted_but_only_a_crashed_run_is_trained_again(tmp_path, capsys):
    plan = {job("sgd", 0): [1], job("sgd", 1): ["trace", 0], job("adam", 0): [137, 0]}
    assert make_sweep(tmp_path, plan).run() == 1
    assert [(row["repeats_done"], row["failures"]) for row in rows(tmp_path)] == [
        ("0", "2"),
        ("1", "1"),
    ]
    said = capsys.readouterr().out
    assert "g_optimizer=sgd, seed 0: failed (status 1)" in said
    assert "g_optimizer=sgd, seed 1: crashed (status 1): RuntimeError: no memory" in said
    assert make_sweep(tmp_path, plan).run() == 0
    assert starts(tmp_path) == {**ONCE, job("sgd", 1): 2, job("adam", 0): 2}
    assert [(row["repeats_done"], row["failures"]) for row in rows(tmp_path)] == [
        ("1", "1"),
        ("2", "0"),
    ]


def test_refused_run_stops_the_sweep_with_its_line_and_complete_runs_are_compared(tmp_path):
    with pytest.raises(UserError, match="--dataset=x: not found .g_optimizer=adam, seed 0"):
        make_sweep(tmp_path, {job("adam", 0): [2]}, parallel=1).run()
    assert len(starts(tmp_path)) == 2
    assert [row["repeats_done"] for row in rows(tmp_path)] == ["1", "0"]
    assert (tmp_path / "curves.png").exists()


def test_unknown_measure_stops_after_the_first_run_and_names_the_known_ones(tmp_path):
    message = "--measure=fid: not logged; logged are g_loss, d_loss"
    with pytest.raises(UserError, match=message):
        make_sweep(tmp_path, measures=("fid",), parallel=1).run()
    assert len(starts(tmp_path)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_passed_on_and_the_same_command_resumes(tmp_path, number):
    waiting = [folder(tmp_path, "sgd", 1), folder(tmp_path, "adam", 1)]
    plan = {job("sgd", 1): ["wait", 0], job("adam", 1): ["wait", 0]}

    def send():
        while not all((path / "waiting").exists() for path in waiting):
            time.sleep(0.01)
        signal.raise_signal(number)

    before = signal.getsignal(number)
    threading.Thread(target=send).start()
    assert make_sweep(tmp_path, plan, parallel=2).run() == 128 + number
    assert signal.getsignal(number) is before
    assert [row["repeats_done"] for row in rows(tmp_path)] == ["1", "1"]
    assert make_sweep(tmp_path, plan, parallel=2).run() == 0
    assert starts(tmp_path) == {**ONCE, job("sgd", 1): 2, job("adam", 1): 2}


class Killed(BaseException):
    """Ends a sweep where a SIGKILL would."""


def test_second_sweep_in_a_folder_is_refused(tmp_path):
    with record.lock(tmp_path), pytest.raises(UserError, match="another sweep uses this folder"):
        make_sweep(tmp_path).run()


def test_runs_that_a_killed_sweep_left_are_waited_for(tmp_path, monkeypatch):
    plan, left = {job("sgd", 0): ["wait", 0]}, folder(tmp_path, "sgd", 0)

    def sleep(seconds, original=time.sleep):
        if (left / "waiting").exists():
            raise Killed
        original(seconds)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(time, "sleep", sleep)
        patch.setattr(processes.ProcessGroup, "send", lambda *_: None)
        patch.setattr(processes.ProcessGroup, "end", lambda *_: None)
        make_sweep(tmp_path, plan, parallel=1).run()
    threading.Timer(0.5, (left / "go").touch).start()
    assert make_sweep(tmp_path, plan).run() == 0
    assert (left / "start-1").stat().st_mtime >= (left / "go").stat().st_mtime
    assert starts(tmp_path) == {**ONCE, job("sgd", 0): 2}


class InProcess:
    """Runs `python -m kgan.train` in this process, as a `subprocess.Popen` that has ended."""

    def __init__(self, words, stdout, **options):
        assert words[:3] == [sys.executable, "-m", "kgan.train"]
        outcome = command("train", *words[3:])
        stdout.write((outcome.out + outcome.err).encode())
        self.returncode = outcome.status

    def poll(self):
        return self.returncode

    def wait(self, timeout):
        return self.returncode


def test_sweep_of_real_trainings_has_its_four_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(processes.subprocess, "Popen", InProcess)
    monkeypatch.chdir(tmp_path)
    flags = (
        *("--sweep=g_lr:0.001|0.002", "--repeats=1", *GAN),
        *("--steps=2", "--log_every=1", "--validate_every=2"),
    )
    assert sweep.main([f"--out={tmp_path}/out", *flags]) == 0
    assert [row["repeats_done"] for row in rows(tmp_path / "out")] == ["1", "1"]
    for name in ("curves.png", "samples.png"):
        assert min(Image.open(tmp_path / "out" / name).size) > 100
    first = find_job(f"{tmp_path}/out/runs", "g_lr=0.001+seed=0")
    assert Run(pathlib.Path(first)).settings().values["g_lr"] == 0.001
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

"""Replicas and workers: the same results as one device, and recovery from a lost worker.

All models, and 20 kills each: `python -m pytest -m slow tests/faults/test_replicas.py -s`.
"""

import contextlib
import logging
import os
import random
import sys

import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import model_names
from kgan.distributed import workers
from kgan.runs import checkpoint
from tests.faults import kills, replicas
from tests.small_runs import GAN, command, metrics

SAME = 1e-5  # relative to the largest entry of an array, or to 1


def difference_after(one, run, step):
    paths = (checkpoint.step_path(folder / "checkpoints", step) for folder in (one, run))
    return replicas.largest_difference(*paths)


def test_largest_difference_is_relative_to_arrays_above_one(tmp_path):
    first = {"small": np.float32([0.5, -0.25]), "large": np.float32([100, -400]), "n": np.int64(3)}
    second = {**first, "small": np.float32([0.5, -0.2]), "large": np.float32([100, -360])}
    header = {"scheme": "x", "settings": {}, "step": 0, "callbacks": {}}
    for name, arrays in (("1", first), ("2", second)):
        checkpoint.write(tmp_path / f"{name}.safetensors", arrays, header)
    found = replicas.largest_difference(tmp_path / "1.safetensors", tmp_path / "2.safetensors")
    assert found == (pytest.approx(0.1), "large")  # 40 / 400; the other one 0.05


def test_two_workers_train_one_run_which_the_chief_alone_writes(tmp_path):
    flags = replicas.launched(GAN)
    run = replicas.finished([*flags, "--steps=4", "--log_every=1", "--noexport"], tmp_path)
    assert [line["step"] for line in metrics(run, "train")] == [1, 2, 3, 4]
    assert checkpoint.saved_steps(run / "checkpoints") == [0, 4]
    assert "2 replicas of 16 in 2 workers" in (run / "log.txt").read_text()


def test_lost_worker_ends_training_with_the_status_that_means_try_again(monkeypatch, tmp_path):
    class Lost(workers.Workers):
        @contextlib.contextmanager
        def watched(self):
            raise workers.LostWorkerError("connection reset")
            yield

    monkeypatch.setattr(workers, "join", lambda *_: Lost(tf.distribute.get_strategy()))
    monkeypatch.setattr(os, "_exit", sys.exit)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    outcome = command("train", *GAN, f"--runs_dir={tmp_path}")
    assert outcome.status == 75 and "connection reset" in outcome.out


@pytest.mark.slow
def test_training_in_which_a_worker_was_killed_continues_by_itself(tmp_path):
    model = model_names()[0]
    flags = ["--workers=2", *replicas.launched(kills.training_flags(model, tmp_path))]
    outcome = replicas.killed(flags, tmp_path / "try", random.Random("short"), 0)
    assert outcome["status"] == 0 and outcome["starts"] == 2, outcome["output"]
    steps = [line["step"] for line in kills.curve(outcome["run"]) if line["kind"] == "train"]
    assert steps == [*range(4, 41, 4), 42]  # none doubled, none missing


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names())
def test_state_after_a_step_is_the_same_however_the_batch_is_distributed(model, tmp_path):
    made = replicas.spread(model, 2, tmp_path)
    one = made.pop("1 device")
    found = {name: difference_after(one, run, 1) for name, run in made.items()}
    print(f"\n{model}: {found}")
    assert max(value for value, _ in found.values()) < SAME


@pytest.mark.slow
def test_killed_worker_changes_no_bit(tmp_path):
    found = replicas.worker_killed(model_names(), 20, tmp_path)
    print("\n".join(replicas.worker_killed_in_words(found)["details"]))
    assert all(count["differ"] == 0 for count in found.values())

import io
import json
import sys

import numpy as np
import pytest

from kgan.callbacks.base import StepCallback
from kgan.callbacks.logging import MachineLogger, MeansLogger, Progress
from tests.callbacks.fakes import LOSSES, FakeLog, FakeModel, train


def test_lines_hold_the_mean_over_the_steps_since_the_last_line():
    log = FakeLog()
    train(FakeModel(), [MeansLogger(log, 2, 4, images_per_step=3)], 5, [1.0, 3.0, 10.0, 20.0, 7.0])
    assert log.of("train", "g_loss") == [(2, 2.0), (4, 15.0)]


@pytest.mark.parametrize("every", [1, 2, 3, 4, 100])
def test_epoch_lines_hold_the_mean_over_all_steps_whatever_the_interval_of_lines(every):
    log = FakeLog()
    train(FakeModel(), [MeansLogger(log, every, 4, images_per_step=1)], 8, LOSSES)
    # By hand: (1 + 2 + 3 + 10) / 4 and (5 + 5 + 5 + 9) / 4; the last values are 10 and 9.
    assert log.of("epoch", "g_loss") == [(4, 4.0), (8, 6.0)]
    assert log.of("epoch", "epoch") == [(4, 1.0), (8, 2.0)]


def test_lines_hold_learning_rates_and_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    log = FakeLog()
    means = MeansLogger(log, 2, 100, images_per_step=3)
    means.set_model(FakeModel())
    means.on_train_begin()
    means.on_epoch_begin(0)
    for batch in range(4):
        now[0] += 0.5 if batch < 2 else 2.0
        means.on_train_batch_end(batch)
    # Two steps of three images in 1 s, then in 4 s.
    assert log.of("train", "images_per_second") == [(2, 6.0), (4, 1.5)]
    assert log.of("train", "seconds") == [(2, 1.0), (4, 5.0)]
    assert log.of("train", "g_lr") == [(2, 0.25), (4, 0.25)]


def test_logger_resumes_from_its_state_in_the_middle_of_an_epoch_and_of_a_line():
    logs = whole, first, second = FakeLog(), FakeLog(), FakeLog()
    alone, stopped, resumed = (MeansLogger(log, 2, 4, 1) for log in logs)
    train(FakeModel(), [alone], 8, LOSSES)
    model = FakeModel()
    train(model, [stopped], 3, LOSSES[:3])
    resumed.restore(json.loads(json.dumps(stopped.state())))
    train(model, [resumed], 5, LOSSES[3:])
    for kind in ("train", "epoch"):
        assert first.of(kind, "g_loss") + second.of(kind, "g_loss") == whole.of(kind, "g_loss")
    seconds = [value for _, value in first.of("train", "seconds") + second.of("train", "seconds")]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(("failed", "steps"), [(False, [3]), (True, [])])
def test_machine_use_is_logged_at_the_end_of_a_run_that_has_not_failed(failed, steps):
    log = FakeLog()
    train(FakeModel(), [MachineLogger(log, lambda: failed)], 3)
    assert [line["step"] for line in log.lines if line["kind"] == "end"] == steps
    assert all(line["peak_memory_mb"] > 10 and line["cores"] >= 1 for line in log.lines)


def test_progress_into_a_file_shows_the_end_with_losses_in_few_lines(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    means = MeansLogger(FakeLog(), 1, 1000, images_per_step=2)
    train(FakeModel(step=100), [means, Progress(600, means)], 500, np.full(500, 0.25))
    states = written.getvalue().split("\r")
    assert "600/600" in states[-1] and "g_loss=0.25" in states[-1] and "images/s=" in states[-1]
    assert len(states) < 5


def test_bar_ends_where_the_limit_of_time_will_be(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ends = []

    class Tick(StepCallback):
        def on_step(self):
            now[0] += 3.0

    class Note(Progress):
        def on_step(self):
            super().on_step()
            ends.append(self._bar.total)

    means = MeansLogger(FakeLog(), 20, 100, 64)
    train(FakeModel(step=100), [Tick(), Note(110, means, minutes=0.5)], 4, end=False)
    assert ends == [110] * 4  # ten steps in half a minute
    ends.clear()
    train(FakeModel(step=100), [Tick(), Note(105, means, minutes=0.5)], 2, end=False)
    assert ends == [105] * 2  # the run ends first

import io
import json
import os
import signal
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kgan.callbacks.base import Every, StepCallback
from kgan.callbacks.checkpoint import Checkpoints
from kgan.callbacks.learning_rates import LearningRates
from kgan.callbacks.logging import MachineLogger, MeansLogger, Progress
from kgan.callbacks.samples import SampleImages
from kgan.callbacks.stopping import StopBySignal, TimeLimit
from kgan.callbacks.validation import Validation
from kgan.plots import grids
from kgan.runs import checkpoint

STEPS_PER_EPOCH = 4


class FakeModel:
    """What callbacks ask of a model: logged means that the test feeds, no networks."""

    preview_columns = ()

    def __init__(self, step=0):
        self.completed_steps = step
        self.attempt = 0
        self.losses = []
        self.optimizers = {"g_optimizer": keras.optimizers.SGD(0.25)}
        self.stop_training = False
        self.answers = []
        self.kept_means = False

    def means(self):
        return {"g_loss": float(np.mean(self.losses))}

    def reset_metrics(self):
        self.losses = []

    def keep_means(self):
        self.kept_means = True

    def state(self):
        return {"weight": keras.Variable(np.float32([1, 2]), name="weight")}

    def preview(self, examples):
        return np.zeros((2, 3, 4, 4, 1), np.float32)

    def validate(self, batches):
        assert list(batches) == ["a batch"]
        return {"val_l1": self.answers.pop(0)}


class FakeLog:
    """Keeps what is written."""

    def __init__(self):
        self.lines = []
        self.images = []
        self.flushed = 0

    def write(self, kind, step, values):
        self.lines.append({"kind": kind, "step": step, **values})

    def image(self, name, step, image):
        self.images.append((name, step, image.size))

    def flush(self):
        self.flushed += 1

    def of(self, kind, name):
        return [(line["step"], line[name]) for line in self.lines if line["kind"] == kind]


def train(model, hooks, steps, losses=None, *, begin=True, end=True):
    """Goes through `steps` steps as `fit` does with one epoch; `losses` are fed to the means."""
    for hook in hooks:
        hook.set_model(model)
    if begin:
        for hook in hooks:
            hook.on_train_begin()
        for hook in hooks:
            hook.on_epoch_begin(0)
    for batch in range(steps):
        if losses is not None:
            model.losses.append(losses[batch])
        model.completed_steps += 1
        for hook in hooks:
            hook.on_train_batch_end(batch)
        if model.stop_training:
            break
    if end:
        for hook in hooks:
            hook.on_train_end()


def due_steps(every, last=20):
    return [step for step in range(1, last + 1) if every.due(step)]


def test_every_counts_steps():
    assert due_steps(Every(6, "steps", STEPS_PER_EPOCH)) == [6, 12, 18]


def test_every_counts_epochs_and_parts_of_them():
    assert due_steps(Every(2, "epochs", STEPS_PER_EPOCH)) == [8, 16]
    assert due_steps(Every(0.5, "epochs", STEPS_PER_EPOCH), 8) == [2, 4, 6, 8]
    # Less than a step is every step.
    assert due_steps(Every(0.1, "epochs", STEPS_PER_EPOCH), 3) == [1, 2, 3]


def test_every_counts_seconds_since_it_was_last_due():
    now = [100.0]
    every = Every(5, "seconds", STEPS_PER_EPOCH, clock=lambda: now[0])
    seen = []
    for step, seconds in enumerate([104.9, 105.0, 107.0, 112.0, 113.0, 117.0], start=1):
        now[0] = seconds
        if every.due(step):
            seen.append(step)
    assert seen == [2, 4, 6]


def test_steps_go_on_counting_in_a_resumed_run():
    seen = []

    class Noting(StepCallback):
        def on_step(self):
            seen.append(self.step)

    train(FakeModel(step=7), [Noting()], 3)
    assert seen == [8, 9, 10]


def test_lines_hold_the_mean_over_the_steps_since_the_last_line():
    log = FakeLog()
    means = MeansLogger(log, 2, STEPS_PER_EPOCH, images_per_step=3)
    train(FakeModel(), [means], 5, [1.0, 3.0, 10.0, 20.0, 7.0])
    assert log.of("train", "g_loss") == [(2, 2.0), (4, 15.0)]


def test_epoch_lines_hold_the_mean_over_all_steps_however_often_is_logged():
    losses = [1.0, 2.0, 3.0, 10.0, 5.0, 5.0, 5.0, 9.0]
    # By hand: (1 + 2 + 3 + 10) / 4 and (5 + 5 + 5 + 9) / 4; the last values are 10 and 9.
    for every in (1, 2, 3, 4, 100):
        log = FakeLog()
        means = MeansLogger(log, every, STEPS_PER_EPOCH, images_per_step=1)
        train(FakeModel(), [means], 8, losses)
        assert log.of("epoch", "g_loss") == [(4, 4.0), (8, 6.0)]
        assert log.of("epoch", "epoch") == [(4, 1.0), (8, 2.0)]


def test_lines_hold_learning_rates_and_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    log = FakeLog()
    means = MeansLogger(log, 2, 100, images_per_step=3)
    model = FakeModel()
    means.set_model(model)
    means.on_train_begin()
    means.on_epoch_begin(0)
    for batch in range(4):
        now[0] += 0.5 if batch < 2 else 2.0
        means.on_train_batch_end(batch)
    # Two steps of three images in 1 s, then in 4 s.
    assert log.of("train", "images_per_second") == [(2, 6.0), (4, 1.5)]
    assert log.of("train", "seconds") == [(2, 1.0), (4, 5.0)]
    assert log.of("train", "g_lr") == [(2, 0.25), (4, 0.25)]


def test_logger_goes_on_from_its_state_in_the_middle_of_an_epoch_and_of_a_line():
    losses = [1.0, 2.0, 3.0, 10.0, 5.0, 5.0, 5.0, 9.0]
    whole, first, second = FakeLog(), FakeLog(), FakeLog()
    train(FakeModel(), [MeansLogger(whole, 2, STEPS_PER_EPOCH, 1)], 8, losses)
    stopped, model = MeansLogger(first, 2, STEPS_PER_EPOCH, 1), FakeModel()
    train(model, [stopped], 3, losses[:3])
    resumed = MeansLogger(second, 2, STEPS_PER_EPOCH, 1)
    resumed.restore(json.loads(json.dumps(stopped.state())))
    train(model, [resumed], 5, losses[3:])
    for kind in ("train", "epoch"):
        assert first.of(kind, "g_loss") + second.of(kind, "g_loss") == whole.of(kind, "g_loss")
    seconds = [value for _, value in first.of("train", "seconds") + second.of("train", "seconds")]
    assert seconds == sorted(seconds)


class RateOfEachStep(StepCallback):
    """Notes with which rate each step was taken; stands before the one that sets the next."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def on_step(self):
        rate = self.model.optimizers["g_optimizer"].learning_rate
        self.rates.append(round(float(rate), 6))


def rates_of(model, steps, schedule="linear", total=8):
    noted = RateOfEachStep()
    schedule = LearningRates({"g_optimizer": 0.8}, total, schedule)
    train(model, [noted, schedule], steps)
    return noted.rates


def test_rates_fall_from_half_of_the_run_on():
    # Constant for four of eight steps; step number 4 is the first that is counted down from.
    wanted = [0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.4, 0.2]
    assert rates_of(FakeModel(), 8) == wanted
    assert rates_of(FakeModel(), 8, "constant") == [0.8] * 8


def test_resumed_run_has_the_rates_of_one_that_was_not_interrupted():
    whole = rates_of(FakeModel(), 8)
    for start in range(8):
        assert rates_of(FakeModel(step=start), 8 - start) == whole[start:]


def test_each_attempt_halves_the_rates_of_the_schedule():
    model = FakeModel()
    model.attempt = 2
    assert rates_of(model, 8) == [0.2, 0.2, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]
    assert rates_of(model, 2, "constant", total=20) == [0.2, 0.2]


class FakeWriter(Checkpoints):
    """A checkpoint writer over a callback with a state."""

    def __init__(self, folder, every=2, keep=2, stateful=None, last_step=None):
        self.refused = []
        super().__init__(
            folder,
            {"scheme": "s"},
            Every(every, "steps", 4),
            keep,
            stateful or {},
            refuse=self.refused.append,
            last_step=last_step,
        )


def test_last_checkpoints_are_kept_and_older_ones_pruned(tmp_path):
    train(FakeModel(), [FakeWriter(tmp_path)], 9)
    # Due at 2, 4, 6, 8; the end adds 9.
    assert checkpoint.saved_steps(tmp_path) == [8, 9]


def test_end_does_not_write_a_step_twice(tmp_path):
    writer = FakeWriter(tmp_path)
    train(FakeModel(), [writer], 4, end=False)
    before = checkpoint.step_path(tmp_path, 4).stat().st_mtime_ns
    writer.on_train_end()
    assert checkpoint.step_path(tmp_path, 4).stat().st_mtime_ns == before


def test_pruning_leaves_the_best_and_foreign_files_alone(tmp_path):
    for name in ("best.safetensors", "step-notes.safetensors", "readme.txt"):
        (tmp_path / name).write_text("mine")
    train(FakeModel(), [FakeWriter(tmp_path, every=1, keep=1)], 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.safetensors",
        "readme.txt",
        "step-00000003.safetensors",
        "step-notes.safetensors",
    ]


def test_header_holds_step_and_states_and_load_gives_them_back(tmp_path):
    validation = Validation(FakeLog(), None, None, "val_l1", None)
    validation.best = 0.5
    train(FakeModel(), [FakeWriter(tmp_path, stateful={"validation": validation})], 2)
    arrays, header = checkpoint.read(checkpoint.step_path(tmp_path, 2))
    assert (header["scheme"], header["step"]) == ("s", 2)
    assert header["callbacks"] == {"validation": {"best": 0.5, "measured": -1}}
    np.testing.assert_array_equal(arrays["weight"], np.float32([1, 2]))

    fresh = Validation(FakeLog(), None, None, "val_l1", None)
    model = FakeModel()
    loader = FakeWriter(tmp_path, stateful={"validation": fresh})
    assert loader.load(checkpoint.step_path(tmp_path, 2), model) == 2
    assert fresh.best == 0.5
    assert model.kept_means, "the first reset of `fit` would drop the restored means"


def samples_of(log, folder, every):
    return SampleImages(log, folder, every, lambda model: grids.image_grid(model.preview(None)))


def test_checkpoint_of_the_last_step_comes_after_all_that_the_end_brings(tmp_path):
    log, steps_at_end = FakeLog(), []
    samples = samples_of(log, tmp_path, Every(3, "steps", 4))

    class Look(StepCallback):
        def on_train_end(self, logs=None):
            steps_at_end.extend(checkpoint.saved_steps(tmp_path))

    writer = FakeWriter(tmp_path, every=2, keep=9, last_step=4)
    train(FakeModel(), [samples, Look(), writer], 4)
    # Whoever is killed before the end has no checkpoint of step 4, and so does the end again.
    assert steps_at_end == [0, 2]
    assert checkpoint.saved_steps(tmp_path) == [0, 2, 4]
    assert [step for _, step, _ in log.images] == [0, 3, 4]


def test_damaged_last_checkpoint_is_written_anew(tmp_path):
    train(FakeModel(), [FakeWriter(tmp_path, every=2, keep=9)], 4)
    checkpoint.step_path(tmp_path, 4).write_bytes(b"torn")
    model = FakeModel(step=2)
    writer = FakeWriter(tmp_path, every=2, keep=9, last_step=4)
    writer.load(checkpoint.step_path(tmp_path, 2), model)
    train(model, [writer], 2)
    assert checkpoint.read(checkpoint.step_path(tmp_path, 4))[1]["step"] == 4


def test_one_checkpoint_too_many_that_a_killed_process_left_is_pruned(tmp_path):
    train(FakeModel(), [FakeWriter(tmp_path, every=1, keep=4)], 3)
    assert checkpoint.saved_steps(tmp_path) == [0, 1, 2, 3]
    model = FakeModel(step=3)
    writer = FakeWriter(tmp_path, every=9, keep=2)
    writer.load(checkpoint.step_path(tmp_path, 3), model)
    train(model, [writer], 0, end=False)
    assert checkpoint.saved_steps(tmp_path) == [2, 3]


def test_logs_are_flushed_before_a_checkpoint_is_written(tmp_path, monkeypatch):
    log = FakeLog()
    means = MeansLogger(log, 2, 4, 1)
    flushed = []
    monkeypatch.setattr(checkpoint, "write", lambda *a: flushed.append(log.flushed))
    train(FakeModel(), [means, FakeWriter(tmp_path, stateful={"means": means})], 2, end=False)
    # Before the first step and after the second.
    assert flushed == [1, 2]


def validation_of(model, log, every=2, interrupted=lambda: False):
    kept = []
    hook = Validation(
        log,
        Every(every, "steps", 4),
        lambda: model.validate(["a batch"]),
        "val_l1",
        lambda: kept.append(model.completed_steps),
        interrupted,
    )
    return hook, kept


def test_each_new_lowest_measure_is_kept_as_the_best():
    model, log = FakeModel(), FakeLog()
    model.answers = [0.5, 0.7, 0.4, 0.4, 0.6]
    hook, kept = validation_of(model, log)
    train(model, [hook], 9)
    assert log.of("validation", "val_l1") == [(2, 0.5), (4, 0.7), (6, 0.4), (8, 0.4), (9, 0.6)]
    assert kept == [2, 6]
    assert hook.state() == {"best": 0.4, "measured": 9}


def test_highest_is_kept_where_higher_is_better():
    model, log, kept = FakeModel(), FakeLog(), []
    model.answers = [0.5, 0.7, 0.6, 0.8]
    hook = Validation(
        log,
        Every(1, "steps", 4),
        lambda: model.validate(["a batch"]),
        "val",
        lambda: kept.append(model.completed_steps),
        lower_is_better=False,
    )
    train(model, [hook], 4)
    assert kept == [1, 2, 4] and hook.best == 0.8


def test_best_of_an_earlier_part_of_the_run_is_not_forgotten():
    model, log = FakeModel(step=10), FakeLog()
    model.answers = [0.5, 0.3]
    hook, kept = validation_of(model, log)
    hook.restore({"best": 0.4})
    train(model, [hook], 4)
    assert kept == [14]


def test_nan_is_never_the_best():
    model, log = FakeModel(), FakeLog()
    model.answers = [float("nan"), 0.5, float("nan")]
    hook, kept = validation_of(model, log)
    train(model, [hook], 6)
    assert kept == [4]


def test_interrupted_run_is_not_measured_at_its_end():
    model, log = FakeModel(), FakeLog()
    model.answers = [0.5]
    hook, _ = validation_of(model, log, interrupted=lambda: True)
    train(model, [hook], 3)
    assert log.of("validation", "val_l1") == [(2, 0.5)]


def test_samples_are_drawn_at_the_start_now_and_then_and_at_the_end(tmp_path):
    log = FakeLog()
    hook = samples_of(log, tmp_path, Every(3, "steps", 4))
    train(FakeModel(), [hook], 7)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"step-{step:08d}.png" for step in (0, 3, 6, 7)
    ]
    assert [(name, step) for name, step, _ in log.images] == [
        ("samples", 0),
        ("samples", 3),
        ("samples", 6),
        ("samples", 7),
    ]
    # Images of 4 pixels are enlarged 12 times, with 2 pixels of white between and around.
    assert Image.open(tmp_path / "step-00000003.png").size == (3 * 50 + 2, 2 * 50 + 2)


def test_samples_are_drawn_once_where_the_end_was_due_anyway(tmp_path):
    log = FakeLog()
    train(FakeModel(), [samples_of(log, tmp_path, Every(3, "steps", 4))], 6)
    assert [step for _, step, _ in log.images] == [0, 3, 6]


def test_resumed_run_does_not_draw_its_start_again(tmp_path):
    log = FakeLog()
    hook = samples_of(log, tmp_path, Every(3, "steps", 4))
    train(FakeModel(step=4), [hook], 3)
    assert [step for _, step, _ in log.images] == [6, 7]


def test_run_that_goes_on_from_its_start_does_not_draw_it_again(tmp_path):
    log = FakeLog()
    first = samples_of(log, tmp_path, Every(3, "steps", 4))
    train(FakeModel(), [first], 0, end=False)
    resumed = samples_of(log, tmp_path, Every(3, "steps", 4))
    resumed.restore(first.state())
    train(FakeModel(), [resumed], 3)
    assert [step for _, step, _ in log.images] == [0, 3]


def test_rolled_back_run_is_measured_and_drawn_again_at_its_end(tmp_path):
    model, log = FakeModel(), FakeLog()
    model.answers = [0.5, 0.4, 0.3]
    validation, _ = validation_of(model, log, every=2)
    samples = samples_of(log, tmp_path, Every(2, "steps", 4))
    train(model, [validation, samples], 2, end=False)
    kept = [hook.state() for hook in (validation, samples)]
    train(model, [validation, samples], 1)
    model.completed_steps = 2
    for hook, state in zip((validation, samples), kept, strict=True):
        hook.restore(state)
    train(model, [validation, samples], 1)
    assert [step for step, _ in log.of("validation", "val_l1")] == [2, 3, 3]
    assert [step for _, step, _ in log.images] == [0, 2, 3, 3]


def test_machine_is_logged_at_the_end_but_not_of_what_failed():
    for failed, steps in ((False, [3]), (True, [])):
        log = FakeLog()
        train(FakeModel(), [MachineLogger(log, lambda failed=failed: failed)], 3)
        assert [line["step"] for line in log.lines if line["kind"] == "end"] == steps
        assert all(line["peak_memory_mb"] > 10 and line["cores"] >= 1 for line in log.lines)


def test_clock_ends_training_after_the_step_in_which_time_is_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    model = FakeModel()

    class Tick(StepCallback):
        def on_step(self):
            now[0] += 25.0

    train(model, [Tick(), TimeLimit(minutes=1)], 10)
    assert model.completed_steps == 3  # 25, 50, 75 seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_training_after_the_running_step(number):
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    model, stop = FakeModel(), StopBySignal()

    class Sender(StepCallback):
        def on_step(self):
            if self.step == 2:
                os.kill(os.getpid(), number)

    train(model, [Sender(), stop], 10)
    assert model.completed_steps == 2
    assert stop.received == number
    assert {n: signal.getsignal(n) for n in before} == before


def test_second_control_c_ends_at_once():
    # A shell starts its background jobs, as a build machine's, with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    model, stop = FakeModel(), StopBySignal()
    train(model, [stop], 0, end=False)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        stop.on_train_end()
        signal.signal(signal.SIGINT, before)


def test_progress_into_a_file_shows_the_end_with_losses_and_few_lines(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    means = MeansLogger(FakeLog(), 1, 1000, images_per_step=2)
    train(FakeModel(step=100), [means, Progress(600, means)], 500, np.full(500, 0.25))
    states = written.getvalue().split("\r")
    assert "600/600" in states[-1] and "g_loss=0.25" in states[-1] and "images/s=" in states[-1]
    assert len(states) < 5

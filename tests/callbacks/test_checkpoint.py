import numpy as np
import pytest

from kgan.callbacks.base import StepCallback
from kgan.callbacks.checkpoint import Checkpoints
from kgan.callbacks.logging import MeansLogger
from kgan.callbacks.validation import Validation
from kgan.runs import checkpoint
from tests.callbacks.fakes import FakeLog, FakeModel, steps, train


@pytest.fixture
def saver(tmp_path):
    """Returns a function that makes the callback."""

    def make(every=2, keep=2, stateful=None, **more):
        return Checkpoints(tmp_path, {"scheme": "s"}, steps(every), keep, stateful or {}, **more)

    return make


def test_newest_checkpoints_are_kept_and_older_ones_deleted(saver, tmp_path):
    train(FakeModel(), [saver()], 9)
    # Due at 2, 4, 6, 8; the end adds 9.
    assert checkpoint.saved_steps(tmp_path) == [8, 9]


def test_end_does_not_write_a_step_twice(saver, tmp_path):
    callback = saver()
    train(FakeModel(), [callback], 4, end=False)
    before = checkpoint.step_path(tmp_path, 4).stat().st_mtime_ns
    callback.on_train_end()
    assert checkpoint.step_path(tmp_path, 4).stat().st_mtime_ns == before


def test_best_and_foreign_files_are_not_deleted(saver, tmp_path):
    foreign = {"best.safetensors", "step-notes.safetensors", "readme.txt"}
    for name in foreign:
        (tmp_path / name).write_text("mine")
    train(FakeModel(), [saver(every=1, keep=1)], 3)
    assert {path.name for path in tmp_path.iterdir()} == foreign | {"step-00000003.safetensors"}


def test_header_holds_step_and_states_and_load_restores_them(saver, tmp_path):
    written, restored = (Validation(FakeLog(), None, None, "val_l1", None) for _ in range(2))
    written.best = 0.5
    train(FakeModel(), [saver(stateful={"validation": written})], 2)
    path = checkpoint.step_path(tmp_path, 2)
    arrays, header = checkpoint.read(path)
    assert (header["scheme"], header["step"]) == ("s", 2)
    assert header["callbacks"] == {
        "validation": {"best": 0.5, "best_name": "val_l1", "measured": -1, "lower_is_better": True}
    }
    np.testing.assert_array_equal(arrays["weight"], np.float32([1, 2]))
    model = FakeModel()
    assert saver(stateful={"validation": restored}).load(path, model) == 2
    assert restored.best == 0.5
    assert model.kept_means, "the first reset of `fit` would drop the restored means"


def test_checkpoint_of_the_last_step_comes_after_the_end_of_all_other_callbacks(saver, tmp_path):
    steps_at_end = []

    class Record(StepCallback):
        def on_train_end(self, logs=None):
            steps_at_end.extend(checkpoint.saved_steps(tmp_path))

    train(FakeModel(), [Record(), saver(keep=9, last_step=4)], 4)
    # A run killed before the end has no checkpoint of step 4, so its end is repeated.
    assert steps_at_end == [0, 2]
    assert checkpoint.saved_steps(tmp_path) == [0, 2, 4]


def test_damaged_last_checkpoint_is_written_again(saver, tmp_path):
    train(FakeModel(), [saver(keep=9)], 4)
    checkpoint.step_path(tmp_path, 4).write_bytes(b"torn")
    model, callback = FakeModel(step=2), saver(keep=9, last_step=4)
    callback.load(checkpoint.step_path(tmp_path, 2), model)
    train(model, [callback], 2)
    assert checkpoint.read(checkpoint.step_path(tmp_path, 4))[1]["step"] == 4


def test_surplus_checkpoint_of_a_killed_process_is_deleted(saver, tmp_path):
    train(FakeModel(), [saver(every=1, keep=4)], 3)
    assert checkpoint.saved_steps(tmp_path) == [0, 1, 2, 3]
    model, callback = FakeModel(step=3), saver(every=9)
    callback.load(checkpoint.step_path(tmp_path, 3), model)
    train(model, [callback], 0, end=False)
    assert checkpoint.saved_steps(tmp_path) == [2, 3]


def test_logs_are_flushed_before_a_checkpoint_is_written(saver, monkeypatch):
    log, flushed = FakeLog(), []
    means = MeansLogger(log, 2, 4, 1)
    monkeypatch.setattr(checkpoint, "write", lambda *a: flushed.append(log.flushed))
    train(FakeModel(), [means, saver(stateful={"means": means})], 2, end=False)
    # Before the first step and after the second.
    assert flushed == [1, 2]


def test_nothing_is_written_of_a_failed_run_or_of_weights_that_are_not_finite(saver, tmp_path):
    train(FakeModel(), [saver(failed=lambda: True)], 2)
    model, names = FakeModel(), []
    model.state = lambda: {"bad": np.float32([np.nan]), "good": np.float32([1])}
    train(model, [saver(on_non_finite=names.append)], 2, end=False)
    assert checkpoint.saved_steps(tmp_path) == []
    assert names == [["bad"], ["bad"]]

"""Failures of what shows or measures a training do not end it; that of a checkpoint does."""

import errno

import pytest

from kgan.callbacks.health import CollapseMonitor, NaNGuard
from kgan.callbacks.logging import MeansLogger, Progress
from kgan.callbacks.samples import SampleImages
from kgan.callbacks.validation import Validation
from kgan.runs.logs import NoLog
from kgan.utils.errors import UserError
from kgan.utils.failures import Failures
from tests.callbacks.fakes import FakeLog, FakeModel, steps, train

# The last two are what Keras takes for the end of the data.
ERRORS = [
    UserError("photo.jpg: damaged"),
    OSError(errno.ENOSPC, "No space left on device"),
    MemoryError(),
    StopIteration(),
]


def failing(error):
    def fail(*arguments, **options):
        raise error

    return fail


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_training_continues_and_each_kind_is_said_once(error, tmp_path, monkeypatch, caplog):
    failures, model, log = Failures(), FakeModel(), FakeLog()
    model.diversity = failing(error)
    means = MeansLogger(NoLog(), 2, 4, 1)
    progress = Progress(6, means, failures=failures)
    hooks = [
        SampleImages(log, tmp_path, steps(2), failing(error), failures),
        Validation(log, steps(2), failing(error), "val_l1", failing(error), failures=failures),
        CollapseMonitor(log, means, NaNGuard(2), "warn", 2, failures),
        progress,
    ]
    monkeypatch.setattr(progress, "_show", failing(error))
    monkeypatch.setattr("kgan.utils.failures.logger.propagate", True)
    train(model, hooks, 6)
    assert model.completed_steps == 6 and log.lines == [] and list(tmp_path.iterdir()) == []
    assert failures.counts == {
        "sample sheets": 4,  # one at the start
        "validation": 3,
        "the check of diversity": 3,
        "the progress bar": 6,
    }
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 4 and all("; training continues" in line for line in said)


def test_best_checkpoint_that_cannot_be_written_ends_training():
    error = UserError("best.safetensors: cannot be written")
    hook = Validation(FakeLog(), steps(1), lambda: {"val_l1": 1.0}, "val_l1", failing(error))
    with pytest.raises(UserError, match="best"):
        train(FakeModel(), [hook], 1)


def test_training_goes_on_without_a_bar_where_its_pipe_is_closed(monkeypatch):
    """As in `python -m kgan.train … 2>&1 | head -1`."""
    monkeypatch.setattr("kgan.utils.progress.bar", failing(BrokenPipeError(errno.EPIPE, "pipe")))
    failures, model = Failures(), FakeModel()
    train(model, [Progress(2, MeansLogger(NoLog(), 2, 4, 1), failures=failures)], 2)
    assert model.completed_steps == 2 and failures.counts == {"the progress bar": 1}

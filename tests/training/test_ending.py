"""What follows on a training: the export before the measurements, and failures of both."""

import pathlib
import types
from unittest import mock

import pytest
import tensorflow as tf

from kgan.cli.parsing import parse_training
from kgan.runs.export import Export
from kgan.runs.folder import Run
from kgan.training import ending
from kgan.utils.errors import UserError
from kgan.utils.failures import Failures
from kgan.utils.messages import log_file, logger, start_logging

ERRORS = [
    UserError("cache: cannot be written (Permission denied)"),
    MemoryError(),
    OSError(5, "Input/output error"),
    ValueError("a file of two\nlines"),
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
]


@pytest.fixture
def finish(tmp_path, monkeypatch, capsys):
    """Returns a function that ends a training whose export or evaluation fails."""

    def run(*flags, received=None, failures=None, **errors):
        done = []

        def act(verb, result=None):
            def called(*arguments, **options):
                done.append(verb)
                if verb in errors:
                    raise errors[verb]
                return result

            return called

        made = Export(pathlib.Path("saved_models/mine/1"), "published as version 1 of mine")
        monkeypatch.setattr(ending, "export_run", act("export", made))
        monkeypatch.setattr(ending, "evaluate_run", act("evaluate"))
        training = types.SimpleNamespace(
            settings=parse_training(["--model=gan", *flags]),
            run=Run(tmp_path),
            model=mock.Mock(completed_steps=9),
            plan=mock.Mock(total_steps=9),
            dataset=None,
            watch=mock.Mock(),
            failures=failures or Failures(),
        )
        # The handler of an earlier command writes to a standard output that is gone.
        logger.handlers.clear()
        start_logging()
        with log_file(tmp_path / "log.txt"):
            status = ending.finish(training, received)
        logger.handlers.clear()
        return status, done, capsys.readouterr().out

    return run


def test_export_is_written_before_anything_is_measured(finish):
    status, done, out = finish()
    assert (status, done) == (0, ["export", "evaluate"])
    assert "exported: saved_models/mine/1\npublished as version 1" in out
    assert finish("--noexport")[1] == ["evaluate"]
    assert finish("--noevaluate")[1] == ["export"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("verb", ["export", "evaluate"])
def test_failure_of_one_costs_the_other_nothing_and_is_said_in_one_line(
    verb, error, finish, tmp_path
):
    status, done, out = finish(**{verb: error})
    assert (status, done) == (1, ["export", "evaluate"])
    (line,) = [line for line in out.splitlines() if line.startswith("error: ")]
    assert f"but {verb} failed: " in line and "Traceback" not in out
    assert line.endswith(f"; python -m kgan.{verb} --run={tmp_path} does it again")
    # What only a developer needs is in the log.
    is_users = isinstance(error, UserError)
    assert ("Traceback" in (tmp_path / "log.txt").read_text()) != is_users


def test_nothing_follows_on_a_training_that_a_signal_ended(finish):
    status, done, out = finish(received=15)
    assert (status, done) == (143, [])
    assert "resume with" in out


def test_failures_during_a_training_are_said_at_its_end_and_by_the_status(finish):
    failures = Failures()
    for step in (2, 4):
        with failures.tolerated("sample sheets", f"step {step}"):
            raise ValueError("no sheet")
    status, done, out = finish(failures=failures)
    assert status == ending.FAILED and done == ["export", "evaluate"]
    assert out.splitlines()[-1].endswith("is shown: sample sheets (2 times)")

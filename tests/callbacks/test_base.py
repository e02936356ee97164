import pytest

from kgan.callbacks.base import Every, StepCallback
from tests.callbacks.fakes import FakeModel, train


@pytest.mark.parametrize(
    ("number", "unit", "expected"),
    [
        (3, "steps", [3, 6, 9]),
        (2, "epochs", [8]),
        (0.5, "epochs", [2, 4, 6, 8, 10]),
        (0.1, "epochs", [*range(1, 11)]),
    ],
)
def test_interval_in_steps_or_epochs_of_four_steps(number, unit, expected):
    every = Every(number, unit, 4)
    assert [step for step in range(1, 11) if every.due(step)] == expected


def test_interval_in_seconds_is_counted_from_when_it_was_last_due():
    now = [100.0]
    every = Every(5, "seconds", 4, clock=lambda: now[0])
    seen = []
    for step, seconds in enumerate([104, 105, 106, 111, 112, 116], start=1):
        now[0] = seconds
        if every.due(step):
            seen.append(step)
    assert seen == [2, 4, 6]


def test_resumed_run_continues_the_count_of_steps():
    seen = []

    class Note(StepCallback):
        def on_step(self):
            seen.append(self.step)

    train(FakeModel(step=7), [Note()], 3)
    assert seen == [8, 9, 10]


def test_interval_in_steps_ends_after_its_time_at_the_latest():
    now = [0.0]
    every = Every(4, "steps", 4, clock=lambda: now[0], seconds=10)
    seen = []
    # The steps become slower.
    for step, seconds in enumerate([1, 2, 3, 4, 12, 13, 15, 16, 22, 24, 27], start=1):
        now[0] = seconds
        if every.due(step):
            seen.append(step)
    assert seen == [4, 7, 8, 11]

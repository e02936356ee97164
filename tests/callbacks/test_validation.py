import pytest

from kgan.callbacks.validation import Validation
from tests.callbacks.fakes import FakeLog, FakeModel, steps, train

NAN = float("nan")


def validation_of(model, values, every=2, **more):
    """A callback that measures these values one after another; also its log and the best steps."""
    log, kept, left = FakeLog(), [], list(values)

    def measure():
        return {"val_l1": left.pop(0)}

    def keep():
        kept.append(model.completed_steps)

    return Validation(log, steps(every), measure, "val_l1", keep, **more), log, kept


@pytest.mark.parametrize(
    ("values", "lower_is_better", "best_steps", "best"),
    [
        ([0.5, 0.7, 0.4, 0.4, 0.6], True, [2, 6], 0.4),
        ([0.5, 0.7, 0.6, 0.8, 0.1], False, [2, 4, 8], 0.8),
        ([NAN, 0.5, NAN, 0.6, 0.7], True, [4], 0.5),
    ],
)
def test_each_new_best_value_is_kept_and_nan_never_is(values, lower_is_better, best_steps, best):
    model = FakeModel()
    hook, log, kept = validation_of(model, values, lower_is_better=lower_is_better)
    train(model, [hook], 9)
    assert [step for step, _ in log.of("validation", "val_l1")] == [2, 4, 6, 8, 9]
    assert kept == best_steps
    state = {"best": best, "best_name": "val_l1", "measured": 9}
    assert hook.state() == {**state, "lower_is_better": lower_is_better}


def test_best_of_an_earlier_part_of_the_run_is_not_forgotten():
    model = FakeModel(step=10)
    hook, _, kept = validation_of(model, [0.5, 0.3])
    hook.restore({"best": 0.4})
    train(model, [hook], 4)
    assert kept == [14]


@pytest.mark.parametrize(
    ("stored", "kept_steps"),
    [
        ({"best": 0.4, "best_name": "fid_pixels_100_of_360"}, []),
        # Another sample, and a version that took the first 100 and did not store a name.
        ({"best": 0.4, "best_name": "fid_pixels_100_of_361"}, [12]),
        ({"best": 0.4}, [12]),
    ],
)
def test_best_value_is_compared_only_with_those_of_its_own_protocol(stored, kept_steps):
    model, kept, values = FakeModel(step=10), [], [0.5, 0.6]

    def measure():
        return {"fid_pixels_100_of_360": values.pop(0)}

    hook = Validation(
        FakeLog(), steps(2), measure, "fid", lambda: kept.append(model.completed_steps)
    )
    hook.restore(stored)
    train(model, [hook], 4)
    assert kept == kept_steps


def test_interrupted_run_is_not_measured_at_its_end():
    model = FakeModel()
    hook, log, _ = validation_of(model, [0.5], interrupted=lambda: True)
    train(model, [hook], 3)
    assert log.of("validation", "val_l1") == [(2, 0.5)]


def test_run_that_was_rolled_back_is_measured_again_at_its_end():
    model = FakeModel()
    hook, log, _ = validation_of(model, [0.5, 0.4, 0.3])
    train(model, [hook], 2, end=False)
    state = hook.state()
    train(model, [hook], 1)
    model.completed_steps = 2
    hook.restore(state)
    train(model, [hook], 1)
    assert [step for step, _ in log.of("validation", "val_l1")] == [2, 3, 3]

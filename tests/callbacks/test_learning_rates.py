import dataclasses

import pytest

from kgan.callbacks.base import StepCallback
from kgan.callbacks.learning_rates import LearningRates
from tests.callbacks.fakes import FakeModel, train

# Constant for four of eight steps; step number 4 is the first that is counted down from.
LINEAR = [0.8, 0.8, 0.8, 0.8, 0.8, 0.6, 0.4, 0.2]


@dataclasses.dataclass(eq=False)
class RecordRates(StepCallback):
    """Records the rate of each step; called before the callback that sets the next one."""

    rates: list

    def on_step(self):
        self.rates.append(round(float(self.model.optimizers["g_optimizer"].learning_rate), 6))


def rates_of(model, steps, schedule="linear", total=8, **options):
    rates = []
    schedule = LearningRates({"g_optimizer": 0.8}, total, schedule, **options)
    train(model, [RecordRates(rates), schedule], steps)
    return rates


def test_rates_fall_from_half_of_the_run_on():
    assert rates_of(FakeModel(), 8) == LINEAR
    assert rates_of(FakeModel(), 8, "constant") == [0.8] * 8


@pytest.mark.parametrize("start", [1, 4, 7])
def test_resumed_run_has_the_rates_of_one_that_was_not_interrupted(start):
    assert rates_of(FakeModel(step=start), 8 - start) == LINEAR[start:]


# Thirds of 0.8 in a warm-up of three steps, to three decimals.
WARM = [0.267, 0.533, 0.8, 0.8, 0.8, 0.6, 0.4, 0.2]


@pytest.mark.parametrize("start", [0, 1, 2, 3, 6])
def test_warm_up_rises_to_the_full_rate_and_goes_on_after_a_resumption(start):
    rates = rates_of(FakeModel(step=start), 8 - start, warmup=3)
    assert rates == pytest.approx(WARM[start:], abs=5e-4)


def test_warm_up_of_a_constant_rate_ends_with_it():
    assert rates_of(FakeModel(), 5, "constant", warmup=2) == [0.4, 0.8, 0.8, 0.8, 0.8]


def test_each_attempt_halves_the_rates_of_the_warm_up():
    model = FakeModel(step=1)
    model.current_attempt = 1
    assert rates_of(model, 3, "constant", warmup=4) == [0.2, 0.3, 0.4]


def test_each_attempt_halves_the_rates_of_the_schedule():
    model = FakeModel()
    model.current_attempt = 2
    assert rates_of(model, 8) == [0.2, 0.2, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05]
    assert rates_of(model, 2, "constant", total=20) == [0.2, 0.2]

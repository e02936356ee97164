"""Learning rates set for each step from a schedule."""

from collections.abc import Mapping

import keras

from kgan.callbacks.base import StepCallback
from kgan.utils import schedules


class LearningRates(StepCallback):
    """Sets each optimiser's learning rate for the next step.

    A rate is a function of the step and of the rollback's attempt, which halves it, and of
    nothing else: a resumed run has the rates of one that was never interrupted.

    Args:
        rates: by optimiser's name, what the schedule begins with.
        total_steps: where the run ends.
        schedule: one of `kgan.utils.schedules.SCHEDULES`.
        decay_from: share of the run from which the rates fall.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        total_steps: int,
        schedule: str = "constant",
        decay_from: float = 0.5,
    ):
        super().__init__()
        self.rates = dict(rates)
        self.total_steps = total_steps
        self.schedule = schedule
        self.decay_from = decay_from

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._halved = 0.5 ** int(keras.ops.convert_to_numpy(self.model.attempt))
        self._set()

    def on_step(self):
        if self.schedule != "constant":
            self._set()

    def _set(self):
        factor = self._halved * schedules.learning_rate_factor(
            self.schedule, self.step, self.total_steps, self.decay_from
        )
        for name, optimizer in self.model.optimizers.items():
            optimizer.learning_rate = self.rates[name] * factor

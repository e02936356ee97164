"""Learning rates set for each step from a schedule."""

import dataclasses
from collections.abc import Mapping

from kgan.callbacks.base import StepCallback
from kgan.utils import schedules


@dataclasses.dataclass(eq=False)
class LearningRates(StepCallback):
    """Sets each optimizer's learning rate for the next step.

    A rate depends only on the step and on the number of rollbacks, each of which halves it, so
    that a resumed run has the rates of one that was never interrupted.

    Args:
        rates: initial learning rates by optimizer name.
        total_steps: step at which a schedule has reached zero.
        schedule: one of `kgan.utils.schedules.SCHEDULES`.
        decay_from: share of the run from which the rates fall, in [0, 1].
        warmup: number of steps at the start in which the rates rise linearly from 0; 0: none.

    Example:
        >>> callback = LearningRates({"g_optimizer": 2e-4}, total_steps=1000, schedule="linear")
        >>> callback.decay_from
        0.5
    """

    rates: Mapping[str, float]
    total_steps: int
    schedule: str = "constant"
    decay_from: float = 0.5
    warmup: int = 0

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._halved = 0.5**self.model.current_attempt
        self._set()

    def on_step(self):
        if self.schedule != "constant" or self.step < self.warmup:
            self._set()

    def _set(self):
        settings = (self.schedule, self.step, self.total_steps, self.decay_from, self.warmup)
        factor = self._halved * schedules.learning_rate_factor(*settings)
        for name, optimizer in self.model.optimizers.items():
            optimizer.learning_rate = self.rates[name] * factor

"""Validation during training, which marks the best checkpoint."""

import logging
import math
from collections.abc import Callable, Mapping

from kgan.callbacks.base import Every, StepCallback
from kgan.runs.logs import ScalarLog

logger = logging.getLogger("kgan")


class Validation(StepCallback):
    """Measures the model and keeps the best checkpoint.

    Args:
        log: where the numbers go.
        every: when.
        measure: gives numbers by name.
        decisive: what the name of the number begins with that decides.
        lower_is_better: whether the lowest is the best, or the highest.
        keep_best: called when a new best is there.
        interrupted: says whether the run is only interrupted: then its end measures nothing, so
            that the resumed run is measured where an uninterrupted one is.
    """

    def __init__(
        self,
        log: ScalarLog,
        every: Every,
        measure: Callable[[], Mapping[str, float]],
        decisive: str,
        keep_best: Callable[[], None],
        interrupted: Callable[[], bool] = lambda: False,
        lower_is_better: bool = True,
    ):
        super().__init__()
        self.log = log
        self.every = every
        self.measure = measure
        self.decisive = decisive
        self.keep_best = keep_best
        self.interrupted = interrupted
        self.sign = 1.0 if lower_is_better else -1.0
        self.best: float | None = None
        self._measured = -1

    def on_step(self):
        if self.every.due(self.step):
            self._measure()

    def on_train_end(self, logs=None):
        if self._measured != self.step and not self.interrupted():
            self._measure()

    def _measure(self):
        values = self.measure()
        self.log.write("validation", self.step, values)
        self._measured = self.step
        # No bare `next`: Keras takes a StopIteration for the end of the data.
        (name, *_) = [
            name for name in values if name == self.decisive or name.startswith(f"{self.decisive}_")
        ]
        # A NaN is below nothing, so it is never the best.
        if self.best is None:
            better = math.isfinite(values[name])
        else:
            better = self.sign * values[name] < self.sign * self.best
        if better:
            self.best = values[name]
            self.keep_best()
            logger.info("step %d: best %s so far, %.4f", self.step, name, self.best)

    def state(self):
        return {"best": self.best, "measured": self._measured}

    def restore(self, state):
        self.best = state.get("best")
        self._measured = state.get("measured", -1)

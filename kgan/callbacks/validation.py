"""Validation during training, which selects the best checkpoint."""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping

from kgan.callbacks.base import Every, StepCallback
from kgan.runs.logs import NoLog, ScalarLog
from kgan.utils.failures import Failures

logger = logging.getLogger("kgan")


@dataclasses.dataclass(eq=False)
class Validation(StepCallback):
    """Measures the model at intervals and keeps the best checkpoint.

    Args:
        log: receives the values.
        every: interval between measurements.
        measure: returns values by name.
        criterion: beginning of the name of the value that selects the best checkpoint.
        keep_best: called when the value is the best so far.
        interrupted: returns whether the run is only interrupted. Nothing is measured at its end
            then, so that a resumed run is measured at the steps of an uninterrupted one.
        lower_is_better: whether the lowest value is the best, or the highest.
        failures: notes those of measuring, which do not end the training.

    Example:
        >>> measure, keep = (lambda: {"val_l1": 0.5}), (lambda: print("a new best"))
        >>> validation = Validation(NoLog(), Every(1, "steps", 10), measure, "val_l1", keep)
        >>> validation.on_step()
        a new best
        >>> validation.best
        0.5
    """

    stored = {
        "best": "best",
        "best_name": "best_name",
        "lower_is_better": "lower_is_better",
        "measured": "_measured",
    }

    log: ScalarLog | NoLog
    every: Every
    measure: Callable[[], Mapping[str, float]]
    criterion: str
    keep_best: Callable[[], None]
    interrupted: Callable[[], bool] = lambda: False
    lower_is_better: bool = True
    failures: Failures = dataclasses.field(default_factory=Failures)

    def __post_init__(self):
        super().__post_init__()
        self.best: float | None = None
        # With its protocol. Earlier versions did not store it; where there is none, the name has
        # always meant the same.
        self.best_name = self.criterion
        self._measured = -1

    def on_step(self):
        if self.every.due(self.step):
            self._measure()

    def on_train_end(self, logs=None):
        if self._measured != self.step and not self.interrupted():
            self._measure()

    def _measure(self):
        # Also of one that fails: it would fail again at the end of this step.
        self._measured = self.step
        name = None
        with self.failures.tolerated("validation", f"step {self.step}"):
            values = self.measure()
            # No bare `next`: Keras takes a StopIteration for the end of the data.
            (name, *_) = [
                n for n in values if n == self.criterion or n.startswith(f"{self.criterion}_")
            ]
        if name is None:
            return
        self.log.write("validation", self.step, values)
        self._forget_other_than(name)
        sign = 1 if self.lower_is_better else -1
        # A NaN is below nothing, so it is never the best.
        if self.best is None:
            better = math.isfinite(values[name])
        else:
            better = sign * values[name] < sign * self.best
        if better:
            self.best, self.best_name = values[name], name
            self.keep_best()
            logger.info("step %d: best %s so far, %.4f", self.step, name, self.best)

    def _forget_other_than(self, name):
        """Forgets a best value that was measured otherwise than the new one, of this name."""
        if self.best is not None and self.best_name != name:
            logger.info(
                "step %d: the best %s so far, %.4f, was not measured as %s is; the best "
                "checkpoint is chosen again",
                *(self.step, self.best_name, self.best, name),
            )
            self.best = None

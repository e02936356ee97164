"""Callbacks that count generator updates over resumed runs."""

import dataclasses
import time
from collections.abc import Callable, Mapping

import keras


@dataclasses.dataclass
class Every:
    """Says when something is due.

    Args:
        number: how many.
        unit: `steps`, `epochs` or `seconds`.
        steps_per_epoch: what an epoch is.
    """

    number: float
    unit: str
    steps_per_epoch: int
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self):
        self._last = self.clock()

    def due(self, step: int) -> bool:
        """Tells whether it is due after this many steps."""
        if self.unit == "seconds":
            if self.clock() - self._last < self.number:
                return False
            self._last = self.clock()
            return True
        scale = self.steps_per_epoch if self.unit == "epochs" else 1
        return step % max(1, round(self.number * scale)) == 0


class StepCallback(keras.callbacks.Callback):
    """Counts steps over resumed runs; subclasses define `on_step`."""

    def on_train_begin(self, logs=None):
        self.step = self.model.completed_steps

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = self.step

    def on_train_batch_end(self, batch, logs=None):
        self.step = self._epoch_start + batch + 1
        self.on_step()

    def on_step(self):
        """Called after each training step, with `self.step` steps done."""

    def state(self) -> dict:
        """What a checkpoint keeps of this callback, as JSON can hold it."""
        return {}

    def restore(self, state: Mapping) -> None:
        """Takes back what `state` gave."""

"""Base class of the callbacks and intervals, both counted in steps over resumed runs."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import ClassVar

import keras


@dataclasses.dataclass
class Every:
    """An interval in steps, epochs or seconds.

    Args:
        number: length of the interval.
        unit: `steps`, `epochs` or `seconds`.
        steps_per_epoch: length of an epoch in steps.
        clock: returns the time in seconds.
        seconds: of an interval in steps, the time after which it ends at the latest.

    Example:
        >>> interval = Every(0.5, "epochs", steps_per_epoch=4)
        >>> [step for step in range(1, 9) if interval.due(step)]
        [2, 4, 6, 8]
    """

    number: float
    unit: str
    steps_per_epoch: int
    clock: Callable[[], float] = time.monotonic
    seconds: float | None = None

    def __post_init__(self):
        self._last = self.clock()

    @property
    def steps(self) -> int | None:
        """The interval in steps; None for one in seconds."""
        if self.unit == "seconds":
            return None
        scale = self.steps_per_epoch if self.unit == "epochs" else 1
        return max(1, round(self.number * scale))

    def due(self, step: int) -> bool:
        """Returns whether an interval ends after this many steps."""
        seconds = self.number if self.steps is None else self.seconds
        is_step = self.steps is not None and step % self.steps == 0
        if not is_step and (seconds is None or self.clock() - self._last < seconds):
            return False
        self._last = self.clock()
        return True


@dataclasses.dataclass(eq=False)
class StepCallback(keras.callbacks.Callback):
    """A callback that counts generator updates over resumed runs; subclasses define `on_step`.

    Subclasses are dataclasses, too: their fields are the arguments.

    Example:
        >>> class PrintStep(StepCallback):
        ...     def on_step(self):
        ...         print("step", self.step)
        >>> callback = PrintStep()
        >>> callback.on_epoch_begin(0)
        >>> callback.on_train_batch_end(0)
        step 1
    """

    # Attributes that checkpoints store, by the name under which they are stored.
    stored: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self):
        super().__init__()
        self.step = 0

    def on_train_begin(self, logs=None):
        self.step = self.model.completed_steps

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_start = self.step

    def on_train_batch_end(self, batch, logs=None):
        self.step = self._epoch_start + batch + 1
        self.on_step()

    def on_step(self):
        """Called after each training step; `self.step` steps have been completed."""

    def flush(self) -> None:
        """Writes to disk what the callback has logged; called before a checkpoint is written."""

    def state(self) -> dict:
        """Returns the state that checkpoints store, as values for JSON."""
        return {name: getattr(self, attribute) for name, attribute in self.stored.items()}

    def restore(self, state: Mapping) -> None:
        """Restores what `state` returned; what an earlier kgan did not store stays."""
        for name in self.stored.keys() & state.keys():
            setattr(self, self.stored[name], state[name])

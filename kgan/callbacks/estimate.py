"""An estimate of how long a training takes, as soon as its speed is known."""

import dataclasses
import logging
import time
from collections.abc import Callable

from kgan.callbacks.base import StepCallback

logger = logging.getLogger("kgan")

MEASURED = 20.0  # seconds; the first step, which compiles, is not among them
LONG = 120.0  # seconds; what ends sooner needs no estimate


@dataclasses.dataclass(eq=False)
class TimeEstimate(StepCallback):
    """Logs once how long the rest of the training takes, where it takes minutes.

    Args:
        total: step at which the run ends.
        clock: returns the time in seconds.

    Example:
        >>> estimate = TimeEstimate(total=1000)
        >>> estimate.total
        1000
    """

    total: int
    clock: Callable[[], float] = time.monotonic

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._first: tuple[int, float] | None = None
        self._said = False

    def on_step(self):
        if self._said:
            return
        if self._first is None:
            self._first = self.step, self.clock()
            return
        step, start = self._first
        seconds = self.clock() - start
        if seconds < MEASURED:
            return
        self._said = True
        speed = (self.step - step) / seconds
        left = (self.total - self.step) / speed
        if left > LONG:
            logger.info(
                "time: about %s for the %s steps that are left, at %.3g steps a second; Ctrl-C "
                "saves and stops, --resume goes on, --minutes=N ends after N minutes",
                duration(left),
                f"{self.total - self.step:,}",
                speed,
            )


def duration(seconds: float) -> str:
    """Returns a time in minutes, hours or days.

    Example:
        >>> duration(200), duration(9000), duration(300_000)
        ('3 minutes', '2.5 hours', '3.5 days')
    """
    for unit, length in (("days", 86400), ("hours", 3600)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds / 60:.0f} minutes"

"""Callbacks that end training: a time limit and signals."""

import dataclasses
import signal
import time
from collections.abc import Callable

from kgan.callbacks.base import StepCallback


@dataclasses.dataclass(eq=False)
class TimeLimit(StepCallback):
    """Ends training when this process has trained for some time.

    Args:
        minutes: the limit, counted from the start of `fit`.

    Example:
        >>> TimeLimit(minutes=90).minutes
        90
    """

    minutes: float

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._end = time.monotonic() + 60 * self.minutes

    def on_step(self):
        if time.monotonic() >= self._end:
            self.model.stop_training = True


@dataclasses.dataclass(eq=False)
class StopBySignal(StepCallback):
    """Ends training after the running step on Ctrl-C or SIGTERM; a second Ctrl-C ends it at once.

    It must be the last callback: all workers then stop after the same step, whichever of them
    received a signal and whichever callback ended training.

    Args:
        gather: returns the numbers of all workers (`kgan.distributed.workers.Workers.gather`).

    Example:
        >>> StopBySignal().received is None
        True
    """

    gather: Callable[[int], list[int]] = lambda number: [number]

    def __post_init__(self):
        super().__post_init__()
        self.received: int | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }

    def _note(self, number, frame):
        self.received = number
        signal.signal(signal.SIGINT, self._before[signal.SIGINT])

    def on_step(self):
        # 0: continue; 1: stop without a signal (neither of the two has this number).
        reason = max(self.gather(self.received or int(self.model.stop_training)))
        if reason:
            self.model.stop_training = True
        if reason > 1:
            self.received = reason

    def on_train_end(self, logs=None):
        for number, handler in self._before.items():
            signal.signal(number, handler)

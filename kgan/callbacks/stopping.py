"""Callbacks that end training: a time limit and signals."""

import signal
import time
from collections.abc import Callable

from kgan.callbacks.base import StepCallback


class TimeLimit(StepCallback):
    """Ends training after so many minutes of this process."""

    def __init__(self, minutes: float):
        super().__init__()
        self.minutes = minutes

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._end = time.monotonic() + 60 * self.minutes

    def on_step(self):
        if time.monotonic() >= self._end:
            self.model.stop_training = True


class StopBySignal(StepCallback):
    """Ends training after the running step on Ctrl-C or SIGTERM; a second Ctrl-C is at once.

    The last of all callbacks: of several processes all end after the same step, whichever of
    them was told to, and for whatever reason a callback before this one ended training.

    Args:
        gather: tells everybody everybody's number (`kgan.distributed.workers.Workers.gather`).
    """

    def __init__(self, gather: Callable[[int], list[int]] = lambda number: [number]):
        super().__init__()
        self.gather = gather
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
        # 0: goes on; 1: stops, and not for a signal, of which none has this number here.
        reason = max(self.gather(self.received or int(self.model.stop_training)))
        if reason:
            self.model.stop_training = True
        if reason > 1:
            self.received = reason

    def on_train_end(self, logs=None):
        for number, handler in self._before.items():
            signal.signal(number, handler)

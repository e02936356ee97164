"""Callbacks that end training: a time limit and signals."""

import contextlib
import dataclasses
import time
from collections.abc import Callable

from kgan.callbacks.base import StepCallback
from kgan.utils.signals import SignalWatch

SHIFT = 1  # of the numbers of signals among the reasons to stop: SIGHUP is 1, too


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
    """Ends training after the running step on Ctrl-C, SIGTERM or SIGHUP (a closed terminal).

    A signal is acknowledged at once, however long a step takes. The second Ctrl-C changes nothing
    until the checkpoint is written; the third ends the process at once.

    It must be the last callback: all workers then stop after the same step, whichever of them
    received a signal and whichever callback ended training.

    Args:
        gather: returns the numbers of all workers (`kgan.distributed.workers.Workers.gather`).
        watch: receives the signals; one that is not active is active during the training.
        place: where the checkpoint will be, for the message.

    Example:
        >>> StopBySignal().received is None
        True
    """

    gather: Callable[[int], list[int]] = lambda number: [number]
    watch: SignalWatch = dataclasses.field(default_factory=SignalWatch)
    place: str = "the run folder"

    def __post_init__(self):
        super().__post_init__()
        self.received: int | None = None
        self._until_end = contextlib.ExitStack()

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if not self.watch.is_active:
            self._until_end.enter_context(self.watch)
        self._until_end.enter_context(
            self.watch.held(
                f"stopping after this step, then saving in {self.place}; nothing is lost",
                f"saving in {self.place} first, then it ends; Ctrl-C once more ends it at once and "
                "loses the steps since the last checkpoint",
            )
        )

    def on_step(self):
        # 0: continue; 1: stop without a signal; from 2 on: the number of a signal, shifted.
        received = self.received or self.watch.received
        own = received + SHIFT if received else int(self.model.stop_training)
        reason = max(self.gather(own))
        if reason:
            self.model.stop_training = True
        if reason > 1:
            self.received = reason - SHIFT

    def on_train_end(self, logs=None):
        self.received = self.received or self.watch.received
        self._until_end.close()

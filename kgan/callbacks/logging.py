"""Callbacks that log losses, speed and machine use, and the progress bar."""

import dataclasses
import math
import os
import resource
import sys
import time
from collections.abc import Callable

import keras

from kgan.callbacks.base import StepCallback
from kgan.runs.logs import NoLog, ScalarLog
from kgan.utils import progress
from kgan.utils.failures import Failures

SHOWN = ("loss", "g_loss", "d_loss", "wasserstein")  # in the progress bar


@dataclasses.dataclass(eq=False)
class MeansLogger(StepCallback):
    """Logs means over the last steps and over each epoch, the speed and the learning rates.

    Args:
        log: receives the values.
        every: steps between two lines.
        steps_per_epoch: length of an epoch in steps.
        images_per_step: training images that one step takes.
        last_step: step at which the run ends; it is logged whatever `every` is.

    Example:
        >>> means = MeansLogger(NoLog(), every=20, steps_per_epoch=100, images_per_step=64)
        >>> means.latest
        {}
    """

    stored = {
        "logged_step": "logged_step",
        "seconds": "_seconds",
        "epoch_sums": "_epoch_sums",
        "epoch_steps": "_epoch_steps",
    }

    log: ScalarLog | NoLog
    every: int
    steps_per_epoch: int
    images_per_step: int
    last_step: int | None = None

    def __post_init__(self):
        super().__post_init__()
        self.latest: dict[str, float] = {}
        self.logged_step: int | None = None
        self._seconds = 0.0
        self._epoch_sums: dict[str, float] = {}
        self._epoch_steps = 0

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.logged_step is None:
            self.logged_step = self.step
        self._mark = (time.monotonic(), self.step)

    def on_step(self):
        epoch_ends = self.step % self.steps_per_epoch == 0
        if epoch_ends or self.step % self.every == 0 or self.step == self.last_step:
            self._write_means()
        if epoch_ends and self._epoch_steps:
            means = {name: s / self._epoch_steps for name, s in self._epoch_sums.items()}
            self.log.write("epoch", self.step, {"epoch": self.step / self.steps_per_epoch, **means})
            self._epoch_sums, self._epoch_steps = {}, 0

    def on_train_end(self, logs=None):
        self.flush()

    def flush(self):
        self.log.flush()

    def _write_means(self):
        steps = self.step - self.logged_step
        if steps == 0:
            return
        means = self.model.means()
        self.model.reset_metrics()
        for name, value in means.items():
            self._epoch_sums[name] = self._epoch_sums.get(name, 0.0) + value * steps
        self._epoch_steps += steps
        now = time.monotonic()
        seconds = now - self._mark[0]
        speed = (self.step - self._mark[1]) * self.images_per_step / max(seconds, 1e-9)
        self._seconds += seconds
        self._mark = (now, self.step)
        self.logged_step = self.step
        rates = {
            f"{name.split('_')[0]}_lr": float(keras.ops.convert_to_numpy(optimizer.learning_rate))
            for name, optimizer in self.model.optimizers.items()
        }
        self.latest = {**means, **rates, "images_per_second": speed}
        self.log.write("train", self.step, {**self.latest, "seconds": self._seconds})


@dataclasses.dataclass(eq=False)
class Progress(StepCallback):
    """Shows a progress bar with steps, time left, images per second and the losses.

    Args:
        total: step at which the run ends.
        means: provides the losses and the speed.
        minutes: after which it ends, if it is not complete; the bar then ends where this will be.
        failures: notes those of printing, as into a pipe that is closed.

    Example:
        >>> progress = Progress(1000, MeansLogger(NoLog(), 20, 100, 64))
    """

    total: int
    means: MeansLogger
    minutes: float | None = None
    failures: Failures = dataclasses.field(default_factory=Failures)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._begin, self._first, self._bar = time.monotonic(), self.step, None
        with self.failures.tolerated("the progress bar", "its start"):
            self._bar = progress.bar(
                total=self.total, initial=self.step, unit="step", smoothing=0.1
            )

    def on_step(self):
        if self._bar is None:
            return
        with self.failures.tolerated("the progress bar", f"step {self.step}"):
            self._show()

    def _show(self):
        if self.minutes is not None:
            self._bar.total = self._expected_end()
        self._bar.update(self.step - self._bar.n)
        latest = self.means.latest
        if latest:
            shown = {name: f"{latest[name]:.3g}" for name in SHOWN if name in latest}
            speed = latest["images_per_second"]
            shown["images/s"] = f"{speed:.3g}" if speed < 1000 else f"{speed:,.0f}"
            self._bar.set_postfix(shown, refresh=False)

    def on_train_end(self, logs=None):
        if self._bar is None:
            return
        if self.minutes is not None:
            self._bar.total = max(self.step, 1)
        with self.failures.tolerated("the progress bar", "its end"):
            self._bar.close()

    def _expected_end(self):
        """Returns the step at which the limit of time is reached, at the speed so far."""
        seconds = time.monotonic() - self._begin
        expected = (self.step - self._first) / max(seconds, 1e-9) * 60 * self.minutes
        return max(self.step, min(self.total, self._first + math.ceil(expected)))


@dataclasses.dataclass(eq=False)
class MachineLogger(StepCallback):
    """Logs peak memory and the number of CPU cores at the end of training.

    Args:
        log: receives the values.
        failed: returns whether the run will be rolled back; nothing is logged then.

    Example:
        >>> sorted(MachineLogger(NoLog(), failed=lambda: False).machine())
        ['cores', 'peak_memory_mb']
    """

    log: ScalarLog | NoLog
    failed: Callable[[], bool]

    def on_train_end(self, logs=None):
        if not self.failed():
            self.log.write("end", self.step, self.machine())

    def machine(self) -> dict[str, float]:
        """Returns `peak_memory_mb` of this process in MiB and the `cores` that it may use."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # Linux counts in KiB, macOS in bytes and without an affinity.
        if sys.platform == "darwin":
            return {"peak_memory_mb": peak / 2**20, "cores": float(os.cpu_count() or 1)}
        return {"peak_memory_mb": peak / 2**10, "cores": float(len(os.sched_getaffinity(0)))}

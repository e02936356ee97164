"""Callbacks that write losses, speeds and machine use, and the progress bar."""

import os
import resource
import sys
import time
from collections.abc import Callable

import keras

from kgan.callbacks.base import StepCallback
from kgan.runs.logs import ScalarLog
from kgan.utils import progress


class MeansLogger(StepCallback):
    """Writes means over the last steps and over each epoch, speeds and learning rates.

    Args:
        log: where to.
        every: steps between two lines.
        steps_per_epoch: what an epoch is.
        images_per_step: training images that one step takes.
        last_step: where the run ends, which is logged whatever `every` says.
    """

    def __init__(
        self,
        log: ScalarLog,
        every: int,
        steps_per_epoch: int,
        images_per_step: int,
        last_step: int | None = None,
    ):
        super().__init__()
        self.last_step = last_step
        self.log = log
        self.every = every
        self.steps_per_epoch = steps_per_epoch
        self.images_per_step = images_per_step
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

    def state(self):
        return {
            "logged_step": self.logged_step,
            "seconds": self._seconds,
            "epoch_sums": self._epoch_sums,
            "epoch_steps": self._epoch_steps,
        }

    def restore(self, state):
        self.logged_step = state["logged_step"]
        self._seconds = state["seconds"]
        self._epoch_sums = dict(state["epoch_sums"])
        self._epoch_steps = state["epoch_steps"]


class Progress(StepCallback):
    """Shows a bar with steps, time left, images/s and the losses.

    Args:
        total: steps at which the run ends.
        means: gives the numbers to show.
    """

    def __init__(self, total: int, means: MeansLogger):
        super().__init__()
        self.total = total
        self.means = means

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._bar = progress.bar(total=self.total, initial=self.step, unit="step", smoothing=0.1)

    def on_step(self):
        self._bar.update(self.step - self._bar.n)
        latest = self.means.latest
        if latest:
            shown = {
                k: f"{latest[k]:.3g}"
                for k in ("loss", "g_loss", "d_loss", "wasserstein")
                if k in latest
            }
            speed = latest["images_per_second"]
            shown["images/s"] = f"{speed:.3g}" if speed < 1000 else f"{speed:,.0f}"
            self._bar.set_postfix(shown, refresh=False)

    def on_train_end(self, logs=None):
        self._bar.close()


class MachineLogger(StepCallback):
    """Writes at the end of training what the process took of the machine.

    Args:
        log: where to.
        failed: says whether training ended because it went wrong, and goes on from further back.
    """

    def __init__(self, log: ScalarLog, failed: Callable[[], bool]):
        super().__init__()
        self.log = log
        self.failed = failed

    def on_train_end(self, logs=None):
        if not self.failed():
            self.log.write("end", self.step, self._machine())

    def _machine(self):
        # In KiB on Linux, in bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scale = 2**20 if sys.platform == "darwin" else 2**10
        # Those that the process may use, where the system tells.
        mine = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
        return {"peak_memory_mb": peak / scale, "cores": float(len(mine(0)))}

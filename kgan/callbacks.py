"""What happens beside training: logs, sample pictures, validation, checkpoints, stopping.

All count generator updates, not Keras epochs, so that a run resumed in the middle of an epoch goes
on where it was. Callbacks with a `state` are saved in the checkpoint's header and restored from it.
"""

import dataclasses
import logging
import math
import os
import pathlib
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import keras
from PIL import Image

from kgan import checkpoint
from kgan.logs import ScalarLog
from kgan.utils import progress, schedules
from kgan.utils.atomic import atomic_write, report_write_errors

logger = logging.getLogger("kgan")


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


class MeansLogger(StepCallback):
    """Writes means over the last steps and over each epoch, speeds and learning rates.

    Args:
        log: where to.
        every: steps between two lines.
        steps_per_epoch: what an epoch is.
        images_per_step: training pictures that one step takes.
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


class LearningRates(StepCallback):
    """Sets each optimiser's learning rate for the next step.

    A rate is a function of the step and of the rollback's attempt, which halves it, and of
    nothing else: a resumed run has the rates of one that was never interrupted.

    Args:
        rates: by optimiser's name, what the schedule begins with.
        total_steps: where the run ends.
        schedule: one of `kgan.utils.schedules.SCHEDULES`.
        decay_from: share of the run from which the rates fall.
    """

    def __init__(
        self,
        rates: Mapping[str, float],
        total_steps: int,
        schedule: str = "constant",
        decay_from: float = 0.5,
    ):
        super().__init__()
        self.rates = dict(rates)
        self.total_steps = total_steps
        self.schedule = schedule
        self.decay_from = decay_from

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._halved = 0.5 ** int(keras.ops.convert_to_numpy(self.model.attempt))
        self._set()

    def on_step(self):
        if self.schedule != "constant":
            self._set()

    def _set(self):
        factor = self._halved * schedules.learning_rate_factor(
            self.schedule, self.step, self.total_steps, self.decay_from
        )
        for name, optimizer in self.model.optimizers.items():
            optimizer.learning_rate = self.rates[name] * factor


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


class SamplePictures(StepCallback):
    """Draws the model at the start, every now and then, and at the end.

    Args:
        log: gets the picture for TensorBoard.
        folder: gets it as PNG.
        every: when.
        draw: makes the picture of the model.
    """

    def __init__(
        self,
        log: ScalarLog,
        folder: pathlib.Path,
        every: Every,
        draw: Callable[[keras.Model], Image.Image],
    ):
        super().__init__()
        self.log = log
        self.folder = folder
        self.every = every
        self.draw = draw
        self._drawn = -1

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # A run that goes on from its start has drawn it already.
        if self.step == 0 and self._drawn != 0:
            self._draw()

    def on_step(self):
        if self.every.due(self.step):
            self._draw()

    def on_train_end(self, logs=None):
        if self._drawn != self.step:
            self._draw()

    def _draw(self):
        sheet = self.draw(self.model)
        with atomic_write(self.folder / f"step-{self.step:08d}.png") as place:
            sheet.save(place, "PNG")
        self.log.picture("samples", self.step, sheet)
        self._drawn = self.step

    def state(self):
        return {"drawn": self._drawn}

    def restore(self, state):
        self._drawn = state.get("drawn", -1)


class Checkpoints(StepCallback):
    """Saves everything that resuming needs, and keeps the last few.

    Args:
        folder: the run's checkpoints.
        header: what stands in every header: the scheme's name.
        every: when.
        keep: how many of the last.
        stateful: callbacks whose state belongs to the run, by a name that stays.
        refuse: told the names of variables that are not finite; then nothing is written.
        last_step: where the run ends. Its checkpoint is written after all that the other callbacks
            do at the end, for a run that has it is not trained again and would never do it.
        spoilt: says whether the run is to go back behind the state as it is now; then nothing is
            written either, or it would go back to that.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        header: Mapping,
        every: Every,
        keep: int,
        stateful: Mapping[str, StepCallback],
        refuse: Callable[[Sequence[str]], None],
        last_step: int | None = None,
        spoilt: Callable[[], bool] = lambda: False,
    ):
        super().__init__()
        self.last_step = last_step
        self.refuse = refuse
        self.spoilt = spoilt
        self.folder = folder
        self.header = dict(header)
        self.every = every
        self.keep = keep
        self.stateful = stateful
        self._saved: int | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # A run that is killed or fails before its first interval can be gone on with, too.
        if not checkpoint.saved_steps(self.folder):
            self.save()
        # A process that was killed while it saved may have left one too many.
        self._prune()

    def on_step(self):
        if self.every.due(self.step) and self.step != self.last_step:
            self.save()

    def on_train_end(self, logs=None):
        # Not by what lies in the folder, where a damaged one may have this step's name.
        if self.step != self._saved:
            self.save()

    def save(self):
        """Writes the checkpoint of this step and forgets the oldest."""
        if not self.write(checkpoint.step_path(self.folder, self.step)):
            return
        self._saved = self.step
        self._prune()

    def _prune(self):
        for step in checkpoint.saved_steps(self.folder)[: -self.keep]:
            path = checkpoint.step_path(self.folder, step)
            with report_write_errors(path):
                path.unlink()

    def write(self, path: pathlib.Path) -> bool:
        """Writes the state as it is now, unless it is no good; tells whether it was written."""
        if self.spoilt():
            return False
        arrays = checkpoint.capture(self.model.state())
        bad = checkpoint.non_finite(arrays)
        if bad:
            self.refuse(bad)
            return False
        state = {name: callback.state() for name, callback in self.stateful.items()}
        # The model's own count: this callback's is a step behind while an earlier one is called.
        header = {**self.header, "step": self.model.completed_steps, "callbacks": state}
        # Logs are flushed first, or a crash could leave a checkpoint ahead of its own curve.
        for callback in self.stateful.values():
            log = getattr(callback, "log", None)
            if log is not None:
                log.flush()
        checkpoint.write(path, arrays, header)
        return True

    def load(self, path: pathlib.Path, model: keras.Model) -> int:
        """Puts model and callbacks back to a checkpoint; returns its step."""
        arrays, header = checkpoint.read(path)
        checkpoint.restore(model.state(), arrays, path)
        model.keep_means()
        for name, callback in self.stateful.items():
            callback.restore(header["callbacks"].get(name, {}))
        self._saved = header["step"]
        return header["step"]


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


class StopByClock(StepCallback):
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
        gather: tells everybody everybody's number (`kgan.distribution.Team.gather`).
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

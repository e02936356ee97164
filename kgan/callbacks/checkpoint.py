"""Checkpoints written during training."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import keras

from kgan.callbacks.base import Every, StepCallback
from kgan.runs import checkpoint
from kgan.utils.atomic import report_write_errors


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

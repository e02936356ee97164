"""Checkpoints written during training."""

import dataclasses
import pathlib
from collections.abc import Callable, Collection, Mapping, Sequence

import keras

from kgan.callbacks.base import Every, StepCallback
from kgan.runs import checkpoint
from kgan.utils.atomic import report_write_errors


@dataclasses.dataclass(eq=False)
class Checkpoints(StepCallback):
    """Saves everything that resuming needs and keeps the newest checkpoints.

    Args:
        folder: the run's checkpoints.
        header: entries of every header: the model's name and the settings.
        every: interval between checkpoints.
        keep: number of checkpoints to keep.
        stateful: callbacks whose state is stored, by name; the names stand in the files.
        on_non_finite: called with the names of variables that contain a NaN or an infinity;
            nothing is written then.
        last_step: step at which the run ends. Its checkpoint is written in `on_train_end`, after
            all other callbacks: a run that has it is complete and is never resumed.
        failed: returns whether the run will be rolled back; nothing is written then, because it
            would be rolled back to that state.

    Example:
        >>> saver = Checkpoints(pathlib.Path("checkpoints"), {}, Every(1, "epochs", 100), 2, {})
        >>> saver.every.due(200)
        True
    """

    folder: pathlib.Path
    header: Mapping
    every: Every
    keep: int
    stateful: Mapping[str, StepCallback]
    on_non_finite: Callable[[Sequence[str]], None] = lambda names: None
    last_step: int | None = None
    failed: Callable[[], bool] = lambda: False

    def __post_init__(self):
        super().__post_init__()
        self._saved: int | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # A run that fails before its first interval has ended can be resumed as well.
        if not checkpoint.saved_steps(self.folder):
            self.save()
        self.prune()

    def on_step(self):
        if self.every.due(self.step) and self.step != self.last_step:
            self.save()

    def on_train_end(self, logs=None):
        # Not decided by the files: a damaged one may have the name of this step.
        if self.step != self._saved:
            self.save()

    def save(self) -> None:
        """Writes the checkpoint of the current step and deletes the oldest ones."""
        if self.write(checkpoint.step_path(self.folder, self.step)):
            self._saved = self.step
            self.prune()

    def prune(self) -> None:
        """Deletes all but the newest checkpoints; a killed process may have left one too many."""
        for step in checkpoint.saved_steps(self.folder)[: -self.keep]:
            path = checkpoint.step_path(self.folder, step)
            with report_write_errors(path):
                path.unlink()

    def write_best(self, path: pathlib.Path) -> None:
        """Writes the current state, without what only further training needs."""
        self.write(path, self.model.training_state())

    def write(self, path: pathlib.Path, left_out: Collection[str] = ()) -> bool:
        """Writes the current state unless it is invalid; returns whether it was written.

        Args:
            path: of the checkpoint.
            left_out: paths of variables that are not written.
        """
        if self.failed():
            return False
        arrays = checkpoint.capture(self.model.state())
        if names := checkpoint.non_finite(arrays):
            self.on_non_finite(names)
            return False
        arrays = {name: array for name, array in arrays.items() if name not in left_out}
        state = {name: callback.state() for name, callback in self.stateful.items()}
        # The model's own count: this callback's is a step behind while an earlier one is called.
        header = {**self.header, "step": self.model.completed_steps, "callbacks": state}
        # Logs are flushed first, or a crash could leave a checkpoint ahead of its own curve.
        for callback in self.stateful.values():
            callback.flush()
        checkpoint.write(path, arrays, header)
        return True

    def load(self, path: pathlib.Path, model: keras.Model) -> int:
        """Restores model and callbacks from a checkpoint; returns its step."""
        arrays, header = checkpoint.read(path)
        checkpoint.restore(model.state(), arrays, path)
        model.keep_means()
        for name, callback in self.stateful.items():
            callback.restore(header["callbacks"].get(name, {}))
        self._saved = header["step"]
        return header["step"]

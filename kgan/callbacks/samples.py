"""Sample sheets written during training."""

import dataclasses
import pathlib
from collections.abc import Callable

import keras
from PIL import Image

from kgan.callbacks.base import Every, StepCallback
from kgan.runs.logs import NoLog, ScalarLog
from kgan.utils.atomic import atomic_write
from kgan.utils.failures import Failures


@dataclasses.dataclass(eq=False)
class SampleImages(StepCallback):
    """Writes a sheet of the model's images at the start, at intervals and at the end.

    Args:
        log: receives the sheet for TensorBoard.
        folder: receives the sheet as a PNG file.
        every: interval between sheets.
        make_sheet: returns the sheet of a model.
        failures: notes those of making and writing sheets, which do not end the training.

    Example:
        >>> blank = lambda model: Image.new("L", (64, 64))
        >>> samples = SampleImages(NoLog(), pathlib.Path("."), Every(5, "steps", 100), blank)
        >>> samples.state()
        {'drawn': -1}
    """

    stored = {"drawn": "_written"}

    log: ScalarLog | NoLog
    folder: pathlib.Path
    every: Every
    make_sheet: Callable[[keras.Model], Image.Image]
    failures: Failures = dataclasses.field(default_factory=Failures)

    def __post_init__(self):
        super().__post_init__()
        self._written = -1

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # A run resumed from its first checkpoint has this sheet already.
        if self.step == 0 and self._written != 0:
            self._write()

    def on_step(self):
        if self.every.due(self.step):
            self._write()

    def on_train_end(self, logs=None):
        if self._written != self.step:
            self._write()

    def _write(self):
        # Also of one that fails: it would fail again at the end of this step.
        self._written = self.step
        with self.failures.tolerated("sample sheets", f"step {self.step}"):
            sheet = self.make_sheet(self.model)
            with atomic_write(self.folder / f"step-{self.step:08d}.png") as place:
                sheet.save(place, "PNG")
            self.log.image("samples", self.step, sheet)

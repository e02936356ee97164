"""Sample sheets written during training."""

import pathlib
from collections.abc import Callable

import keras
from PIL import Image

from kgan.callbacks.base import Every, StepCallback
from kgan.runs.logs import ScalarLog
from kgan.utils.atomic import atomic_write


class SampleImages(StepCallback):
    """Draws the model at the start, every now and then, and at the end.

    Args:
        log: gets the image for TensorBoard.
        folder: gets it as PNG.
        every: when.
        draw: makes the image of the model.
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
        self.log.image("samples", self.step, sheet)
        self._drawn = self.step

    def state(self):
        return {"drawn": self._drawn}

    def restore(self, state):
        self._drawn = state.get("drawn", -1)

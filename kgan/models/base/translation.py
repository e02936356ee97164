"""What the schemes share that turn one picture into another."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.models.base.model import AdversarialModel
from kgan.serving.signatures import Signature, decode_pictures, encode_png, formats

PREVIEW_ROWS = 8


@dataclasses.dataclass(frozen=True)
class Way:
    """One direction in which a trained model translates.

    Args:
        picture_shape: (height, width, channels) of the given picture.
        translate: (float32 [B, H, W, C] in [-1, 1], seed int) → float32 [B, H, W, C'] in [-1, 1].
    """

    picture_shape: tuple[int, int, int]
    translate: Callable


def shown_side_by_side(columns) -> np.ndarray:
    """Joins columns of pictures [B, H, W, C] as [B, columns, H, W, C]; grey ones among colours."""
    channels = max(column.shape[-1] for column in columns)
    columns = [np.repeat(c, channels, -1) if c.shape[-1] == 1 else c for c in columns]
    return np.stack(columns, axis=1)


class TranslationModel(AdversarialModel):
    """Translates pictures with a generator of two inputs: the picture and its dropout seeds."""

    data_kind = "paired"
    preview_columns = ("input", "output", "target")
    preview_examples = PREVIEW_ROWS
    validation_measure = "val_l1"

    @property
    def ways(self) -> dict[str | None, Way]:
        """The directions there are by `--direction`; None: what is meant where none is given.

        There is one way here: that of the training, whose direction the data set had.
        """
        return {None: Way(self.picture_shape, self.translate)}

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the given picture."""
        return self.generator.input_shape[0][1:]

    def translate(self, pictures, seeds=0) -> np.ndarray:
        """Translates float32 [B, H, W, C] in [-1, 1] → float32 [B, H, W, C'] in [-1, 1].

        Each picture is normalised by its own statistics and gets the dropout mask of its own
        seed, so that its translation does not depend on the others.

        Args:
            pictures: float32 [B, H, W, C] in [-1, 1].
            seeds: int, or int [B]: which of the possible answers.
        """
        numbers = tf.broadcast_to(tf.cast(seeds, tf.int32), [len(pictures)])
        return np.asarray(self._translate(tf.cast(pictures, tf.float32), numbers))

    @tf.function(reduce_retracing=True)
    def _translate(self, pictures, numbers):
        return self.generator([pictures, randomness.seeds_from_numbers(numbers)], training=False)

    def preview(self, examples) -> np.ndarray:
        """Lays input, output and target side by side: float32 [8 rows, 3, H, W, C].

        Args:
            examples: dict of `input` and `target`, float32 [B, H, W, C] in [-1, 1].
        """
        inputs, targets = (examples[key][:PREVIEW_ROWS] for key in ("input", "target"))
        return shown_side_by_side([inputs, self.translate(inputs), targets])

    def validate(self, batches) -> dict[str, float]:
        """Computes the mean L1 over paired batches; the lowest `val_l1` is the best model."""
        errors = [
            np.abs(self.translate(inputs) - targets).mean(axis=(1, 2, 3))
            for inputs, targets in batches
        ]
        return {"val_l1": float(np.concatenate(errors).mean())}

    def signatures(self):
        height, width, channels = self.picture_shape
        pictures_spec = tf.TensorSpec([None, height, width, channels], tf.float32)

        def translated(pictures, numbers):
            seeds = randomness.seeds_from_numbers(numbers)
            return {"pictures": self.generator([pictures, seeds], training=False)}

        def default(pictures):
            return translated(pictures, tf.zeros([tf.shape(pictures)[0]], tf.int32))

        def with_seed(pictures, seed):
            return translated(pictures, tf.fill([tf.shape(pictures)[0]], seed))

        def from_files(image_bytes):
            pictures = decode_pictures(image_bytes, self.picture_shape)
            return {"png_bytes": encode_png(default(pictures)["pictures"])}

        answer = "x".join(map(str, self.generator.output_shape[1:]))
        live = (
            "Dropout and normalisation are live, from the seed and from each picture alone: "
            "the same picture and seed always give the same answer, whatever stands beside them."
        )
        given = f"pictures float32 [B, {height}x{width}x{channels}] in [-1, 1]"
        return {
            "serving_default": Signature(
                default,
                {"pictures": pictures_spec},
                f"{given} -> pictures float32 [B, {answer}] in [-1, 1], with seed 0. {live}",
            ),
            "with_seed": Signature(
                with_seed,
                {"pictures": pictures_spec, "seed": tf.TensorSpec([], tf.int32)},
                f"{given}, seed int32 scalar -> pictures float32 [B, {answer}] in [-1, 1]. {live}",
            ),
            "from_files": Signature(
                from_files,
                {"image_bytes": tf.TensorSpec([None], tf.string)},
                f"image_bytes string [B], {formats(channels)} files of any size, resized to "
                f"{height}x{width} -> png_bytes string [B], PNG files. {live}",
            ),
        }

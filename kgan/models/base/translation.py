"""What the schemes share that turn one image into another."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.models.base.model import AdversarialModel
from kgan.serving.signatures import Signature, decode_images, encode_png, formats

PREVIEW_ROWS = 8


@dataclasses.dataclass(frozen=True)
class Way:
    """One direction in which a trained model translates.

    Args:
        image_shape: (height, width, channels) of the given image.
        translate: (float32 [B, H, W, C] in [-1, 1], seed int) → float32 [B, H, W, C'] in [-1, 1].
    """

    image_shape: tuple[int, int, int]
    translate: Callable


def shown_side_by_side(columns) -> np.ndarray:
    """Joins columns of images [B, H, W, C] as [B, columns, H, W, C]; grey ones among colours."""
    channels = max(column.shape[-1] for column in columns)
    columns = [np.repeat(c, channels, -1) if c.shape[-1] == 1 else c for c in columns]
    return np.stack(columns, axis=1)


class TranslationModel(AdversarialModel):
    """Translates images with a generator of two inputs: the image and its dropout seeds."""

    data_kind = "paired"
    preview_columns = ("input", "output", "target")
    preview_examples = PREVIEW_ROWS
    validation_measure = "val_l1"

    @property
    def ways(self) -> dict[str | None, Way]:
        """The directions there are by `--direction`; None: what is meant where none is given.

        There is one way here: that of the training, whose direction the data set had.
        """
        return {None: Way(self.image_shape, self.translate)}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the given image."""
        return self.generator.input_shape[0][1:]

    def translate(self, images, seeds=0) -> np.ndarray:
        """Translates float32 [B, H, W, C] in [-1, 1] → float32 [B, H, W, C'] in [-1, 1].

        Each image is normalised by its own statistics and gets the dropout mask of its own
        seed, so that its translation does not depend on the others.

        Args:
            images: float32 [B, H, W, C] in [-1, 1].
            seeds: int, or int [B]: which of the possible answers.
        """
        numbers = tf.broadcast_to(tf.cast(seeds, tf.int32), [len(images)])
        return np.asarray(self._translate(tf.cast(images, tf.float32), numbers))

    @tf.function(reduce_retracing=True)
    def _translate(self, images, numbers):
        return self.generator([images, randomness.seeds_from_numbers(numbers)], training=False)

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
        height, width, channels = self.image_shape
        images_spec = tf.TensorSpec([None, height, width, channels], tf.float32)

        def translated(images, numbers):
            seeds = randomness.seeds_from_numbers(numbers)
            return {"pictures": self.generator([images, seeds], training=False)}

        def default(images):
            return translated(images, tf.zeros([tf.shape(images)[0]], tf.int32))

        def with_seed(images, seed):
            return translated(images, tf.fill([tf.shape(images)[0]], seed))

        def from_files(image_bytes):
            images = decode_images(image_bytes, self.image_shape)
            return {"png_bytes": encode_png(default(images)["pictures"])}

        answer = "x".join(map(str, self.generator.output_shape[1:]))
        live = (
            "Dropout and normalisation are live, from the seed and from each image alone: "
            "the same image and seed always give the same answer, whatever stands beside them."
        )
        given = f"pictures float32 [B, {height}x{width}x{channels}] in [-1, 1]"
        return {
            "serving_default": Signature(
                default,
                {"pictures": images_spec},
                f"{given} -> pictures float32 [B, {answer}] in [-1, 1], with seed 0. {live}",
            ),
            "with_seed": Signature(
                with_seed,
                {"pictures": images_spec, "seed": tf.TensorSpec([], tf.int32)},
                f"{given}, seed int32 scalar -> pictures float32 [B, {answer}] in [-1, 1]. {live}",
            ),
            "from_files": Signature(
                from_files,
                {"image_bytes": tf.TensorSpec([None], tf.string)},
                f"image_bytes string [B], {formats(channels)} files of any size, resized to "
                f"{height}x{width} -> png_bytes string [B], PNG files. {live}",
            ),
        }

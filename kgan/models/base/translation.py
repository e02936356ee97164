"""Base of models that translate an image into another one."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.data import encoding
from kgan.data.preparation import Preparation
from kgan.models.base.arguments import both_players
from kgan.models.base.flags import Flag, choice, integer
from kgan.models.base.model import Model
from kgan.serving import refusals
from kgan.serving.decoding import FORMATS
from kgan.serving.signatures import PORTABLE, Signature

PREVIEW_ROWS = 8
TRANSLATION_DEFAULTS = {"batch_size": 1, "epochs": 2, "beta_1": 0.5, **both_players("adam", 2e-4)}


def patchgan_flags(seen: str) -> tuple[Flag, Flag]:
    """Returns the flags of PatchGANs that get a `seen`, such as an image or a pair."""
    return (
        integer(
            "patch_layers",
            3,
            (1, 6),
            "Stride-2 layers of the PatchGAN; 1 to 6 layers have receptive fields of 16, 34, 70, "
            "142, 286 and 574 pixels.",
        ),
        integer(
            "scales",
            1,
            (1, 3),
            f"PatchGANs; the second gets the {seen} at half the size, the third at a quarter.",
        ),
    )


def translation_loss(default: str) -> Flag:
    """Returns the flag of the adversarial loss."""
    choices = ("bce", "least_squares")
    return choice("gan_loss", default, choices, "Adversarial loss of both players.")


@dataclasses.dataclass(frozen=True)
class Direction:
    """One direction in which a model translates.

    Args:
        image_shape: (height, width, channels) of the given image.
        output_shape: the same of its translation.
        function: images float32 [B, H, W, C] in [-1, 1] and seeds int32 [B, 2] → translations.
        network: the network that the function calls, for images of other sizes; None: it has none.
        portable: the same without seeds and without noise, in plain operations; None: `function`
            is so, whatever the seeds are.
        sides: which of the model's `preparations` is that of given images, and which that of
            translations.

    Example:
        >>> negative = Direction((2, 2, 1), (2, 2, 1), lambda images, seeds: -images)
        >>> float(negative.translate(np.ones([1, 2, 2, 1]))[0, 0, 0, 0])
        -1.0
    """

    image_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    function: Callable
    network: keras.Model | None = None
    portable: Callable | None = None
    sides: tuple[int, int] = (0, 1)

    def translate(self, images, seeds=0) -> np.ndarray:
        """Translates float32 [B, H, W, C] in [-1, 1] → float32 [B, H, W, C'] in [-1, 1].

        Each image is normalised by its own statistics and uses the random numbers of its own seed,
        so that its translation does not depend on the others.

        Args:
            images: float32 [B, H, W, C] in [-1, 1].
            seeds: int, or int [B]: which of the possible translations, where there are several.
        """
        images = tf.cast(images, tf.float32)
        numbers = tf.broadcast_to(tf.cast(seeds, tf.int32), [len(images)])
        return np.asarray(self.function(images, randomness.seeds_from_numbers(numbers)))


class TranslationModel(Model):
    """Translates images, in one direction or in two.

    A model defines `directions` and `signatures`.

    Args:
        image_fit: `resize` or `crop`, how image files are made to fit in `generate` and exports.
        label_maps: whether the given images are label maps, resized by nearest neighbour.
        preparations: how the files of given images and of translations (or of domains A and B)
            became arrays for the training, each as `Preparation.as_dict` returns it; None: as
            `image_fit` and `label_maps` say, for models of earlier versions.

    Example:
        >>> from kgan.models.pix2pix import Pix2Pix
        >>> from kgan.networks import patchgan, unet
        >>> shape = (32, 32, 1)
        >>> generator = unet.generator(shape, 1, base_width=2)
        >>> model = Pix2Pix(generator, patchgan.discriminator([shape, shape], 2, 1))
        >>> model.directions[None].image_shape
        (32, 32, 1)
    """

    data_arguments = {"image_fit": "resize", "label_maps": False, "preparations": None}
    preview_examples = PREVIEW_ROWS

    @classmethod
    def from_data(cls, spec):
        return {
            "image_fit": spec.fit,
            "label_maps": bool(spec.label_maps),
            "preparations": [found.as_dict() for found in spec.preparations],
        }

    def reading(self, direction: Direction) -> Preparation:
        """Returns how image files are read for a direction: as they were for training."""
        return self._prepared(direction.sides[0], direction.image_shape, self.label_maps)

    def writing(self, direction: Direction) -> Preparation:
        """Returns how the images that translations look like were read for training."""
        return self._prepared(direction.sides[1], direction.output_shape, False)

    def shown(self, images: np.ndarray, side: int) -> np.ndarray:
        """Converts images of one of the two sides to ones that people can look at.

        Args:
            images: float32 [B, H, W, C] in [-1, 1].
            side: see `Direction.sides`.

        Returns:
            The images; label maps that are one-hot in colours.
        """
        if self.preparations is None:
            return images
        return encoding.shown(images, Preparation.from_dict(self.preparations[side]))

    def _prepared(self, side, shape, nearest):
        *size, channels = shape
        if self.preparations is None:
            return Preparation(tuple(size), channels, self.image_fit, nearest)
        return Preparation.from_dict(self.preparations[side]).of_size(tuple(size))

    @property
    def served_networks(self):
        return [name for name in self.networks if name.startswith("generator")]

    @property
    def directions(self) -> dict[str | None, Direction]:
        """The directions by the value of `--direction`; None is the one that needs no value."""
        raise NotImplementedError

    def input_signature(self):
        return [tf.TensorSpec([None, *self.directions[None].image_shape], tf.float32)]

    def call(self, inputs, training=False):
        """Translates images float32 [B, H, W, C] in [-1, 1], in the first direction, with seed 0.

        Args:
            inputs: images.
            training: must be False: a training step calls the networks itself.
        """
        images = tf.cast(inputs, tf.float32)
        numbers = tf.zeros([tf.shape(images)[0]], tf.int32)
        return self.directions[None].function(images, randomness.seeds_from_numbers(numbers))


def side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Joins columns of images [B, H, W, C] as [B, columns, H, W, C]; grey ones become RGB.

    Args:
        columns: float32 [B, H, W, C] each, of 1 channel or of equally many.
    """
    channels = max(column.shape[-1] for column in columns)
    columns = [np.repeat(c, channels, -1) if c.shape[-1] == 1 else c for c in columns]
    return np.stack(columns, axis=1)


def direction_signatures(
    direction: Direction,
    reading: Preparation,
    writing: Preparation,
    on_images: str,
    on_files: str,
    portable: str,
    title: str,
    about: str,
    field: str,
) -> dict[str, Signature]:
    """Makes the signatures of a direction: of images and files, for seed 0, and without noise.

    Args:
        direction: what they compute.
        reading: how image files are read.
        writing: how the images that its answers look like were read.
        on_images: name of the signature that takes images.
        on_files: name of the signature that takes the bytes of files.
        portable: name of the signature that takes images and computes with plain operations only.
        title: begins their descriptions.
        about: ends their descriptions.
        field: of the data, the images that are translated.
    """
    height, width, channels = direction.image_shape
    answer = "x".join(map(str, direction.output_shape))
    files = "PNG files of the numbers of classes" if writing.classes else "PNG files"

    def from_images(pictures):
        numbers = tf.zeros([tf.shape(pictures)[0]], tf.int32)
        return {"pictures": direction.function(pictures, randomness.seeds_from_numbers(numbers))}

    def without_noise(images):
        if direction.portable is not None:
            return {"pictures": direction.portable(images)}
        return from_images(images)

    def from_files(image_bytes):
        images, errors = refusals.read_files(image_bytes, reading)
        return refusals.png_answers(from_images(images)["pictures"], errors, writing)

    images = tf.TensorSpec([None, *direction.image_shape], tf.float32)
    return {
        on_images: Signature(
            from_images,
            {"pictures": images},
            f"{title}pictures float32 [B, {height}x{width}x{channels}] in [-1, 1] -> "
            f"pictures float32 [B, {answer}] in [-1, 1]. {about}",
        ),
        on_files: Signature(
            from_files,
            {"image_bytes": tf.TensorSpec([None], tf.string)},
            f"{title}image_bytes string [B], {FORMATS} files of any size, read as in training -> "
            f"png_bytes string [B], {files}; {refusals.ABOUT} {about}",
            reading,
            writing,
        ),
        portable: Signature(
            without_noise,
            {"images": images},
            f"{title}images float32 [B, {height}x{width}x{channels}] in [-1, 1] -> "
            f"pictures float32 [B, {answer}] in [-1, 1]. {PORTABLE}",
            reading,
            portable=lambda count, data: {"images": images_of(count, data, field, images.shape)},
        ),
    }


def images_of(count: int, data, field: str, shape: tf.TensorShape) -> np.ndarray:
    """Returns images of the data, or of noise without data: float32 [count, H, W, C] in [-1, 1]."""
    if data is None:
        rng = np.random.default_rng(0)
        return rng.uniform(-1, 1, (count, *shape[1:])).astype(np.float32)
    return np.resize(data[field], (count, *shape[1:]))

"""Differentiable augmentations of what a discriminator sees.

With few images a discriminator memorises them. It cannot if real and generated images get the same
random augmentations, and the generator does not learn the augmentations, because gradients pass
through them.

Reference: Zhao et al. 2020 (DiffAugment), section 3.3 and its code.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kgan.utils.errors import ArgumentError

SHIFT = 1 / 8  # largest shift, as a fraction of the side
HOLE = 1 / 2  # of a side


def brightness_saturation_contrast(images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Shifts all values by up to ½, scales colour by 0 to 2 and contrast by ½ to 1½."""
    shift, colour, contrast = (noise[:, n, None, None, None] for n in range(3))
    images = images + (shift - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * (2.0 * colour) + grey
    middle = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - middle) * (contrast + 0.5) + middle


def _shift_rows(images, noise):
    """Moves rows by whole pixels, `noise` [B] in [0, 1) from the largest shift up to down."""
    side = images.shape[1]
    largest = int(side * SHIFT + 0.5)
    shift = tf.floor(noise * (2 * largest + 1)) - largest
    # The row of the padded images that each row shows; row 0 of the padding is outside.
    rows = tf.range(side, dtype=tf.float32)[None] - shift[:, None]
    rows = tf.cast(tf.clip_by_value(rows, -1, side), tf.int32) + 1
    padded = tf.pad(images, [[0, 0], [1, 1], [0, 0], [0, 0]])
    return tf.gather(padded, rows, batch_dims=1)


def translation(images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Shifts by whole pixels, up to an eighth of the side, and pads with zeros (grey)."""
    images = _shift_rows(images, noise[:, 0])
    transposed = _shift_rows(tf.transpose(images, [0, 2, 1, 3]), noise[:, 1])
    return tf.transpose(transposed, [0, 2, 1, 3])


def cutout(images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Sets a rectangle of half the sides, with a random centre in the image, to zero."""

    def outside(side, noise):
        size = int(side * HOLE + 0.5)
        first = tf.floor(noise * (side + (1 - size % 2))) - size // 2
        pixels = tf.range(side, dtype=tf.float32)[None]
        return (pixels < first[:, None]) | (pixels >= first[:, None] + size)

    rows, columns = (outside(images.shape[axis], noise[:, axis - 1]) for axis in (1, 2))
    kept = rows[:, :, None] | columns[:, None, :]
    return images * tf.cast(kept, images.dtype)[..., None]


# Functions, and how much noise each needs per image.
AUGMENTATIONS: dict[str, tuple[Callable, int]] = {
    "color": (brightness_saturation_contrast, 3),
    "translation": (translation, 2),
    "cutout": (cutout, 2),
}


def parse(names: Sequence[str] | str) -> tuple[str, ...]:
    """Checks names of augmentations.

    Args:
        names: of `AUGMENTATIONS`; earlier `.keras` files hold one comma-separated text.

    Raises:
        ArgumentError: on an unknown name.
    """
    names = names.split(",") if isinstance(names, str) else names
    names = tuple(filter(None, names))
    for name in names:
        if name not in AUGMENTATIONS:
            known = ", ".join(AUGMENTATIONS)
            raise ArgumentError("augment", f"must be some of {known}. Received: {name}")
    return names


def noise_size(names: Sequence[str]) -> int:
    """Counts the random numbers that the named augmentations need per image."""
    return sum(AUGMENTATIONS[name][1] for name in names)


def augment(images: tf.Tensor, names: Sequence[str], noise: tf.Tensor) -> tf.Tensor:
    """Applies the named augmentations in their order.

    Args:
        images: float32 [B, H, W, C] in [-1, 1].
        names: of `AUGMENTATIONS`.
        noise: float32 [B, noise_size(names)], uniform in [0, 1).

    Returns:
        float32 [B, H, W, C]; values may leave [-1, 1].
    """
    start = 0
    for name in names:
        function, count = AUGMENTATIONS[name]
        images = function(images, noise[:, start : start + count])
        start += count
    return images

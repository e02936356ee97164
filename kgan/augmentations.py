"""What the discriminator sees of an image: changes that gradients pass through.

With few images a discriminator learns them by heart. If it sees real and generated ones changed
alike, at random, it cannot, and the generator is not taught to draw the changes.

Reference: Zhao et al. 2020 (DiffAugment), section 3.3 and its code.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

SHIFT = 1 / 8  # of a side, at most
HOLE = 1 / 2  # of a side


def brightness_saturation_contrast(images: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
    """Shifts all values by up to ½, scales what is colour by 0 to 2 and contrast by ½ to 1½."""
    shift, colour, contrast = (chances[:, n, None, None, None] for n in range(3))
    images = images + (shift - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * (2.0 * colour) + grey
    middle = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - middle) * (contrast + 0.5) + middle


def translation(images: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
    """Shifts by whole pixels, up to an eighth of the side; zeros, mid-grey, move in."""
    height, width = images.shape[1:3]

    def shifts(side, chance):
        most = int(side * SHIFT + 0.5)
        return tf.floor(chance * (2 * most + 1)) - most

    def moved(rows, shift):
        # Which row of the padded image each row is: row 0 of the padding is outside.
        side = rows.shape[1]
        places = tf.range(side, dtype=tf.float32)[None] - shift[:, None]
        places = tf.cast(tf.clip_by_value(places, -1, side), tf.int32) + 1
        padded = tf.pad(rows, [[0, 0], [1, 1], [0, 0], [0, 0]])
        return tf.gather(padded, places, batch_dims=1)

    images = moved(images, shifts(height, chances[:, 0]))
    turned = moved(tf.transpose(images, [0, 2, 1, 3]), shifts(width, chances[:, 1]))
    return tf.transpose(turned, [0, 2, 1, 3])


def cutout(images: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
    """Sets a rectangle of half the sides to zero; its middle lies anywhere in the image."""
    height, width = images.shape[1:3]

    def outside(side, chance):
        size = int(side * HOLE + 0.5)
        first = tf.floor(chance * (side + (1 - size % 2))) - size // 2
        places = tf.range(side, dtype=tf.float32)[None]
        return (places < first[:, None]) | (places >= first[:, None] + size)

    rows, columns = outside(height, chances[:, 0]), outside(width, chances[:, 1])
    kept = rows[:, :, None] | columns[:, None, :]
    return images * tf.cast(kept, images.dtype)[..., None]


# With how many random numbers each is given.
AUGMENTATIONS: dict[str, tuple[Callable, int]] = {
    "color": (brightness_saturation_contrast, 3),
    "translation": (translation, 2),
    "cutout": (cutout, 2),
}


def parse(text: str) -> tuple[str, ...]:
    """Parses `color,translation,cutout`; an empty text is none of them.

    Raises:
        ValueError: on an unknown name.
    """
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in AUGMENTATIONS:
            raise ValueError(f"`augment` takes {', '.join(AUGMENTATIONS)}. Received: {name}")
    return names


def noise_size(names: Sequence[str]) -> int:
    """Counts the random numbers that an image takes."""
    return sum(AUGMENTATIONS[name][1] for name in names)


def augment(images: tf.Tensor, names: Sequence[str], chances: tf.Tensor) -> tf.Tensor:
    """Changes images in each of the named ways, in their order.

    Args:
        images: float32 [B, H, W, C] in [-1, 1].
        names: of `AUGMENTATIONS`.
        chances: float32 [B, noise_size(names)], uniform in [0, 1).

    Returns:
        float32 [B, H, W, C]; values may leave [-1, 1].
    """
    start = 0
    for name in names:
        change, count = AUGMENTATIONS[name]
        images = change(images, chances[:, start : start + count])
        start += count
    return images

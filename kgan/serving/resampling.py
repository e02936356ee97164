"""Resizing of images inside graphs, with the numbers that Pillow gives.

Training reads images with Pillow, and TensorFlow's own bicubic resizing differs from Pillow's by
several levels. An 8-bit image is resized in whole numbers, first its rows and then its columns, and
rounded after each. A reduced image has a wider kernel, which prevents aliasing.

Reference: Pillow's `src/libImaging/Resample.c` and `Geometry.c`.
"""

import tensorflow as tf

BITS = 22  # of the fractions of weights: 32 less 8 of a pixel and 2 in reserve
SUPPORT = 2.0  # of the cubic kernel, in pixels of the smaller image
SHARPNESS = -0.5  # of the cubic kernel


def crop_box(size: tf.Tensor, wanted: tuple[int, int], fit: str) -> tf.Tensor:
    """Returns the part of an image that fills the wanted size, see `kgan.data.decode`.

    Args:
        size: int32 [2], height and width of the image.
        wanted: (height, width).
        fit: `resize` or `crop`.

    Returns:
        float32 [2, 2]: start and end of the rows, and of the columns.
    """
    whole = tf.cast(size, tf.float64)
    if fit == "resize":
        return tf.cast(tf.stack([tf.zeros_like(whole), whole], axis=1), tf.float32)
    target = tf.constant(wanted, tf.float64)
    scale = tf.reduce_min(whole / target)
    start = tf.maximum(whole - scale * target, 0) / 2
    # Whole pixels, or cropping would blur.
    start = tf.where(scale == 1, tf.floor(start), start)
    end = tf.minimum(start + scale * target, whole)
    return tf.cast(tf.stack([start, end], axis=1), tf.float32)


def nearest(image: tf.Tensor, box: tf.Tensor, wanted: tuple[int, int]) -> tf.Tensor:
    """Resizes an image [H, W, C] of any type by nearest neighbour."""
    with tf.device("CPU:0"):  # which adds up one by one, as Pillow does
        for axis, count in enumerate(wanted):
            step = tf.cast(box[axis, 1] - box[axis, 0], tf.float64) / count
            first = tf.cast(box[axis, 0], tf.float64) + 0.5 * step
            steps = tf.concat([[first], tf.repeat(step, count - 1)], 0)
            places = tf.cast(tf.cumsum(steps), tf.int32)
            places = tf.clip_by_value(places, 0, tf.shape(image)[axis] - 1)
            image = tf.gather(image, places, axis=axis)
    return image


def bicubic(image: tf.Tensor, box: tf.Tensor, wanted: tuple[int, int]) -> tf.Tensor:
    """Resizes an image: uint8 [H, W, C] in whole numbers, others as float32."""
    for axis in (1, 0):
        first, weights = _taps(tf.shape(image)[axis], box[axis], wanted[axis])
        image = _weighted_sum(image, axis, first, weights)
    return image


def bicubic_with_alpha(image: tf.Tensor, box: tf.Tensor, wanted: tuple[int, int]) -> tf.Tensor:
    """Resizes uint8 [H, W, 4], so that the colours of transparent pixels do not show."""
    colours, alpha = tf.cast(image[..., :3], tf.int32), tf.cast(image[..., 3:], tf.int32)
    products = colours * alpha + 128
    products = tf.bitwise.right_shift(tf.bitwise.right_shift(products, 8) + products, 8)
    image = bicubic(tf.cast(tf.concat([products, alpha], 2), tf.uint8), box, wanted)
    colours, alpha = tf.cast(image[..., :3], tf.int32), tf.cast(image[..., 3:], tf.int32)
    divided = tf.minimum(255 * colours // tf.maximum(alpha, 1), 255)
    colours = tf.where((alpha == 0) | (alpha == 255), colours, divided)
    return tf.cast(tf.concat([colours, alpha], 2), tf.uint8)


def _taps(size: tf.Tensor, box: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns for each new pixel the first old one and the weights: int32 [N], float64 [N, K]."""
    scale = tf.cast(box[1] - box[0], tf.float64) / count
    stretch = tf.maximum(scale, 1.0)
    centres = tf.cast(box[0], tf.float64) + (tf.range(count, dtype=tf.float64) + 0.5) * scale
    first = tf.maximum(tf.cast(centres - SUPPORT * stretch + 0.5, tf.int32), 0)
    end = tf.minimum(tf.cast(centres + SUPPORT * stretch + 0.5, tf.int32), size)
    places = tf.range(tf.reduce_max(end - first))[tf.newaxis] + first[:, tf.newaxis]
    apart = tf.abs((tf.cast(places, tf.float64) - centres[:, tf.newaxis] + 0.5) / stretch)
    near = ((SHARPNESS + 2) * apart - (SHARPNESS + 3)) * apart**2 + 1
    far = (((apart - 5) * apart + 8) * apart - 4) * SHARPNESS
    weights = tf.where(apart < 1, near, tf.where(apart < SUPPORT, far, tf.zeros_like(far)))
    weights = tf.where(places < end[:, tf.newaxis], weights, tf.zeros_like(weights))
    return first, weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _weighted_sum(image, axis, first, weights):
    """Sums the old pixels along an axis, one tap at a time: all at once would need the memory."""
    whole = image.dtype == tf.uint8
    if whole:
        weights = tf.cast(weights * 2.0**BITS + 0.5 * tf.sign(weights), tf.int32)
        start = 1 << (BITS - 1)
    else:
        image, start = tf.cast(image, tf.float64), 0.0
    last = tf.shape(image)[axis] - 1
    shape = [-1, 1, 1] if axis == 0 else [1, -1, 1]

    def add(tap, total):
        pixels = tf.gather(image, tf.minimum(first + tap, last), axis=axis)
        return tap + 1, total + tf.cast(pixels, total.dtype) * tf.reshape(weights[:, tap], shape)

    size = tf.unstack(tf.shape(image))
    size[axis] = tf.shape(first)[0]
    total = tf.fill(tf.stack(size), tf.cast(start, weights.dtype))
    total.set_shape([None, None, image.shape[2]])
    taps = tf.shape(weights)[1]
    _, total = tf.while_loop(
        lambda tap, total: tap < taps,
        add,
        (tf.constant(0), total),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, image.shape[2]])),
    )
    if whole:
        total = tf.clip_by_value(tf.bitwise.right_shift(total, BITS), 0, 255)
        return tf.cast(total, tf.uint8)
    return tf.cast(total, tf.float32)

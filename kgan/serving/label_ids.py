"""Label maps in graphs: numbers of classes from files and colours, and their one-hot encoding."""

import binascii

import tensorflow as tf

from kgan.data.preparation import DEEP_VOID, Preparation
from kgan.serving import resampling
from kgan.serving.file_bytes import number, png_chunks, upright

# What the checksum of a PNG's header changes by if its colour type goes from 3 to 0 or back.
_TYPE_3 = bytes(13) + b"\3" + bytes(3)
_CHECKSUM = (binascii.crc32(_TYPE_3) ^ binascii.crc32(bytes(17))).to_bytes(4, "big")
_WANTED = "right would be a grey PNG whose levels are numbers of classes"


def read(
    data: tf.Tensor, known: tf.Tensor, place: tf.Tensor, preparation: Preparation
) -> tf.Tensor:
    """Reads the file of a label map, as `kgan.data.shaping.label_levels` does.

    Args:
        data: string scalar.
        known: the same, see `kgan.serving.file_bytes.padded`.
        place: number of its format in `kgan.serving.decoding.BEGINNINGS`.
        preparation: its size and its number of classes.

    Returns:
        int32 [H, W], numbers of classes; those that stand for none are negative.
    """

    def refuse():
        reason = f"image_bytes: a format that changes numbers of classes; {_WANTED}"
        with tf.control_dependencies([tf.debugging.Assert(False, [reason])]):
            return tf.zeros([1, 1, 1], tf.int32)

    levels = tf.case(
        [(place == 1, lambda: _png(data, known)), (place == 3, lambda: _bmp(data))], refuse
    )
    void = (levels == preparation.void) | (levels == DEEP_VOID)
    wrong = ~void & ((levels < 0) | (levels >= preparation.classes))
    message = (
        f"image_bytes: has a pixel of another class; right would be classes 0 to "
        f"{preparation.classes - 1}, and {preparation.void} where there is none"
    )
    with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(wrong), [message])]):
        levels = tf.where(void, -1, levels)
    box = resampling.crop_box(tf.shape(levels)[:2], preparation.size, preparation.fit)
    return resampling.nearest(levels, box, preparation.size)[..., 0]


def _png(data, known):
    """Decodes the levels of a PNG or its indices into a palette, int32 [H, W, 1]."""
    depth, colour = number(known, 24, 1), number(known, 25, 1)
    orientation, _ = png_chunks(known)
    # TensorFlow gives no indices, but the levels of a file that says it is grey.
    checksum = tf.bitwise.bitwise_xor(
        tf.io.decode_raw(tf.strings.substr(known, 29, 4), tf.uint8),
        tf.constant(list(_CHECKSUM), tf.uint8),
    )
    single = [bytes([value]) for value in range(256)]
    pieces = tf.unstack(tf.gather(single, tf.cast(checksum, tf.int32)), num=4)
    as_grey = tf.strings.join(
        [tf.strings.substr(data, 0, 25), b"\0", tf.strings.substr(data, 26, 3), *pieces]
        + [tf.strings.substr(data, 33, -1)]
    )
    # Fewer bits than 8 are spread over the levels from 0 to 255.
    step = 255 // (tf.bitwise.left_shift(1, tf.minimum(depth, 8)) - 1)

    def grey(file):
        return lambda: tf.cast(tf.io.decode_png(file, 1), tf.int32) // step

    def colours():
        image = tf.io.decode_png(data, 3)
        equal = tf.reduce_all(image == image[..., :1])
        reason = f"image_bytes: has colours; {_WANTED}"
        with tf.control_dependencies([tf.debugging.Assert(equal, [reason])]):
            return tf.cast(image[..., :1], tf.int32)

    levels = tf.case(
        [
            (colour == 3, grey(as_grey)),
            (
                (colour == 0) & (depth == 16),
                lambda: tf.cast(tf.io.decode_png(data, 1, tf.uint16), tf.int32),
            ),
            (colour == 0, grey(data)),
        ],
        colours,
    )
    return upright(tf.ensure_shape(levels, [None, None, 1]), orientation)


def _bmp(data):
    image = tf.io.decode_bmp(data)
    equal = tf.reduce_all(image[..., :3] == image[..., :1])
    reason = f"image_bytes: has colours; {_WANTED}"
    with tf.control_dependencies([tf.debugging.Assert(equal, [reason])]):
        return tf.cast(image[..., :1], tf.int32)


def nearest_colours(image: tf.Tensor, preparation: Preparation) -> tf.Tensor:
    """Returns the index of each pixel's nearest colour of the palette; the first of equals.

    Args:
        image: uint8 [H, W, 1 or 3].
        preparation: its `palette`.

    Returns:
        int32 [H, W].
    """
    palette = tf.constant(preparation.palette, tf.float64)
    pixels = tf.broadcast_to(tf.cast(image, tf.float64), [*preparation.size, 3])
    products = tf.reshape(
        tf.matmul(tf.reshape(pixels, [-1, 3]), palette, transpose_b=True),
        [-1, len(preparation.palette)],
    )
    # |p - c|² without |p|², exact in float64.
    apart = tf.reduce_sum(palette**2, axis=1) - 2 * products
    return tf.reshape(tf.argmin(apart, axis=1, output_type=tf.int32), preparation.size)


def one_hot(classes: tf.Tensor, preparation: Preparation) -> tf.Tensor:
    """Encodes int32 [H, W] as float32 [H, W, classes]: 1 in the class, -1 elsewhere."""
    return tf.one_hot(classes, preparation.classes, 1.0, -1.0)

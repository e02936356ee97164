"""What exported signatures refuse.

There are two rules. An entry of a batch that `kgan.generate` would refuse (a file that cannot be
read, a label or a seed that does not exist) is named in the output `errors`, string [B], which is
empty for the others; these are answered. Its own image is 0 everywhere, its file empty. Arrays of a
wrong size or with numbers that cannot be right, and inputs that are not equally many, are refused
with the whole call; the message names them.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kgan.data.decode import PIXEL_LIMIT
from kgan.data.preparation import Preparation
from kgan.serving.decoding import FORMATS, decode_images
from kgan.serving.file_bytes import number, padded, unserved
from kgan.serving.signatures import Signature, encode_png

MARGIN = 0.01  # beyond [-1, 1], for what rounding may do
ABOUT = "errors string [B], empty for what was answered, else which input was refused and why."


def checked(signature: Signature) -> Callable:
    """Returns the function of a signature with checks of the arrays that it takes.

    A server does not compare shapes, and networks answer images of other sizes with something.
    """

    def function(*inputs):
        given = [
            _checked_array(name, values, spec, signature.portable is None)
            for (name, spec), values in zip(signature.inputs.items(), inputs, strict=True)
        ]
        return signature.function(*given)

    return function


def _checked_array(name, values, spec, by_value):
    if spec.dtype == tf.string or not spec.shape.rank:
        return values
    values = tf.ensure_shape(values, spec.shape, name=f"shape_of_{name}")
    if not by_value or not spec.dtype.is_floating:
        return values
    wrong, right = ~tf.math.is_finite(values), "finite numbers"
    if name == "pictures":
        wrong, right = wrong | (tf.abs(values) > 1 + MARGIN), "numbers in [-1, 1]"
    wrong = tf.reduce_any(wrong, axis=list(range(1, spec.shape.rank)))
    message = [f"{name}: right would be {right}; wrong are those of the numbers", tf.where(wrong)]
    with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(wrong), message, 100)]):
        return tf.identity(values)


@tf.autograph.experimental.do_not_convert
def read_files(files: tf.Tensor, preparation: Preparation) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes those image files of a batch that can be read.

    Args:
        files: string [B].
        preparation: see `decode_images`.

    Returns:
        float32 [B, H, W, C] in [-1, 1], 0 where a file cannot be read, and the errors, string [B].
    """
    size = [*preparation.size, preparation.channels]

    def read(place, data):
        with tf.control_dependencies([tf.debugging.Assert(_pixels(data) <= PIXEL_LIMIT, [place])]):
            image = decode_images(tf.identity(data)[tf.newaxis], preparation)[0]
        return place, tf.ensure_shape(image, size)

    count = tf.size(files)
    read_in_order = tf.data.Dataset.from_tensor_slices((tf.range(count), files)).map(
        read, num_parallel_calls=tf.data.AUTOTUNE
    )
    # The one after the last file is always there, so that there is a batch to take.
    end = tf.data.Dataset.from_tensors((count, tf.zeros(size)))
    found = read_in_order.ignore_errors().concatenate(end)
    places, images = found.batch(tf.cast(count, tf.int64) + 1).get_single_element()
    places, images = places[:-1, tf.newaxis], images[:-1]
    images = tf.scatter_nd(places, images, tf.stack([count, *size]))
    is_read = tf.scatter_nd(places, tf.ones_like(places[:, 0]), count[tf.newaxis]) > 0
    errors = tf.where(is_read, "", tf.strings.join([_named("image_bytes", files), _reasons(files)]))
    return tf.ensure_shape(images, [None, *size]), errors


def _named(name, values):
    numbers = tf.strings.as_string(tf.range(tf.shape(values)[0]))
    return tf.strings.join([f"{name}[", numbers, "]: "])


def _reasons(files):
    """Says why files cannot be read, by their first bytes; string [B]."""
    right = f"right would be a whole file: {FORMATS}"
    reasons = tf.fill(tf.shape(files), f"not an image that can be read; {right}")
    for start, beginning, reason in (
        (0, b"\xff\xd8\xff", f"damaged or too large; {right}"),
        (0, b"\x89PNG", f"damaged or too large; {right}"),
        (0, b"GIF8", f"damaged or too large; {right}"),
        (0, b"BM", f"damaged, too large, or not of 8, 24 or 32 bits a pixel; {right}"),
        (0, b"RIFF", f"damaged, or no WebP; {right}"),
        (4, b"ftyp", f"a film; {right}"),
        *unserved(FORMATS),
    ):
        # A file that is shorter has zeros there.
        first = tf.strings.substr(tf.strings.join([files, b"\0" * 256]), start, len(beginning))
        reasons = tf.where(first == beginning, reason, reasons)
    return tf.where(tf.strings.length(files) == 0, f"the file is empty; {right}", reasons)


def _pixels(data):
    """Reads the number of pixels of an image from its header; 0 where it is elsewhere."""
    known = padded(data)

    def at(width, height, length, little):
        sides = [number(known, place, length, little) for place in (width, height)]
        return tf.reduce_prod(tf.cast(sides, tf.int64))

    def of_jpeg():
        return tf.reduce_prod(tf.cast(tf.image.extract_jpeg_shape(data)[:2], tf.int64))

    first = tf.strings.substr(known, 0, 2)
    return tf.case(
        [
            (first == b"\x89P", lambda: at(16, 20, 4, False)),
            (first == b"GI", lambda: at(6, 8, 2, True)),
            (first == b"BM", lambda: at(18, 22, 2, True)),
            (first == b"\xff\xd8", of_jpeg),
        ],
        lambda: tf.constant(0, tf.int64),
    )


def positive(count: tf.Tensor) -> tf.Tensor:
    """Returns an int32 scalar, and refuses the call where it is below 1."""
    message = ["count: right would be 1 or more; it is", count]
    with tf.control_dependencies([tf.debugging.Assert(count > 0, message)]):
        return tf.identity(count)


def equally_many(seeds: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the labels [B], and refuses the call where there are not as many seeds."""
    counts = tf.size(seeds), tf.size(labels)
    message = ["seeds and labels: right would be equally many; there are", *counts]
    with tf.control_dependencies([tf.debugging.Assert(counts[0] == counts[1], message)]):
        return tf.identity(labels)


def label_errors(labels: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    """Names the labels that are no class or attribute; string [B].

    Args:
        labels: int32 [B].
        names: of the classes or attributes.
    """
    wrong = (labels < 0) | (labels >= len(names))
    reason = f" is not one of 0 to {len(names) - 1}"
    said = tf.strings.join([_named("labels", labels), tf.strings.as_string(labels), reason])
    return tf.where(wrong, said, "")


def seed_errors(seeds: tf.Tensor) -> tf.Tensor:
    """Names the seeds that are negative; string [B]."""
    numbers = tf.strings.as_string(seeds)
    said = tf.strings.join(
        [_named("seeds", seeds), numbers, " is negative; right would be 0 or more"]
    )
    return tf.where(seeds < 0, said, "")


def answers(images: tf.Tensor, errors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns images float32 [B, H, W, C], 0 where there is an error, with the errors."""
    good = tf.reshape(errors == "", [-1, *[1] * (len(images.shape) - 1)])
    return {"pictures": tf.where(good, images, 0.0), "errors": errors}


def png_answers(
    images: tf.Tensor, errors: tf.Tensor, writing: Preparation | None = None
) -> dict[str, tf.Tensor]:
    """Returns PNG files of images, string [B], empty where there is an error, with the errors.

    Args:
        images: float32 [B, H, W, C] in [-1, 1].
        errors: string [B].
        writing: see `encode_png`.
    """
    files = encode_png(images, writing)
    return {"png_bytes": tf.where(errors == "", files, ""), "errors": errors}

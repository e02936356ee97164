"""Numbers in the bytes of image files and their EXIF orientation, read inside graphs."""

import tensorflow as tf

from kgan.data.file_kinds import KINDS

MOST_STEPS = 100_000  # of a loop over the pieces of a file, so that no file can keep it going
END = b"\0" * 16  # after a file, so that what is read there is 0


def padded(data: tf.Tensor) -> tf.Tensor:
    """Returns the bytes of a file as the other functions need them."""
    return tf.strings.join([data, END])


def piece(data: tf.Tensor, start, length: int) -> tf.Tensor:
    """Returns up to 16 bytes from `start` on, a string; zeros where the file has ended."""
    last = tf.strings.length(data) - length
    return tf.strings.substr(data, tf.maximum(tf.minimum(start, last), 0), length)


def number(data: tf.Tensor, start, length: int, little=False) -> tf.Tensor:
    """Returns an unsigned number of 1 to 4 bytes, as int32; those above its limit as the limit.

    Args:
        data: string scalar, see `padded`.
        start: position of the first byte.
        length: number of bytes.
        little: bool, also a tensor: whether the lowest byte comes first.
    """
    digits = tf.cast(tf.io.decode_raw(piece(data, start, length), tf.uint8), tf.int64)
    if little is not False:
        digits = tf.where(little, tf.reverse(digits, [0]), digits)
    if length == 1:
        return tf.cast(digits[0], tf.int32)
    powers = tf.constant([256 ** (length - 1 - place) for place in range(length)], tf.int64)
    return tf.cast(tf.minimum(tf.reduce_sum(digits * powers), tf.int32.max), tf.int32)


def refusal(data: tf.Tensor, formats: str) -> tf.Operation:
    """Makes the operation that refuses a file by its kind, see `unserved`.

    Args:
        data: string scalar, see `padded`.
        formats: what would be right.
    """
    known = unserved(formats)
    found = tf.stack([piece(data, place, len(start)) == start for place, start, _ in known])
    reasons = [f"image_bytes: {reason}" for *_, reason in known]
    reasons += [f"image_bytes: not an image that can be read; right would be {formats}"]
    place = tf.where(tf.reduce_any(found), tf.argmax(found, output_type=tf.int32), len(known))
    return tf.debugging.Assert(False, [tf.gather(reasons, place)])


def unserved(formats: str) -> list[tuple[int, bytes, str]]:
    """Lists the kinds of files that no export reads: place, first bytes, and what is said of them.

    The words are those of training where it does not read the kind, either.

    Args:
        formats: what would be right.
    """
    others = (("TIFF", (b"II*\0", b"MM\0*")), ("PPM", tuple(b"P%d" % n for n in range(1, 8))))
    known = [
        (0, start, f"{name} images are not served; right would be {formats}")
        for name, starts in others
        for start in starts
    ]
    for kind in KINDS:
        reason = f"{kind.name} images are not served; right would be {formats}"
        reason = reason if kind.pillow else kind.refusal
        known += [(place, start, reason) for place, start in kind.beginnings]
    return known


def jpeg_orientation(data: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a JPEG, int32; 1 where it says none."""

    def step(position, exif, going):
        marker, length = number(data, position + 1, 1), number(data, position + 2, 2)
        is_exif = (marker == 0xE1) & (piece(data, position + 4, 6) == b"Exif\0\0")
        # The scan's data follow 0xDA; 0xFF may be repeated before a marker.
        padded = marker == 0xFF
        wrong = (number(data, position, 1) != 0xFF) | ((length < 2) & ~padded)
        going = ~(is_exif | wrong | (marker == 0xDA) | (marker == 0xD9))
        exif = tf.where(is_exif & ~wrong, position + 10, exif)
        return position + tf.where(padded, 1, 2 + length), exif, going

    return _orientation(data, _search(step, 2))


def png_chunks(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the EXIF orientation of a PNG, int32, and whether it has a chunk tRNS."""

    def step(position, exif, going, transparent):
        length, name = number(data, position, 4), piece(data, position + 4, 4)
        exif = tf.where((name == b"eXIf") & (exif < 0), position + 8, exif)
        transparent = transparent | (name == b"tRNS")
        end = (name == b"IEND") | (length >= tf.strings.length(data) - position)
        return position + 12 + length, exif, ~end, transparent

    exif, transparent = _search(step, 8, tf.constant(False))
    return _orientation(data, exif), transparent


def webp_orientation(data: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF orientation of a WebP file, int32; 1 where it says none."""

    def step(position, exif, going):
        length = number(data, position + 4, 4, little=True)
        is_exif = piece(data, position, 4) == b"EXIF"
        exif = tf.where(is_exif, position + 8, exif)
        end = is_exif | (length >= tf.strings.length(data) - position)
        return position + 8 + length + length % 2, exif, ~end

    exif = _search(step, 12)
    prefixed = piece(data, exif, 6) == b"Exif\0\0"
    return _orientation(data, tf.where((exif >= 0) & prefixed, exif + 6, exif))


def _search(step, start: int, *more):
    """Repeats a step over (position, position of EXIF data, whether to go on, more)."""
    found = tf.while_loop(
        lambda position, exif, going, *more: going,
        step,
        (tf.constant(start), tf.constant(-1), tf.constant(True), *more),
        maximum_iterations=MOST_STEPS,
    )
    return found[1] if not more else (found[1], *found[3:])


def _orientation(data: tf.Tensor, base: tf.Tensor) -> tf.Tensor:
    """Reads the orientation in EXIF data, which have the structure of a TIFF file.

    Args:
        data: string scalar, see `padded`.
        base: int32, position of the TIFF header; negative: there is none.

    Returns:
        int32 in [1, 8].
    """
    order = piece(data, base, 2)
    little = order == b"II"
    usable = (base >= 0) & (little | (order == b"MM")) & (number(data, base + 2, 2, little) == 42)
    offset = tf.minimum(number(data, base + 4, 4, little), tf.strings.length(data))
    directory = base + offset
    length = 12 * number(data, directory, 2, little)
    start = tf.clip_by_value(directory + 2, 0, tf.strings.length(data))
    entries = tf.strings.substr(data, start, length)
    entries = tf.strings.substr(entries, 0, tf.strings.length(entries) // 12 * 12)
    rows = tf.reshape(tf.cast(tf.io.decode_raw(entries, tf.uint8), tf.int32), [-1, 12])

    def short(place):
        one, two = rows[:, place], rows[:, place + 1]
        return tf.where(little, one + 256 * two, 256 * one + two)

    # Tag 0x0112 of type 3, a number of two bytes.
    is_orientation = (short(0) == 0x0112) & (short(2) == 3)
    value = tf.reduce_max(tf.where(is_orientation, short(8), 1))
    return tf.where(usable & (value >= 1) & (value <= 8), value, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image [H, W, C] by its EXIF orientation."""

    def is_one_of(*values):
        return tf.reduce_any(orientation == tf.constant(values))

    image = tf.cond(orientation > 4, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(is_one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(is_one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)

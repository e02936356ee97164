"""Decoding of image files inside graphs, with the pixels that training reads.

`kgan.data.shaping` reads images for training with Pillow, which a SavedModel cannot call. Here
TensorFlow decodes them; what its decoders do differently is done in the graph: the EXIF
orientation, alpha over white, luminance, palettes, 16 bits of grey and resizing. Images in lossless
formats become the same in every pixel, those in JPEG and WebP nearly.
"""

import tensorflow as tf

from kgan.data.preparation import Preparation
from kgan.serving import label_ids, resampling
from kgan.serving.file_bytes import (
    jpeg_orientation,
    number,
    padded,
    piece,
    png_chunks,
    refusal,
    upright,
    webp_orientation,
)

FORMATS = "JPEG, PNG, GIF (its first frame), BMP or WebP"
LUMINANCE = (19595, 38470, 7471)  # of R, G, B in 65,536ths, as Pillow rounds BT.601
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")


@tf.autograph.experimental.do_not_convert  # which takes longer than tracing itself
def decode_images(files: tf.Tensor, preparation: Preparation) -> tf.Tensor:
    """Decodes image files of any size.

    Args:
        files: string [B], of `FORMATS`.
        preparation: how they become arrays; its size is not None.

    Returns:
        float32 [B, H, W, C] in [-1, 1].
    """

    def read(data):
        image = _decode_one(data, preparation)
        return tf.ensure_shape(image, [*preparation.size, preparation.channels])

    return tf.map_fn(read, files, fn_output_signature=tf.float32)


def _decode_one(data, preparation):
    known = padded(data)
    is_kind = tf.stack([piece(known, 0, len(start)) == start for start in BEGINNINGS])
    place = tf.where(tf.reduce_any(is_kind), tf.argmax(is_kind, output_type=tf.int32), 5)
    if preparation.encoding == "ids":
        return label_ids.one_hot(label_ids.read(data, known, place, preparation), preparation)
    wide = (preparation.depth or 8) > 8
    branches = [
        lambda: _jpeg(data, known, preparation),
        lambda: _png(data, known, wide),
        lambda: _gif(data, known),
        lambda: _bmp(data, known),
        lambda: _webp(data, known),
        lambda: _refuse(known),
    ]
    image, deep, orientation = tf.switch_case(place, branches)
    image.set_shape([None, None, 4])
    deep.set_shape([None, None, None])
    return tf.cond(
        tf.size(deep) > 0,
        lambda: _deep(upright(deep, orientation), preparation, wide),
        lambda: _shallow(upright(image, orientation), preparation),
    )


def _shallow(image, preparation):
    """Prepares uint8 [H, W, 4]; returns float32 [h, w, C] in [-1, 1]."""
    levels = _colours(image, preparation)
    if preparation.encoding == "one_hot":
        return label_ids.one_hot(label_ids.nearest_colours(levels, preparation), preparation)
    levels = tf.cast(levels, tf.float32)
    if preparation.depth == 8 and preparation.value_range is not None:
        low, high = preparation.value_range
        scaled = _unit(levels[..., :3], low, high)
        colours = tf.cast(tf.round(scaled * 255), tf.float32)
        levels = tf.concat([colours, levels[..., 3:]], 2)
    return levels * (2 / 255) - 1.0


def _unit(levels, low, high):
    return tf.clip_by_value((tf.cast(levels, tf.float64) - low) / (high - low), 0.0, 1.0)


# Formats. Each gives uint8 [H, W, 4], or uint16 for 16 bits ([H, W, 1] of grey, [H, W, 4] where all
# bits of colours are read; else empty), and the orientation.


def _parts(image, orientation=1):
    empty = tf.zeros([0, 0, 1], tf.uint16)
    return _with_alpha(image), empty, tf.convert_to_tensor(orientation)


def _with_alpha(image):
    """Adds an opaque alpha channel to uint8 [H, W, 3]; returns others unchanged."""
    if image.shape[-1] == 4:
        return image
    image = tf.ensure_shape(image, [None, None, 3])
    return tf.concat([image, tf.fill(tf.shape(image[..., :1]), tf.constant(255, tf.uint8))], 2)


def _refuse(known):
    with tf.control_dependencies([refusal(known, FORMATS)]):
        return _parts(tf.zeros([1, 1, 4], tf.uint8))


def _unusual_bmp():
    reason = "image_bytes: a BMP of this kind; right would be 8, 24 or 32 bits a pixel"
    with tf.control_dependencies([tf.debugging.Assert(False, [reason])]):
        return tf.zeros([1, 1, 4], tf.uint8)


def _jpeg(data, known, shape):
    def decoded(factor):
        def read():
            # The choices of libjpeg itself, which Pillow leaves unchanged.
            return tf.io.decode_jpeg(data, 3, ratio=factor, dct_method="INTEGER_ACCURATE")

        return read

    number_of = tf.constant(0)
    if not shape.nearest:
        # As in `kgan.data.decode`: decoded at a half, a quarter or an eighth of a large size.
        size = tf.image.extract_jpeg_shape(data)[:2]
        for place, factor in enumerate((2, 4, 8), 1):
            whole = tf.reduce_all(size % factor == 0)
            enough = tf.reduce_min(size) >= factor * 2 * max(shape.size)
            number_of = tf.where(whole & enough, place, number_of)
    image = tf.switch_case(number_of, [decoded(factor) for factor in (1, 2, 4, 8)])
    return _parts(image, jpeg_orientation(known))


def _png(data, known, wide):
    depth, colour = number(known, 24, 1), number(known, 25, 1)
    orientation, transparent = png_chunks(known)

    def opaque(channels):
        image = tf.io.decode_png(data, channels, tf.uint16)
        white = tf.fill(tf.shape(image[..., :1]), tf.constant(65535, tf.uint16))
        return tf.concat([image, white], 2)

    empty = tf.zeros([0, 0, 4 if wide else 1], tf.uint16)
    cases = [((depth == 16) & (colour == 0), lambda: tf.io.decode_png(data, 1, tf.uint16))]
    if wide:
        cases = [
            ((depth == 16) & (colour == 0), lambda: opaque(3)),
            ((depth == 16) & (colour == 2), lambda: opaque(3)),
            (depth == 16, lambda: tf.io.decode_png(data, 4, tf.uint16)),
        ]
    deep = tf.case(cases, lambda: empty)
    # Without alpha TensorFlow makes up a wrong one for grey of less than 8 bits.
    image = tf.cond(
        transparent | (colour == 4) | (colour == 6),
        lambda: tf.io.decode_png(data, 4),
        lambda: _with_alpha(tf.io.decode_png(data, 3)),
    )
    return image, deep, orientation


def _gif(data, known):
    """Decodes the first frame with alpha; TensorFlow makes transparent pixels black."""
    flags = number(known, 10, 1)
    tables = 13 + tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)

    def step(position, control, inside, going):
        # A file is a row of blocks; those of extensions (0x21) hold smaller ones, up to an empty.
        first = number(known, position, 1)
        is_extension = first == 0x21
        is_control = ~inside & is_extension & (number(known, position + 1, 1) == 0xF9)
        control = tf.where(is_control, position, control)
        going = inside | is_extension
        forward = tf.where(inside, 1 + first, tf.where(is_extension, 2, 0))
        return position + forward, control, tf.where(inside, first != 0, is_extension), going

    position, control, _, _ = tf.while_loop(
        lambda position, control, inside, going: going & (position < tf.strings.length(known)),
        step,
        (tables, tf.constant(-1), tf.constant(False), tf.constant(True)),
    )
    local = number(known, position + 9, 1) >= 128
    table = tf.where(local, position + 10, 13)
    control_flags = number(known, control + 3, 1)
    has_transparent = (control >= 0) & (control_flags % 2 == 1)
    left, top, wide, high = (number(known, position + place, 2, True) for place in (1, 3, 5, 7))
    # TensorFlow gives no canvas, and only the part of a frame that its place leaves of its size.
    corner = tf.strings.join([tf.strings.substr(data, 0, position + 1), b"\0" * 4])
    placed = tf.strings.join([corner, tf.strings.substr(data, position + 5, -1)])

    def frame(file):
        return tf.io.decode_gif(file)[0][:high, :wide]

    def transparent():
        flag, start = control + 3, table + 3 * number(known, control + 6, 1)
        opaque = _with_byte(placed, flag, control_flags - 1)
        # Where another colour in the palette changes the image, it is transparent.
        changed = _with_byte(opaque, start, 255 - number(known, start, 1))
        image, other = frame(opaque), frame(changed)
        clear = tf.reduce_any(image != other, axis=2, keepdims=True)
        alpha = tf.where(clear, tf.constant(0, tf.uint8), tf.constant(255, tf.uint8))
        return tf.concat([image, alpha], 2)

    image = tf.cond(has_transparent, transparent, lambda: _with_alpha(frame(placed)))
    # Around a frame there is the transparent colour, or the first one.
    around = table + 3 * tf.where(has_transparent, number(known, control + 6, 1), 0)
    colour = tf.stack([number(known, around + place, 1) for place in range(3)])
    colour = tf.concat([colour, [tf.where(has_transparent, 0, 255)]], 0)
    canvas = [
        tf.maximum(number(known, 8, 2, True), top + high),
        tf.maximum(number(known, 6, 2, True), left + wide),
    ]
    inside = tf.image.pad_to_bounding_box(tf.ones_like(image[..., :1]), top, left, *canvas)
    image = tf.image.pad_to_bounding_box(image, top, left, *canvas)
    return _parts(tf.where(inside > 0, image, tf.cast(colour, tf.uint8)))


_SINGLE_BYTES = [bytes([value]) for value in range(256)]


def _with_byte(data, start, value):
    """Replaces one byte of a file."""
    before, after = tf.strings.substr(data, 0, start), tf.strings.substr(data, start + 1, -1)
    return tf.strings.join([before, tf.gather(_SINGLE_BYTES, value), after])


def _bmp(data, known):
    header, bits = number(known, 14, 4, True), number(known, 28, 2, True)
    packing = number(known, 30, 4, True)

    def palette():
        colours = number(known, 46, 4, True)
        colours = tf.where(colours == 0, 256, tf.minimum(colours, 256))
        table = tf.strings.substr(data, 14 + header, 4 * colours)
        table = tf.reshape(tf.io.decode_raw(table, tf.uint8), [-1, 4])[:, 2::-1]
        return tf.gather(table, tf.cast(tf.io.decode_bmp(data)[..., 0], tf.int32))

    def four():
        image = tf.io.decode_bmp(data, 4)
        # The fourth byte is alpha only where a mask says so.
        has_alpha = (packing == 3) & (header >= 56) & (number(known, 66, 4, True) != 0)
        return tf.cond(has_alpha, lambda: image, lambda: _with_alpha(image[..., :3]))

    image = tf.case(
        [
            ((bits == 24) & (packing == 0), lambda: _with_alpha(tf.io.decode_bmp(data, 3))),
            ((bits == 32) & ((packing == 0) | (packing == 3)), four),
            ((bits == 8) & (packing == 0), lambda: _with_alpha(palette())),
        ],
        _unusual_bmp,
    )
    return _parts(image)


def _webp(data, known):
    image = tf.io.decode_image(data, expand_animations=False)
    image.set_shape([None, None, None])
    opaque = tf.shape(image)[2] == 3
    image = tf.cond(opaque, lambda: _with_alpha(image[..., :3]), lambda: image)
    image.set_shape([None, None, 4])
    return _parts(image, webp_orientation(known))


# Channels and sizes.


def _deep(deep, preparation, wide):
    """Prepares uint16 [H, W, 1 or 4]; returns float32 [h, w, C] in [-1, 1]."""
    limits = (0.0, 65535.0)
    if preparation.value_range is not None and preparation.depth == 16:
        limits = preparation.value_range
    levels = tf.ensure_shape(tf.cast(deep, tf.float32), [None, None, 4 if wide else 1])
    channels = preparation.file_channels
    if not wide:
        levels = tf.repeat(_resized(levels, preparation), min(channels, 3), axis=2)
        alpha = tf.ones_like(levels[..., :1])
    else:
        alpha = levels[..., 3:] / 65535.0
        levels = levels[..., :3] * alpha
        if channels < 4:
            levels = levels + limits[1] * (1 - alpha)
        if channels == 1:
            red, green, blue = tf.unstack(levels, axis=2)
            levels = (0.299 * red + 0.587 * green + 0.114 * blue)[..., tf.newaxis]
        levels = _resized(levels, preparation)
        if channels == 4:
            alpha = _resized(alpha, preparation)
            levels = levels / tf.where(alpha > 0, alpha, 1.0)
    if preparation.encoding == "one_hot":
        seen = tf.cast(tf.round(255 * _unit(levels, *limits)), tf.uint8)
        return label_ids.one_hot(label_ids.nearest_colours(seen, preparation), preparation)
    unit = _unit(levels, *limits)
    if channels == 4:
        unit = tf.concat([unit, _unit(alpha, 0, 1)], 2)
    if preparation.depth != 32:
        white = 255 if preparation.depth == 8 else 65535
        unit = tf.round(white * unit) / white
    return tf.cast(2 * unit - 1, tf.float32)


def _colours(image, shape):
    """Converts uint8 [H, W, 4] to channels and size, uint8 [h, w, 1, 3 or 4]."""
    channels = shape.file_channels
    if channels < 4:
        image = tf.cond(
            tf.reduce_all(image[..., 3] == 255), lambda: image[..., :3], lambda: _over_white(image)
        )
    if channels == 1:
        weighted = tf.cast(image, tf.int32) * tf.constant(LUMINANCE)
        grey = tf.reduce_sum(weighted, axis=2, keepdims=True) + 0x8000
        image = tf.cast(tf.bitwise.right_shift(grey, 16), tf.uint8)
    return _resized(image, shape)


def _over_white(image):
    """Composites uint8 [H, W, 4] over white as Pillow does, in whole numbers."""
    image = tf.cast(image, tf.int32)
    colours, weights = image[..., :3], 128 * image[..., 3:]
    mixed = colours * weights + 255 * (255 * 128 - weights) + (0x80 << 7)
    mixed = tf.bitwise.right_shift(tf.bitwise.right_shift(mixed, 8) + mixed, 8)
    return tf.cast(tf.bitwise.right_shift(mixed, 7), tf.uint8)


def _resized(image, shape):
    size = tf.shape(image)[:2]
    box = resampling.crop_box(size, shape.size, shape.fit)
    if shape.nearest:
        return resampling.nearest(image, box, shape.size)
    with_alpha = image.shape[2] == 4
    resize = resampling.bicubic_with_alpha if with_alpha else resampling.bicubic

    def cut():
        return resampling.nearest(image, box, shape.size)

    # Whole pixels, of which even the colours of transparent ones stay.
    unscaled = tf.reduce_all(box[:, 1] - box[:, 0] == tf.constant(shape.size, tf.float32))
    return tf.cond(unscaled, cut, lambda: resize(image, box, shape.size))

"""Image files decoded in graphs: the pixels of training, for every format, mode and size."""

import contextlib
import functools
import io
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.data.pipeline import to_domain
from kgan.data.preparation import Preparation
from kgan.data.shaping import read_image
from kgan.serving import resampling
from kgan.serving.decoding import decode_images

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (31, 45, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (31, 45, 1), np.uint8)
ALPHA[:9], ALPHA[9:15] = 0, 255
DEEP = RNG.integers(0, 65536, (31, 45), np.uint16)
SMOOTH = np.stack(np.meshgrid(np.arange(90) * 2, np.arange(62) * 4, [90]), -1)[:, :, 0].astype("u1")
LABELS = Image.fromarray(RNG.integers(0, 4, (31, 45), np.uint8))
LABELS.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90])
RGB = Image.fromarray(COLOUR)
RGBA = Image.fromarray(np.concatenate([COLOUR, ALPHA], 2))
SOME_CLEAR = RGB.quantize(16)

# By name: the image, its format, options of saving, and by how many of 255 levels it may differ.
FILES = {
    "grey PNG": (RGB.convert("L"), "PNG", {}, 0),
    "1-bit PNG": (RGB.convert("1"), "PNG", {}, 0),
    "4-bit palette PNG": (LABELS, "PNG", {"bits": 4}, 0),
    "RGB PNG": (RGB, "PNG", {}, 0),
    "RGB PNG with a transparent colour": (
        Image.fromarray(np.where(ALPHA < 128, np.uint8([10, 20, 30]), COLOUR)),
        "PNG",
        {"transparency": (10, 20, 30)},
        0,
    ),
    "RGBA PNG": (RGBA, "PNG", {}, 0),
    "LA PNG": (RGBA.convert("LA"), "PNG", {}, 0),
    "palette PNG": (RGB.quantize(200), "PNG", {}, 0),
    "palette PNG with transparency": (
        SOME_CLEAR,
        "PNG",
        {"transparency": bytes(RNG.integers(0, 256, 16, np.uint8))},
        0,
    ),
    "16-bit PNG": (Image.fromarray(DEEP), "PNG", {}, 0.01),
    "RGB GIF": (RGB.quantize(64), "GIF", {}, 0),
    "transparent GIF": (SOME_CLEAR, "GIF", {"transparency": 3}, 0),
    "animated GIF": (
        SOME_CLEAR,
        "GIF",
        {"save_all": True, "append_images": [RGB.quantize(8)], "comment": b"some"},
        0,
    ),
    "RGB BMP": (RGB, "BMP", {}, 0),
    "grey BMP": (RGB.convert("L"), "BMP", {}, 0),
    "palette BMP": (RGB.quantize(100), "BMP", {}, 0),
    "32-bit BMP": (RGBA, "BMP", {}, 0),
    "lossless WebP": (RGBA, "WEBP", {"lossless": True, "exact": True}, 0),
    "WebP": (Image.fromarray(SMOOTH), "WEBP", {"quality": 90}, 3),
    "JPEG": (Image.fromarray(SMOOTH), "JPEG", {"quality": 95}, 3),
    "grey JPEG": (Image.fromarray(SMOOTH).convert("L"), "JPEG", {"quality": 95}, 3),
    "progressive JPEG": (Image.fromarray(SMOOTH), "JPEG", {"progressive": True}, 3),
    "CMYK JPEG": (Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", {"quality": 95}, 3),
}
# The files' own size, a smaller one, a larger one, and one that is narrower and higher. Each takes
# seconds to trace, and all files share them.
SHAPES = [
    Preparation((31, 45), 3),
    Preparation((16, 16), 3),
    Preparation((70, 101), 4),
    Preparation((13, 64), 1, "crop"),
]
LABEL_SHAPES = [Preparation((16, 16), 3, nearest=True), Preparation((93, 15), 3, "crop", True)]


def encode(image, kind, options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def graph(shape):
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda files: decode_images(files, shape), input_signature=signature)


def difference(data, shape):
    """Returns the largest difference from training's reading, in levels of 255."""
    trained = to_domain(read_image(data, "some.file", shape)[np.newaxis]).numpy()
    served = graph(shape)(tf.constant([data])).numpy()
    assert served.shape == trained.shape == (1, *shape.size, shape.channels)
    return np.abs(served - trained).max() * 127.5


def too_far(names, shape):
    """Lists the files whose difference from training's reading is above their tolerance.

    All in one test: with a new seed, which each test begins with, TensorFlow prepares the graph
    again.
    """
    found = {}
    for name in names:
        image, kind, options, tolerance = FILES[name]
        found[name] = difference(encode(image, kind, options), shape)
        if found[name] <= (1e-4 if shape.nearest else tolerance + 1e-4):
            del found[name]
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pixels_are_those_of_training(shape):
    assert too_far(FILES, shape) == {}


@pytest.mark.parametrize("shape", LABEL_SHAPES, ids=str)
def test_label_maps_keep_their_colours(shape):
    names = ["palette PNG", "16-bit PNG", "RGBA PNG", "RGB GIF", "RGB BMP"]
    assert too_far(names, shape) == {}


def test_nearest_neighbours_are_those_of_training_at_every_size():
    for old, new in itertools.product(range(1, 40, 3), range(1, 40, 2)):
        image = np.arange(old, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(2, 0)
        box = resampling.crop_box(tf.constant([2, old]), (2, new), "resize")
        found = resampling.nearest(tf.constant(image), box, (2, new)).numpy()
        expected = Image.fromarray(image[..., 0]).resize((new, 2), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(found[..., 0], expected)


def with_orientation(value):
    exif = Image.Exif()
    exif[0x010E] = "a description, before the orientation in the directory"
    exif[0x0112] = value
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(SMOOTH) if kind == "JPEG" else RGB
    tolerance = 3 if kind == "JPEG" else 1e-4
    plain = graph(SHAPES[0])(tf.constant([encode(image, kind, {**options, "exif": b""})]))
    for orientation in range(10):
        data = encode(image, kind, {**options, "exif": with_orientation(orientation)})
        for shape in SHAPES[:2]:
            assert difference(data, shape) <= tolerance, (orientation, shape)
        turned = graph(SHAPES[0])(tf.constant([data]))
        assert (np.abs(turned - plain).max() > 0.1) == (2 <= orientation <= 8), orientation


def test_big_endian_and_damaged_exif_are_read_as_in_training():
    data = encode(Image.fromarray(SMOOTH), "JPEG", {"exif": with_orientation(6)})
    start = data.index(b"Exif\0\0") + 6
    assert data[start : start + 2] in (b"MM", b"II")
    # One entry: tag 0x0112, a number of two bytes, 6; no other directory.
    entry = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    big = b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
    for exif in (big, big[:12], b"II*\0", b"", b"MM\0*\xff\xff\xff\xff"):
        changed = encode(Image.fromarray(SMOOTH), "JPEG", {"exif": b"Exif\0\0" + exif})
        assert difference(changed, SHAPES[1]) <= 3, exif


def test_large_jpeg_is_read_as_in_training():
    rng = np.random.default_rng(3)
    for side in (64, 256, 512):
        noise = Image.fromarray(rng.integers(0, 256, (side, 2 * side, 3), np.uint8))
        data = encode(noise, "JPEG", {"quality": 90})
        for shape in (*SHAPES[1:], *LABEL_SHAPES):
            assert difference(data, shape) <= 3, (side, shape)


def test_images_of_a_batch_may_differ_in_everything():
    names = ("grey PNG", "JPEG", "16-bit PNG", "transparent GIF", "palette BMP", "lossless WebP")
    files = [encode(*FILES[name][:3]) for name in names]
    shape = SHAPES[1]
    together = graph(shape)(tf.constant(files)).numpy()
    for data, image in zip(files, together, strict=True):
        np.testing.assert_array_equal(graph(shape)(tf.constant([data]))[0], image)


def test_other_files_are_refused_by_name():
    for data in (b"", b"GIF", b"no image at all", encode(RGB, "TIFF", {})):
        with pytest.raises(tf.errors.InvalidArgumentError, match="JPEG, PNG, GIF .* BMP or WebP"):
            graph(SHAPES[1])(tf.constant([data]))


def test_damaged_files_end_in_an_error_and_never_in_a_loop():
    rng = np.random.default_rng(0)
    for name in ("RGB PNG", "JPEG", "transparent GIF", "palette BMP", "WebP"):
        data = encode(*FILES[name][:3])
        for _ in range(10):
            damaged = bytearray(data[: rng.integers(8, len(data))])
            damaged[rng.integers(2, len(damaged))] = rng.integers(0, 256)
            with contextlib.suppress(tf.errors.OpError):
                graph(SHAPES[1])(tf.constant([bytes(damaged)]))

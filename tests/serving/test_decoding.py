"""Image files decoded in graphs: the pixels of training, for every format, mode and size."""

import contextlib
import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.data.preparation import Preparation
from kgan.data.shaping import prepare
from kgan.serving import resampling
from kgan.serving.decoding import decode_images
from kgan.utils.errors import UserError
from tools.image_kinds import CASES, ID_CASES, RGB, SMOOTH, encoded, turned

FILES = {case.name: case for case in CASES if case.depth <= 16}
SERVED = [case for case in FILES.values() if case.served]
PALETTE = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90))
# The files' own size, a smaller one, a larger one, and one that is narrower and higher. Each takes
# seconds to trace, and all files share them.
SHAPES = [
    Preparation((31, 45), 3, depth=8),
    Preparation((16, 16), 3, depth=16),
    Preparation((70, 101), 4),
    Preparation((70, 60), 4, "crop", depth=16, value_range=(99.0, 40_000.0)),
    Preparation((13, 64), 1, "crop", depth=8, value_range=(16, 235)),
]
LABEL_SHAPES = [
    Preparation((16, 16), 3, nearest=True),
    Preparation((93, 15), 3, "crop", True),
    Preparation((16, 20), 4, "resize", True, "one_hot", palette=PALETTE),
]
ID_SHAPES = [
    Preparation((31, 45), 12, nearest=True, encoding="ids", void=255),
    Preparation((17, 12), 12, "crop", True, "ids", 255),
]


def encode(image, kind, options):
    return encoded(image, kind, **options)


@functools.cache
def graph(shape):
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda files: decode_images(files, shape), input_signature=signature)


def difference(data, shape):
    """Returns the largest difference from training's reading, in levels of 255."""
    trained = prepare(data, "some.file", shape)
    served = graph(shape)(tf.constant([data])).numpy()[0]
    assert served.shape == trained.shape == (*shape.size, shape.channels)
    return np.abs(served - trained).max() * 127.5


def too_far(cases, shape):
    """Lists the files whose difference from training's reading is above their tolerance.

    All in one test: with a new seed, which each test begins with, TensorFlow prepares the graph
    again.
    """
    found = {case.name: difference(case.data, shape) for case in cases}
    limits = {case.name: 0 if shape.nearest else case.tolerance for case in cases}
    return {name: value for name, value in found.items() if value > limits[name] + 0.001}


# The second is that of docs/images.md, which has a test of its own.
@pytest.mark.parametrize("shape", SHAPES[:1] + SHAPES[2:], ids=str)
def test_pixels_are_those_of_training(shape):
    assert too_far(SERVED, shape) == {}


@pytest.mark.parametrize("shape", LABEL_SHAPES, ids=str)
def test_label_maps_keep_their_colours(shape):
    assert too_far([case for case in SERVED if not case.lossy], shape) == {}


def test_numbers_of_classes_are_those_of_training():
    for shape in ID_SHAPES:
        assert too_far([case for case in ID_CASES if case.served], shape) == {}


def test_labels_of_another_class_or_in_colours_are_refused_as_in_training():
    shape = ID_SHAPES[1]
    wrong = {
        "of another class": encode(np.full((9, 9), 12, np.uint8), "PNG", {}),
        "has colours": encode(RGB, "PNG", {}),
        "a grey PNG": encode(RGB, "JPEG", {}),
    }
    for words, data in wrong.items():
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            graph(shape)(tf.constant([data]))
        with pytest.raises(UserError):
            prepare(data, "a.png", shape)


def test_nearest_neighbours_are_those_of_training_at_every_size():
    for old, new in itertools.product(range(1, 40, 3), range(1, 40, 2)):
        image = np.arange(old, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(2, 0)
        box = resampling.crop_box(tf.constant([2, old]), (2, new), "resize")
        found = resampling.nearest(tf.constant(image), box, (2, new)).numpy()
        expected = Image.fromarray(image[..., 0]).resize((new, 2), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(found[..., 0], expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(SMOOTH) if kind == "JPEG" else RGB
    tolerance = 3 if kind == "JPEG" else 1e-4
    plain = graph(SHAPES[0])(tf.constant([encode(image, kind, {**options, "exif": b""})]))
    for orientation in range(10):
        data = encode(image, kind, {**options, "exif": turned(orientation)})
        for shape in SHAPES[:2]:
            assert difference(data, shape) <= tolerance, (orientation, shape)
        upright = graph(SHAPES[0])(tf.constant([data]))
        assert (np.abs(upright - plain).max() > 0.1) == (2 <= orientation <= 8), orientation


def test_big_endian_and_damaged_exif_are_read_as_in_training():
    data = encode(Image.fromarray(SMOOTH), "JPEG", {"exif": turned(6)})
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
    names = "PNG, grey, 8 bits|JPEG|PNG, RGB, 16 bits|GIF, transparent|BMP, palette|WebP"
    files = [FILES[name].data for name in names.split("|")]
    shape = SHAPES[1]
    together = graph(shape)(tf.constant(files)).numpy()
    for data, image in zip(files, together, strict=True):
        np.testing.assert_array_equal(graph(shape)(tf.constant([data]))[0], image)


def test_other_files_are_refused_by_name():
    others = {case.name: case.data for case in FILES.values() if not case.served}
    others |= {"not an image": b"", "not an image that can be read": b"no image at all"}
    others["HEIC images are not served"] = b"\0\0\0\x18ftypheic"
    for name, data in others.items():
        kind = name.partition(",")[0].replace("PGM", "PPM")
        with pytest.raises(tf.errors.InvalidArgumentError, match=kind):
            graph(SHAPES[1])(tf.constant([data]))


def test_damaged_files_end_in_an_error_and_never_in_a_loop():
    rng = np.random.default_rng(0)
    for name in ("PNG, RGB", "JPEG", "GIF, transparent", "BMP, palette", "WebP"):
        data = FILES[name].data
        for _ in range(10):
            damaged = bytearray(data[: rng.integers(8, len(data))])
            damaged[rng.integers(2, len(damaged))] = rng.integers(0, 256)
            with contextlib.suppress(tf.errors.OpError):
                graph(SHAPES[1])(tf.constant([bytes(damaged)]))

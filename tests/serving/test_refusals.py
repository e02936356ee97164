"""What exported signatures refuse, and that the rest of a batch is answered."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.data import decode
from kgan.data.file_kinds import KINDS
from kgan.data.preparation import Preparation
from kgan.serving import decoding, refusals
from kgan.serving.signatures import Signature
from tests.models.contracts.model import contract_of

SHAPE = Preparation((8, 8), 3)


def image_file(kind="PNG", side=20):
    image = Image.fromarray(np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8))
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


GOOD = [image_file("PNG"), image_file("JPEG", 30), image_file("BMP", 9)]
BAD = {
    b"": "empty",
    b"no image at all": "not an image",
    image_file("PNG")[:200]: "damaged",
    image_file("JPEG", 64)[:100]: "damaged",
    image_file("TIFF"): "TIFF images are not served",
    image_file("PPM"): "PPM images are not served",
    b"\0\0\0\x1cftypheic" + bytes(40): "HEIC images are not served",
    b"\0\0\0\x1cftypisom" + bytes(40): "a film",
    # In the words of training, which does not read them, either.
    **{
        bytes(place) + start + bytes(200): kind.refusal
        for kind in KINDS
        for place, start in kind.beginnings[:1]
        if not kind.pillow
    },
}


def reader():
    spec = tf.TensorSpec([None], tf.string)
    return tf.function(lambda files: refusals.read_files(files, SHAPE), input_signature=[spec])


def test_good_files_of_a_batch_are_read_and_bad_ones_named():
    read = reader()
    files = [*BAD, *GOOD]
    order = np.random.default_rng(0).permutation(len(files)).tolist()
    images, errors = read([files[place] for place in order])
    expected = decoding.decode_images(tf.constant(GOOD), SHAPE)
    for number, place in enumerate(order):
        error = errors[number].numpy().decode()
        if place < len(BAD):
            assert error.startswith(f"image_bytes[{number}]: ") and "right would be" in error
            assert BAD[files[place]] in error
            assert not np.any(images[number])
        else:
            assert error == ""
            np.testing.assert_array_equal(images[number], expected[place - len(BAD)])
    # Nothing but bad files, and nothing at all, are answered, too.
    images, errors = read([b"x"])
    assert images.shape == (1, 8, 8, 3) and errors[0].numpy()
    images, errors = read(tf.zeros([0], tf.string))
    assert images.shape == (0, 8, 8, 3) and errors.shape == (0,)


def test_files_of_more_pixels_than_training_reads_are_refused_unread(monkeypatch):
    monkeypatch.setattr(refusals, "PIXEL_LIMIT", 20 * 20)
    files = [image_file(kind, side) for kind in ("PNG", "JPEG", "GIF", "BMP") for side in (20, 21)]
    _, errors = reader()(files)
    assert [bool(error) for error in errors.numpy()] == [False, True] * 4
    assert all(b"too large" in error for error in errors.numpy()[1::2])
    assert decode.PIXEL_LIMIT > 1e8


def test_labels_and_seeds_that_do_not_exist_are_named_and_the_others_answered():
    model = contract_of("cgan")().build()
    signatures = model.signatures()
    seeds, labels = [1, 2, -3, 4], [0, model.condition_size, 1, -1]
    of_labels = signatures["from_labels"].function(tf.constant(seeds), tf.constant(labels))
    last = model.condition_size - 1
    assert of_labels["errors"].numpy().tolist() == [
        b"",
        f"labels[1]: {last + 1} is not one of 0 to {last}".encode(),
        b"seeds[2]: -3 is negative; right would be 0 or more",
        f"labels[3]: -1 is not one of 0 to {last}".encode(),
    ]
    alone = signatures["from_labels"].function(tf.constant([1]), tf.constant([0]))["pictures"]
    np.testing.assert_allclose(of_labels["pictures"][0], alone[0], atol=1e-6)
    assert not np.any(of_labels["pictures"][1:])
    files = signatures["png_from_labels"].function(tf.constant(seeds), tf.constant(labels))
    assert [bool(file) for file in files["png_bytes"].numpy()] == [True, False, False, False]
    np.testing.assert_array_equal(files["errors"], of_labels["errors"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="seeds and labels.*equally many"):
        signatures["from_labels"].function(tf.constant(seeds), tf.constant([0]))


def test_arrays_that_cannot_be_right_are_refused_with_the_whole_call():
    spec = tf.TensorSpec([None, 2, 2, 1], tf.float32)
    signature = Signature(lambda pictures: {"pictures": -pictures}, {"pictures": spec}, "")
    # Servers do not compare shapes: nothing is known of the argument here, either.
    unknown = tf.TensorSpec(None, tf.float32)
    served = tf.function(refusals.checked(signature), input_signature=[unknown])
    good = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 2, 2, 1)
    np.testing.assert_array_equal(served(good)["pictures"], -good)
    for shape in ((3, 4, 4, 1), (3, 2, 2, 3), (2, 2)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="shape_of_pictures"):
            served(np.zeros(shape, np.float32))
    for value, place in ((np.nan, 1), (-np.inf, 2), (255, 0)):
        wrong = good.copy()
        wrong[place, 0, 1, 0] = value
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=rf"pictures: right would be.*\[{place}\]"
        ):
            served(wrong)


def test_count_below_one_is_refused():
    from_count = contract_of("gan")().build().signatures()["from_count"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="count: right would be 1 or more"):
        from_count.function(tf.constant(0), tf.constant(0))

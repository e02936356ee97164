"""TFDS data sets: real MNIST, and what features and splits of made-up ones become."""

import concurrent.futures
import gzip
import pickle

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from kgan.data.dataset import ImageFormat, labels_of
from kgan.utils.errors import UserError
from tests.data.folder.images import counts
from tests.data.tfds.made import MNIST, Made, make, opened

# MNIST.


def original(part):
    """Reads the original files: a header of 16 or 8 bytes, then one byte a pixel or label."""
    with gzip.open(MNIST / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)
    with gzip.open(MNIST / f"{part}-labels-idx1-ubyte.gz") as file:
        return images, np.frombuffer(file.read()[8:], np.uint8)


def test_mnist_is_whole(mnist):
    found = opened("mnist", mnist, ImageFormat((28, 28), (28, 28)))
    assert (found.kind, found.name) == ("labelled", "mnist")
    assert counts(found) == {"train": 60_000, "test": 10_000}
    assert found.class_names == tuple("0123456789")
    assert found.description == "mnist (TFDS 3.0.1): 10 classes, 60000 train, 10000 test"
    images, labels = original("t10k")
    # TFDS has an order of its own; no image is in the set twice.
    number_of = {image.tobytes(): number for number, image in enumerate(images)}
    assert len(number_of) == 10_000
    examples = found.parts["test"].read_many(range(10_000))
    numbers = [number_of[example["image"].tobytes()] for example in examples]
    assert sorted(numbers) == list(range(10_000))
    assert [int(example["label"]) for example in examples] == labels[numbers].tolist()


def test_mnist_training_images_have_their_own_labels(mnist):
    train = opened("mnist", mnist, ImageFormat((28, 28), (28, 28))).parts["train"]
    images, labels = original("train")
    label_of = dict(zip((p.tobytes() for p in images), labels.tolist(), strict=True))
    first = train.read(0)
    assert first["image"].dtype == np.uint8
    assert first["image"].shape == (28, 28, 1)
    assert first["label"].dtype == np.int32
    assert first["label"] == label_of[first["image"].tobytes()]
    examples = train.read_many(range(0, 60_000, 37))
    assert all(label_of[e["image"].tobytes()] == e["label"] for e in examples)
    assert len({e["image"].tobytes() for e in examples}) == len(examples)


def test_mnist_is_scaled_as_pillow_does(mnist):
    small = opened("mnist", mnist, ImageFormat((28, 28), (28, 28))).parts["test"].read(7)["image"]
    found = opened("mnist", mnist, ImageFormat((32, 32), (36, 40), channels=3))
    expected = Image.fromarray(small[..., 0]).resize((32, 32), Image.Resampling.BICUBIC)
    large = found.parts["test"].read(7)["image"]
    np.testing.assert_array_equal(large, np.repeat(np.array(expected)[..., None], 3, -1))
    assert found.parts["train"].read(0)["image"].shape == (36, 40, 3)


def test_mnist_reads_the_same_from_many_threads_and_in_any_order(mnist):
    source = opened("mnist", mnist).parts["train"]
    order = np.random.default_rng(0).integers(0, 60_000, 400)
    expected = [source.read(index) for index in order]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(source.read, order))
        together = sum(pool.map(source.read_many, np.split(order, 4)), [])
    for one, other, third in zip(expected, alone, together, strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["image"], third["image"])
        assert one["label"] == other["label"] == third["label"]


def test_labels_are_read_without_the_images(mnist, monkeypatch):
    source = opened("mnist", mnist).parts["test"]
    wanted = [int(example["label"]) for example in source.read_many(range(10_000))]
    monkeypatch.setattr("kgan.data.tfds.source.read_image", None)
    assert labels_of(source).tolist() == wanted
    assert np.bincount(wanted).tolist() == np.bincount(original("t10k")[1]).tolist()


def test_mnist_can_be_pickled_and_read_from_its_end(mnist):
    source = opened("mnist", mnist).parts["train"]
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(3)["image"], source.read(3)["image"])
    np.testing.assert_array_equal(source.read(-1)["image"], source.read(59_999)["image"])
    with pytest.raises(IndexError):
        source.read(60_000)


# Features and splits.


def first_values(dataset, part):
    source = dataset.parts[part]
    return sorted(int(source.read(i)["image"][0, 0, 0]) for i in range(len(source)))


def test_set_without_labels_gives_images_and_a_held_out_part(tmp_path):
    make("MadePlain")
    found = opened("made_plain", tmp_path)
    assert (found.kind, found.class_names) == ("images", ())
    assert counts(found) == {"train": 18, "test": 2}
    assert found.description == (
        "made_plain (TFDS 1.0.0): 18 train, 2 test; test held out of train (the last 10%)"
    )
    assert set(found.parts["train"].read(0)) == {"image"}
    both = first_values(found, "train") + first_values(found, "test")
    assert sorted(both) == list(range(20))


def test_numbers_that_are_no_classes_are_no_labels(tmp_path):
    make(
        "MadeScored",
        FEATURES={**Made.FEATURES, "label": tfds.features.Scalar(np.float32)},
        example=lambda self, i: {**Made.example(self, i), "label": i / 7},
    )
    assert opened("made_scored", tmp_path).kind == "images"


@pytest.mark.parametrize(
    ("splits", "expected", "note"),
    [
        ({"train": 20, "validation": 3}, {"train": 20, "test": 3}, "TFDS' validation part"),
        (
            {"train": 20, "validation": 3, "test": 4},
            {"train": 20, "validation": 3, "test": 4},
            "20 train, 3 validation, 4 test",
        ),
        ({"train": 4}, {"train": 3, "test": 1}, "held out"),
        ({"train": 7, "test": 2, "extra": 9}, {"train": 7, "test": 2}, "7 train, 2 test"),
    ],
)
def test_splits_become_parts(tmp_path, splits, expected, note):
    make("MadeSplits" + "".join(f"{k.title()}{v}" for k, v in splits.items()), SPLITS=splits)
    name = "made_splits_" + "_".join(f"{k}{v}" for k, v in splits.items())
    found = opened(name, tmp_path)
    assert counts(found) == expected
    assert note in found.description


def test_two_domains_are_unpaired(tmp_path):
    make(
        "MadeDomains",
        SPLITS={"trainA": 5, "trainB": 6, "testA": 2, "testB": 3},
        FEATURES={**Made.FEATURES, "label": tfds.features.ClassLabel(names=["A", "B"])},
        example=lambda self, i: {**Made.example(self, i), "label": 0},
    )
    found = opened("made_domains", tmp_path)
    assert found.kind == "unpaired"
    assert counts(found) == {"train_a": 5, "train_b": 6, "test_a": 2, "test_b": 3}
    assert set(found.parts["train_a"].read(0)) == {"image"}


def test_set_without_a_training_part_is_refused(tmp_path):
    make("MadeTestOnly", SPLITS={"test": 4, "extra": 2})
    with pytest.raises(UserError, match="has no part to train on, only extra, test; right would"):
        opened("made_test_only", tmp_path)


def test_alpha_is_laid_over_white_unless_asked_for(tmp_path):
    make(
        "MadeAlpha",
        FEATURES={"image": tfds.features.Image(shape=(8, 8, 4))},
        example=lambda self, i: {"image": np.full((8, 8, 4), (0, 100, 200, 0), np.uint8)},
    )
    found = opened("made_alpha", tmp_path).parts["train"].read(0)["image"]
    assert found.shape == (8, 8, 3)
    assert (found == 255).all()
    kept = opened("made_alpha", tmp_path, ImageFormat((8, 8), (8, 8), 4)).parts["train"].read(0)
    assert kept["image"][0, 0, 3] == 0


def test_sixteen_bits_are_kept(tmp_path):
    make(
        "MadeDeep",
        FEATURES={"image": tfds.features.Image(shape=(8, 8, 1), dtype=np.uint16)},
        example=lambda self, i: {"image": np.full((8, 8, 1), 1000 * i, np.uint16)},
    )
    found = opened("made_deep", tmp_path)
    assert found.parts["train"].read(0)["image"].dtype == np.uint16
    assert first_values(found, "train")[-1] >= 17_000

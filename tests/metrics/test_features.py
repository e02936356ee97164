"""Features: the packaged digit network, pixels, and the cache of real images."""

import dataclasses
import gzip
import pathlib

import keras
import numpy as np
import pytest

from kgan.data import pipeline
from kgan.data.builtin.digits import open_digits
from kgan.data.dataset import ImageFormat
from kgan.metrics import digit_network, features
from kgan.utils.errors import UserError

MNIST = pathlib.Path(__file__).parents[3] / "shared" / "data" / "mnist"


def idx(name, header):
    """Reads one of MNIST's original files: bytes behind a header."""
    with gzip.open(MNIST / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def test_digit_network_has_the_accuracy_stored_with_its_weights():
    if not MNIST.exists():
        pytest.skip("MNIST is not available")
    levels = idx("t10k-images-idx3-ubyte.gz", 16).reshape(10_000, 28, 28, 1)
    labels = idx("t10k-labels-idx1-ubyte.gz", 8)
    found, probabilities = digit_network.predict(levels.astype(np.float32) / 127.5 - 1)
    assert found.shape == (10_000, 64) and probabilities.shape == (10_000, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    assert accuracy == pytest.approx(digit_network.load()[1]["test_accuracy"], abs=2e-4)
    assert accuracy > 0.99


def test_digit_network_loads_after_other_networks_with_dropout():
    keras.layers.Dropout(0.5)
    image = np.ones((1, 28, 28, 1), np.float32)
    again, _ = digit_network.load.__wrapped__()
    np.testing.assert_array_equal(again(image)[0], digit_network.load()[0](image)[0])


@pytest.mark.parametrize("size", [28, 40])
def test_digits_of_scikit_learn_are_classified_at_any_size(size):
    images = ImageFormat((size, size), (size, size), 1)
    test = pipeline.examples(open_digits(images).parts["test"], ("image", "label"))
    found = features.find("digits")(test["image"])
    assert (found.probabilities.argmax(axis=1) == test["label"]).mean() > 0.8


def test_colours_are_converted_to_grey():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 28, 28, 3)).astype(np.float32)
    grey = images.mean(axis=-1, keepdims=True)
    own, of_grey = (features.find("digits")(p) for p in (images, grey))
    np.testing.assert_allclose(own.features, of_grey.features, rtol=1e-4)


def test_stacked_digits_are_a_thousand_classes_hundreds_first():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 3)).astype(np.float32)
    found = features.find("stacked_digits")(images)
    assert found.features.shape == (2, 192) and found.probabilities.shape == (2, 1000)
    single = [features.find("digits")(images[..., c : c + 1]).probabilities for c in range(3)]
    expected = single[0][1, 4] * single[1][1, 0] * single[2][1, 7]
    assert found.probabilities[1, 407] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(UserError, match="three channels"):
        features.find("stacked_digits")(images[..., :1])


def test_pixels_are_averaged_to_8_by_8():
    images = np.zeros((1, 16, 16, 1), np.float32)
    images[0, :2, :2] = [[[1], [0]], [[0], [1]]]
    found = features.find("pixels")(images)
    assert found.features.shape == (1, 64) and found.probabilities is None
    small = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    assert features.find("pixels")(small).features.tolist() == [list(range(12))]


def test_unknown_features_are_refused_in_one_line():
    with pytest.raises(UserError) as caught:
        features.find("eigenfaces")
    assert str(caught.value).startswith("--features=eigenfaces: ")


@pytest.fixture
def tiny_applications(monkeypatch):
    """Puts a tiny network of random weights in the place of two of `keras.applications`."""

    def build(weights):
        given = keras.Input((8, 8, 3))
        vector = keras.layers.GlobalAveragePooling2D()(given)
        return keras.Model(given, keras.layers.Dense(4, activation="softmax")(vector))

    build.__module__ = keras.applications.InceptionV3.__module__
    for name in ("InceptionV3", "ResNet50V2"):
        monkeypatch.setattr(keras.applications, name, build)
    monkeypatch.setattr(features.logger, "propagate", True)
    for cached in (features._application, features._current_name):
        cached.cache_clear()
    yield
    features._application.cache_clear()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("keras_inception", "keras_inception"),
        ("InceptionV3", "keras_inception"),
        ("keras_resnet50v2", "keras_resnet50v2"),
    ],
)
def test_features_of_a_keras_network_say_so_in_their_name(tiny_applications, caplog, given, name):
    extractor = features.find(given)
    assert extractor.name == name and not caplog.messages
    assert extractor(np.zeros((2, 4, 4, 1), np.float32)).features.shape == (2, 3)


@pytest.mark.parametrize(
    ("given", "name"), [("inception", "keras_inception"), ("resnet50", "keras_resnet50v2")]
)
def test_earlier_names_of_features_are_accepted_and_renamed_in_one_line(
    tiny_applications, caplog, given, name
):
    assert features.find(given).name == name
    (line,) = caplog.messages
    assert line.startswith(f"--features={given}: is called {name} now") and "\n" not in line


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """Returns features that count the images they are extracted from, and an empty cache."""
    monkeypatch.setenv("KGAN_CACHE", str(tmp_path))
    counts = []

    def extract(images):
        counts.append(len(images))
        return features.Features(images.reshape(len(images), -1) * 2)

    return features.Extractor("twice", "1", extract, has_classes=False), counts, tmp_path


def test_features_of_equal_images_are_extracted_once(counting):
    extractor, counts, _ = counting
    images = np.random.default_rng(0).uniform(-1, 1, (5, 2, 2, 1)).astype(np.float32)
    first, second = extractor.cached(images), extractor.cached(images.copy())
    assert counts == [5]
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(second.features, images.reshape(5, 4) * 2)
    assert second.probabilities is None


@pytest.mark.parametrize("change", ["pixel", "name", "version", "shape"])
def test_cache_distinguishes_images_and_features(counting, change):
    extractor, counts, _ = counting
    images = np.zeros((5, 2, 2, 1), np.float32)
    extractor.cached(images)
    match change:
        case "pixel":
            images = images.copy()
            images[4, 1, 1, 0] = 1e-6
        case "shape":
            images = images.reshape(5, 4, 1, 1)
        case "name":
            extractor = dataclasses.replace(extractor, name="thrice")
        case "version":
            extractor = dataclasses.replace(extractor, version="2")
    extractor.cached(images)
    assert counts == [5, 5]


def test_a_damaged_file_is_replaced(counting):
    extractor, counts, folder = counting
    images = np.ones((3, 2, 2, 1), np.float32)
    extractor.cached(images)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:20])
    again = extractor.cached(images)
    assert counts == [3, 3] and again.features.tolist() == [[2.0] * 4] * 3
    extractor.cached(images)
    assert counts == [3, 3]


def test_cache_that_cannot_be_written_is_said_once_and_costs_no_result(counting, monkeypatch):
    extractor, counts, folder = counting
    (folder / "a_file").touch()
    features._warn_of_cache.cache_clear()
    said = []
    monkeypatch.setattr(features.logger, "warning", lambda text, *given: said.append(text % given))
    monkeypatch.setenv("KGAN_CACHE", str(folder / "a_file" / "cache"))
    found = [extractor.cached(np.ones((3, 2, 2, 1), np.float32)) for _ in range(2)]
    assert counts == [3, 3] and found[1].features.tolist() == [[2.0] * 4] * 3
    (line,) = said
    assert "$KGAN_CACHE" in line and "a_file" in line

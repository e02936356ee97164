"""Built-in digits: those of scikit-learn, resized."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kgan.data.builtin.digits import open_digits
from kgan.data.dataset import ImageFormat, spec_of


def square(side, **options):
    return ImageFormat((side, side), (side, side), **options)


@pytest.fixture(scope="module")
def digits():
    return open_digits(square(8))


def test_parts_hold_all_digits_once(digits):
    assert digits.kind == "labelled"
    assert digits.class_names == tuple("0123456789")
    assert digits.description == "digits: 10 classes, 1500 train, 297 test"
    original = load_digits()
    for part, offset in (("train", 0), ("test", 1500)):
        source = digits.parts[part]
        rows = slice(offset, offset + len(source))
        levels = np.rint(source.images[..., 0] / 255 * 16)
        np.testing.assert_array_equal(levels, original.images[rows])
        np.testing.assert_array_equal(source.labels, original.target[rows])
        assert set(source.labels.tolist()) == set(range(10))


def test_sixteen_levels_are_spread_over_eight_bits(digits):
    example = digits.parts["train"].read(0)
    assert example["image"].dtype == np.uint8
    assert example["label"].dtype == np.int32
    # The first row of the first digit has the levels 0 0 5 13 9 1 0 0; a level is 255 / 16.
    assert example["image"][0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    brightest = max(source.images.max() for source in digits.parts.values())
    assert brightest == 255


def test_parts_may_differ_in_size():
    found = open_digits(ImageFormat(size=(32, 32), train_size=(36, 40)))
    assert found.parts["train"].read(3)["image"].shape == (36, 40, 1)
    assert found.parts["test"].read(3)["image"].shape == (32, 32, 1)
    spec = spec_of(found, (32, 32))
    assert (spec.kind, spec.size, spec.channels) == ("labelled", (32, 32), 1)


def test_scaling_is_bicubic_and_follows_fit():
    level = Image.fromarray(np.rint(load_digits().images[0] * 15.9375).astype(np.uint8))
    stretched = open_digits(ImageFormat((16, 32), (16, 32))).parts["train"].read(0)["image"]
    expected = level.resize((32, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(stretched[..., 0], expected)
    cut = open_digits(ImageFormat((16, 32), (16, 32), fit="crop")).parts["train"].read(0)["image"]
    expected = level.resize((32, 16), Image.Resampling.BICUBIC, box=(0, 2, 8, 6))
    np.testing.assert_array_equal(cut[..., 0], expected)


def test_colour_channels_are_equal_and_alpha_is_full(digits):
    grey = digits.parts["test"].read(5)["image"]
    colour = open_digits(square(8, channels=3)).parts["test"].read(5)["image"]
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=-1))
    alpha = open_digits(square(8, channels=4)).parts["test"].read(5)["image"]
    assert alpha.shape == (8, 8, 4)
    assert (alpha[..., 3] == 255).all()


def test_importing_the_data_sources_imports_no_large_package():
    large = ["tensorflow", "tensorflow_datasets", "sklearn", "matplotlib"]
    script = f"import sys, kgan.data.registry; print([n for n in {large} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

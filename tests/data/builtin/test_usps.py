"""USPS: the original files where they are available, and synthetic damaged ones."""

import gzip
import pathlib

import numpy as np
import pytest
from PIL import Image

from kgan.data import registry
from kgan.data.builtin.usps import open_usps, read_digits
from kgan.data.dataset import ImageFormat, spec_of
from kgan.utils.errors import UserError

USPS = pathlib.Path(__file__).parents[4] / "shared" / "data" / "usps"
SMALL = ImageFormat((16, 16), (16, 16))


@pytest.fixture(scope="module")
def usps():
    if not USPS.exists():
        pytest.skip("USPS is not available")
    return open_usps(SMALL, manual_dir=str(USPS))


def line(digit="3.0000", values=None):
    return " ".join([digit, *(values or ["-1.0000"] * 256)]) + "\n"


def written(folder, *lines, name="zip.train.gz"):
    with gzip.open(folder / name, "wt") as file:
        file.writelines(lines)
    return str(folder / name)


def refusal(function, *arguments, **options):
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


# The original files; the counts by digit are from the description that comes with them.


def test_usps_is_whole(usps):
    assert (usps.name, usps.kind) == ("usps", "labelled")
    assert usps.class_names == tuple("0123456789")
    assert usps.description == "usps: 10 classes, 7291 train, 2007 test"
    counts = {part: np.bincount(source.labels).tolist() for part, source in usps.parts.items()}
    assert counts == {
        "train": [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644],
        "test": [359, 264, 198, 166, 200, 160, 170, 147, 166, 177],
    }
    assert spec_of(usps, (16, 16)).channels == 1


def test_images_are_those_of_the_file_white_on_black(usps):
    with gzip.open(USPS / "zip.test.gz", "rt") as file:
        lines = file.readlines()
    for index in (0, 17, 2006):
        numbers = [float(word) for word in lines[index].split()]
        example = usps.parts["test"].read(index)
        assert example["label"] == numbers[0]
        given = example["image"].reshape(256) / 127.5 - 1
        np.testing.assert_allclose(given, numbers[1:], atol=1 / 255)
    means = usps.parts["train"].images.mean((0, 3))
    assert means[0, 0] < 30 < 100 < means[8, 8]


# Synthetic files.


def test_values_are_spread_over_eight_bits_row_after_row(tmp_path):
    values = ["-1", "0", "1", "0.5", *["-1"] * 252]
    levels, labels = read_digits(written(tmp_path, line("7", values), line("0")), 2)
    assert levels[0, 0, :5].tolist() == [0, 128, 255, 191, 0]
    assert (levels.shape, levels.dtype) == ((2, 16, 16), np.uint8)
    assert (labels.tolist(), labels.dtype) == ([7, 0], np.int32)
    shifted = ["-1"] * 16 + ["1"] + ["-1"] * 239
    levels, _ = read_digits(written(tmp_path, line("1", shifted)), 1)
    assert np.argwhere(levels[0]).tolist() == [[1, 0]]


def test_images_are_resized(tmp_path, monkeypatch):
    values = [f"{x:.4f}" for x in np.random.default_rng(0).uniform(-1, 1, 256)]
    files = {"train": ("zip.train.gz", 2), "test": ("zip.test.gz", 1)}
    monkeypatch.setattr("kgan.data.builtin.usps.FILES", files)
    path = written(tmp_path, line("1"), line("2", values))
    written(tmp_path, line("5"), name="zip.test.gz")
    images = ImageFormat((32, 32), (24, 40), channels=3)
    found = registry.open_dataset("usps", images, kind="labelled", manual_dir=str(tmp_path))
    level = Image.fromarray(read_digits(path, 2)[0][1])
    expected = np.asarray(level.resize((40, 24), Image.Resampling.BICUBIC))[..., np.newaxis]
    example = found.parts["train"].read(1)
    np.testing.assert_array_equal(example["image"], expected.repeat(3, axis=-1))
    assert example["label"] == 2
    assert found.parts["test"].read(0)["image"].shape == (32, 32, 3)


@pytest.mark.parametrize(
    "bad",
    [
        line("10"),
        line("-1"),
        line("2.5"),
        line("nan"),
        line("x"),
        line(values=["0"] * 255),
        line(values=["0"] * 257),
        line(values=["1.01"] + ["0"] * 255),
        line(values=["0"] * 255 + ["nan"]),
        line(values=["0"] * 255 + ["x"]),
        "\n",
    ],
)
def test_damaged_line_is_named(tmp_path, bad):
    path = written(tmp_path, line(), bad, line())
    assert refusal(read_digits, path, 3) == (
        f"{path}, line 2: damaged; right would be a digit and 256 numbers from -1 to 1"
    )


def test_missing_lines_are_counted(tmp_path):
    path = written(tmp_path, line())
    assert refusal(read_digits, path, 3) == f"{path}: has 1 lines; right would be 3"


@pytest.mark.parametrize("damage", ["cut", "changed", "plain"])
def test_file_that_cannot_be_unpacked_is_named(tmp_path, damage):
    path = pathlib.Path(written(tmp_path, *[line()] * 50))
    data = path.read_bytes()
    damaged = {"cut": data[:-20], "changed": data[:30] + b"\xff" * 9 + data[39:], "plain": b"3 0"}
    path.write_bytes(damaged[damage])
    text = refusal(read_digits, str(path), 50)
    assert text.startswith(f"{path}: cannot be unpacked (")
    assert text.endswith("; right would be the original file")


def test_missing_folder_and_file_name_the_flag(tmp_path):
    assert refusal(open_usps, SMALL, manual_dir=None) == (
        "--manual_dir is missing: --dataset=usps is not downloaded; right would be a folder with "
        "zip.train.gz and zip.test.gz"
    )
    assert refusal(open_usps, SMALL, manual_dir=str(tmp_path)) == (
        f"--manual_dir={tmp_path}: has no zip.train.gz; right would be a folder with zip.train.gz "
        "and zip.test.gz"
    )

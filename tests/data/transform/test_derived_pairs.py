"""Pairs derived from single images: their values, and what their randomness depends on."""

import pathlib
import pickle

import numpy as np
import pytest

from kgan.data.builtin.digits import ArraySource
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.folder.reading import open_folder
from kgan.data.transform.derived_pairs import MAKERS, derive_pairs
from kgan.utils.errors import UserError
from tests.data.folder.images import save

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data"


def arrays(*images):
    return ArraySource(np.array(images), np.zeros(len(images), np.int32))


def collect(*images, kind="images", **parts):
    return Dataset("things", kind, {"train": arrays(*images), **parts}, "things: 3 images")


def derive(image, how, **options):
    return derive_pairs(collect(image), how, **options).parts["train"].read(0)["input"]


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("how", "channels"), [(h, c) for h in MAKERS for c in (1, 3, 4) if (h, c) != ("grey", 1)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_input_has_shape_dtype_and_alpha_of_the_target(how, dtype, channels):
    image = noise((24, 20, channels))
    image = image.astype(dtype) if dtype != np.float32 else (image / 255).astype(dtype)
    pair = derive_pairs(collect(image), how).parts["train"].read(0)
    assert set(pair) == {"input", "target"}
    np.testing.assert_array_equal(pair["target"], image)
    assert pair["input"].shape == image.shape
    assert pair["input"].dtype == dtype
    assert not np.array_equal(pair["input"], image)
    if channels == 4:
        np.testing.assert_array_equal(pair["input"][..., 3], image[..., 3])
    if dtype == np.float32:
        assert pair["input"].min() >= 0
        assert pair["input"].max() <= 1


def test_data_set_becomes_paired_and_its_description_says_so():
    images = [noise((8, 8, 3), i) for i in range(3)]
    single = collect(*images, kind="labelled", test=arrays(images[0]))
    found = derive_pairs(single, "edges")
    assert found.kind == "paired"
    assert found.name == "things_edges"
    assert set(found.parts) == {"train", "test"}
    assert len(found.parts["train"]) == 3
    assert found.class_names == ()
    assert found.description == "things: 3 images; pairs derived: edges to image"
    assert "noise of deviation 0.15" in derive_pairs(single, "noisy").description


@pytest.mark.parametrize("how", MAKERS)
def test_derived_pairs_are_the_same_each_time(how):
    images = collect(*(noise((16, 16, 3), i) for i in range(4)))
    source = derive_pairs(images, how, seed=3).parts["train"]
    first = [source.read(i)["input"] for i in range(4)]
    again = pickle.loads(pickle.dumps(source))
    for i in (2, 0, 3, 1):
        np.testing.assert_array_equal(again.read(i)["input"], first[i])
    np.testing.assert_array_equal(source.read(-1)["input"], first[3])
    with pytest.raises(IndexError):
        source.read(4)


@pytest.mark.parametrize("how", ["noisy", "masked"])
def test_randomness_depends_on_seed_part_and_index(how):
    plain = np.full((64, 64, 1), 90, np.uint8)
    images = collect(plain, plain, test=arrays(plain, plain))

    def derived(seed, part, index):
        return derive_pairs(images, how, seed).parts[part].read(index)["input"].tobytes()

    places = [(s, p, i) for s in (0, 1, -1) for p in ("train", "test") for i in (0, 1)]
    assert len({derived(*place) for place in places}) == len(places)


def test_grey_is_the_luminance():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 100, 200]]], np.uint8)
    # 0.299 R + 0.587 G + 0.114 B: 76.245, 149.685, 29.07, 2.99 + 58.7 + 22.8 = 84.49.
    expected = np.repeat(np.array([[[76], [150], [29], [84]]]), 3, axis=2)
    np.testing.assert_array_equal(derive(image, "grey"), expected)


def test_edges_of_a_step_are_one_line():
    image = np.full((12, 12, 3), 40, np.uint8)
    image[:, 6:] = 200
    edges = derive(image, "edges")
    assert set(np.unique(edges)) == {0, 255}
    dark = edges[..., 0] == 0
    assert (dark.sum(axis=1) == 1).all()
    assert set(np.nonzero(dark)[1]) <= {5, 6}
    np.testing.assert_array_equal(derive(image.transpose(1, 0, 2), "edges")[..., 0] == 0, dark.T)


def test_edges_of_a_disc_are_its_rim():
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(y - 31.5, x - 31.5)
    # Light within, dark without, over about two pixels.
    image = np.clip((20 - radius) * 127 + 127, 0, 255).astype(np.uint8)[..., np.newaxis]
    dark = derive(image, "edges")[..., 0] == 0
    assert np.abs(radius[dark] - 20).max() < 1.6
    # A thin closed line around a circle of radius 20 has between 8 * 20 / sqrt(2) = 113 pixels
    # (corner to corner) and 8 * 20 = 160 (edge to edge).
    assert 105 <= dark.sum() <= 165
    angles = np.arctan2(y - 31.5, x - 31.5)[dark]
    assert np.diff(np.sort(angles)).max() < 0.15


def test_small_steps_are_no_edges():
    image = np.full((12, 12, 1), 100, np.uint8)
    image[:, 6:] = 120
    assert (derive(image, "edges") == 255).all()


def test_lowres_has_lost_its_high_frequencies():
    image = noise((64, 64, 1))
    derived = derive(image, "lowres")
    frequency = np.abs(np.fft.fftfreq(64))
    high = np.maximum.outer(frequency, frequency) > 0.25  # twice what a quarter can hold
    low = np.maximum.outer(frequency, frequency) < 0.05

    def power(array, where):
        spectrum = np.fft.fft2(array[..., 0].astype(float) - array.mean())
        return np.square(np.abs(spectrum))[where].sum()

    assert power(derived, high) < 0.01 * power(image, high)
    assert power(derived, low) > 0.6 * power(image, low)


@pytest.mark.parametrize("shape", [(30, 21), (2, 3)], ids=["large", "smaller than the factor"])
def test_lowres_keeps_an_image_of_one_colour(shape):
    image = np.full((*shape, 3), (10, 120, 250), np.uint8)
    np.testing.assert_array_equal(derive(image, "lowres"), image)


def test_noise_has_the_stated_strength():
    image = np.full((128, 128, 3), 0.5, np.float32)
    added = derive(image, "noisy") - image
    # 49152 samples: the mean's deviation is 0.15 / 222 = 0.0007, clipping takes 0.1 % off.
    assert abs(added.mean()) < 0.003
    assert abs(added.std() - 0.15) < 0.003
    in_bytes = derive(np.full((128, 128, 3), 128, np.uint8), "noisy")
    assert abs(in_bytes.std() - 0.15 * 255) < 1


def test_mask_is_a_grey_rectangle_over_a_quarter_of_the_area():
    shares, places = [], set()
    images = [np.full((64, 64, 3), 255, np.uint8)] * 60
    source = derive_pairs(collect(*images), "masked").parts["train"]
    for i in range(60):
        hidden = source.read(i)["input"] != 255
        assert (source.read(i)["input"][hidden] == 128).all()
        hidden = hidden.all(axis=-1)
        rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        box = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
        height, width = box[1] - box[0], box[3] - box[2]
        assert hidden.sum() == height * width
        assert 0.6 < height / width < 1.6
        shares.append(hidden.mean())
        places.add(box)
    assert np.abs(np.array(shares) - 0.25).max() < 0.02
    assert len(places) > 50


def test_rest_of_a_masked_image_is_untouched():
    image = noise((40, 40, 3))
    derived = derive(image, "masked")
    assert (derived == image).all(axis=-1).mean() > 0.7


@pytest.mark.parametrize(
    ("kind", "how", "expected"),
    [
        ("paired", "edges", "things contains image pairs; right would be"),
        ("unpaired", "edges", "things contains two unpaired sets of images; right would be"),
        ("images", "magic", "unknown; right would be one of edges, "),
        ("images", "grey", "the images of things are grey already; right would be"),
    ],
)
def test_what_gives_no_pairs_is_refused(kind, how, expected):
    with pytest.raises(UserError, match=f"^--pairs={how}: {expected}"):
        derive_pairs(collect(noise((8, 8, 1)), kind=kind), how)


def test_pairs_are_derived_from_a_folder(tmp_path):
    for i in range(5):
        save(tmp_path / f"{i}.png", noise((20, 20, 3), i))
    found = derive_pairs(open_folder(tmp_path, ImageFormat((16, 16), (18, 18))), "lowres")
    assert found.parts["train"].read(0)["input"].shape == (18, 18, 3)
    assert found.parts["test"].read(0)["input"].shape == (16, 16, 3)


@pytest.mark.skipif(not (SHARED / "cifar10").exists(), reason="cifar10 is not here")
def test_edges_of_photographs_are_sparse_lines():
    images = open_folder(SHARED / "cifar10" / "cifar10_12k.zip", ImageFormat((32, 32), (32, 32)))
    source = derive_pairs(images, "edges").parts["train"]
    ink = [float((source.read(i)["input"] == 0).mean()) for i in range(0, 10_000, 500)]
    assert 0.03 < np.mean(ink) < 0.35

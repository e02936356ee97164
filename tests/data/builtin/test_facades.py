"""Rendered facades: label maps, photos, light, noise and its floor."""

import dataclasses

import numpy as np
import pytest

from kgan.data.builtin.facade_layout import CLASS_NAMES, PALETTE
from kgan.data.builtin.facades import Facade, open_facades, render_facade
from kgan.data.builtin.rendered import PART_STARTS
from kgan.data.dataset import ImageFormat
from kgan.utils.errors import UserError

SQUARE = ImageFormat(size=(64, 64), train_size=(64, 64))


def class_mask(facade: Facade, name: str) -> np.ndarray:
    return (facade.label == PALETTE[CLASS_NAMES.index(name)]).all(-1)


def class_shares(facade: Facade) -> np.ndarray:
    return np.array([class_mask(facade, name).mean() for name in CLASS_NAMES])


def erode(mask: np.ndarray, steps: int = 2) -> np.ndarray:
    """Leaves the pixels whose neighbours are of the same class."""
    for _ in range(steps):
        inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1]
        mask = np.pad(inner & mask[1:-1, :-2] & mask[1:-1, 2:], 1)
    return mask


def grey(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float64).mean(-1)


@pytest.mark.parametrize("other", [(0, 1), (1, 0), (0, PART_STARTS["test"])])
def test_other_index_seed_or_part_gives_another_house(other):
    house = render_facade(0, 0, 128, 128).label
    assert (house != render_facade(*other, 128, 128).label).any(-1).mean() > 0.05


def test_every_label_pixel_is_a_palette_colour():
    colours = {tuple(colour) for colour in PALETTE.tolist()}
    assert len(colours) == len(CLASS_NAMES) <= 10
    seen = set()
    for index in range(60):
        label = render_facade(0, index, 72, 72).label
        seen |= {tuple(colour) for colour in np.unique(label.reshape(-1, 3), axis=0).tolist()}
    assert seen == colours


def test_houses_vary():
    shares = np.array([class_shares(render_facade(0, index, 64, 64)) for index in range(60)])
    spread = dict(zip(CLASS_NAMES, np.ptp(shares, axis=0), strict=True))
    assert spread["sky"] > 0.3 and spread["wall"] > 0.2 and spread["roof"] > 0.1
    # Balconies, shutters and awnings are on some houses only.
    for name in ("balcony", "shutter", "awning"):
        bare = (shares[:, CLASS_NAMES.index(name)] == 0).mean()
        assert 0.15 < bare < 0.85


@pytest.mark.parametrize("side", [64, 143, 256])
def test_other_size_shows_same_house(side):
    for index in range(10):
        base, scaled = render_facade(0, index, 128, 128), render_facade(0, index, side, side)
        np.testing.assert_allclose(class_shares(scaled), class_shares(base), atol=0.02)
        # Each pixel of the smaller map, looked up at the same place of the other.
        small, large = sorted((base.label, scaled.label), key=len)
        places = ((np.arange(len(small)) + 0.5) * len(large) / len(small)).astype(int)
        same = (large[np.ix_(places, places)] == small).all(-1).mean()
        assert same > 0.93


def test_photo_of_double_size_shows_same_light_and_textures():
    for index in range(6):
        small, large = render_facade(0, index, 128, 128), render_facade(0, index, 256, 256)
        halved = grey(large.clean).reshape(128, 2, 128, 2).mean((1, 3))
        blocks = (halved - grey(small.clean)).reshape(16, 8, 16, 8).mean((1, 3))
        assert np.abs(blocks).mean() < 2.5 and np.abs(blocks).max() < 25
        # The joints of the masonry lie at the same places.
        inside = erode(class_mask(small, "wall"))[1:]
        steps = [np.diff(image, axis=0)[inside] for image in (halved, grey(small.clean))]
        assert np.corrcoef(*steps)[0, 1] > 0.7


@pytest.mark.parametrize("size", [(64, 128), (128, 64), (100, 143), (32, 32), (32, 400), (400, 32)])
def test_images_have_the_size_asked_for(size):
    for index in range(8):
        facade = render_facade(0, index, *size)
        for field in dataclasses.fields(Facade):
            image = getattr(facade, field.name)
            assert image.shape == (*size, 3) and image.dtype == np.uint8
        assert class_mask(facade, "wall").mean() > 0.05


def count_windows_across(facade: Facade) -> int:
    starts = np.diff(class_mask(facade, "window").astype(int), axis=1) == 1
    return starts.sum(1).max()


def test_wider_image_has_more_columns():
    counts = [
        sum(count_windows_across(render_facade(0, index, 128, width)) for index in range(10))
        for width in (128, 256)
    ]
    assert counts[1] > 1.6 * counts[0]


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (1025, 64), (64, 1025)])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="Received"):
        render_facade(0, 0, *size)


@pytest.mark.parametrize("name", ["wall", "roof", "window", "sky"])
def test_photo_varies_within_a_class(name):
    deviations = {"photo": [], "clean": []}
    for index in range(20):
        facade = render_facade(0, index, 128, 128)
        mask = class_mask(facade, name)
        for image, values in deviations.items():
            values.append(grey(getattr(facade, image))[mask].std())
    # The sensor noise alone gives 4 / sqrt(3) = 2.3 for the mean of the three channels.
    assert np.mean(deviations["photo"]) > 8
    assert np.mean(deviations["clean"]) > 8


@pytest.mark.parametrize("name", ["wall", "roof", "window"])
def test_surfaces_have_texture(name):
    # Light that only fades gives neighbouring rows the same brightness, to one level or two.
    steps = []
    for index in range(20):
        facade = render_facade(0, index, 128, 128)
        inside = erode(class_mask(facade, name))
        if inside.sum() > 20:
            # The median leaves out the edges of the shadows.
            steps.append(np.median(np.abs(np.diff(grey(facade.clean), axis=0))[inside[1:]]))
    assert len(steps) > 5
    assert np.mean(steps) > 4


def test_balconies_and_awnings_cast_shadows_and_light_comes_from_the_left():
    ratios, sides = [], []
    for index in range(40):
        facade = render_facade(0, index, 128, 128)
        wall, light = class_mask(facade, "wall"), grey(facade.clean)
        protruding = class_mask(facade, "balcony") | class_mask(facade, "awning")
        below = np.zeros_like(wall)
        below[2:] = wall[2:] & protruding[:-2]
        if below.sum() > 20:
            ratios.append(light[below].mean() / light[wall].mean())
        inner = erode(wall)
        left, right = np.array_split(np.flatnonzero(inner.any(0)), 2)
        sides.append(
            light[:, left][inner[:, left]].mean() / light[:, right][inner[:, right]].mean()
        )
    assert len(ratios) > 10 and np.mean(ratios) < 0.75
    assert np.mean(sides) > 1.08


def test_noise_is_independent_from_pixel_to_pixel_and_from_image_to_image():
    facades = [render_facade(0, index, 256, 256) for index in (2, 3)]
    noise, other = (facade.photo.astype(float) - facade.clean for facade in facades)
    middle = (facades[0].clean > 20) & (facades[0].clean < 235)
    assert noise[middle].std() == pytest.approx(4.0, abs=0.1)
    assert noise[middle].mean() == pytest.approx(0, abs=0.05)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_floor_is_error_of_the_clean_photo_on_the_test_part():
    dataset = open_facades(SQUARE, test=12)
    errors = []
    for index in range(12):
        facade = render_facade(0, PART_STARTS["test"] + index, 64, 64)
        photo = dataset.parts["test"].read(index)["target"]
        np.testing.assert_array_equal(photo, facade.photo)
        errors.append(np.abs(photo / 127.5 - facade.clean / 127.5))
    assert dataset.noise_floor == pytest.approx(np.mean(errors), rel=1e-6)
    # Mean absolute value of a normal variable: 4 sqrt(2 / pi) = 3.19 levels of 127.5 each.
    assert dataset.noise_floor == pytest.approx(0.02503, rel=0.04)


def test_noise_floor_of_large_images_is_estimated_from_a_few():
    few = open_facades(ImageFormat((512, 512), (64, 64)), test=100).noise_floor
    assert few == pytest.approx(0.02503, rel=0.04)


def test_direction_swaps_the_sides():
    there, back = (open_facades(SQUARE, test=2, direction=d) for d in ("AtoB", "BtoA"))
    np.testing.assert_array_equal(there.palette, PALETTE)
    assert (there.palette_side, back.palette_side) == ("input", "target")
    assert there.noise_floor is not None and back.noise_floor is None
    photo_pair, label_pair = there.parts["train"].read(4), back.parts["train"].read(4)
    np.testing.assert_array_equal(photo_pair["input"], label_pair["target"])
    np.testing.assert_array_equal(photo_pair["target"], label_pair["input"])
    assert len(np.unique(photo_pair["input"].reshape(-1, 3), axis=0)) <= len(PALETTE)
    assert len(np.unique(photo_pair["target"].reshape(-1, 3), axis=0)) > 100


def test_empty_parts_are_left_out():
    dataset = open_facades(SQUARE, validation=0, test=0)
    assert list(dataset.parts) == ["train"]
    assert dataset.noise_floor is None


@pytest.mark.parametrize(
    ("images", "direction", "words"),
    [
        (dataclasses.replace(SQUARE, channels=1), "AtoB", "--channels"),
        (dataclasses.replace(SQUARE, channels=4), "AtoB", "--channels"),
        (SQUARE, "sideways", "--direction"),
        (dataclasses.replace(SQUARE, size=(16, 64)), "AtoB", "16x64"),
        (dataclasses.replace(SQUARE, train_size=(64, 2000)), "AtoB", "64x2000"),
    ],
)
def test_other_formats_are_refused_in_one_line(images, direction, words):
    with pytest.raises(UserError, match=words) as caught:
        open_facades(images, direction=direction)
    assert "\n" not in str(caught.value)


def test_three_channels_may_be_requested():
    assert open_facades(dataclasses.replace(SQUARE, channels=3), test=1).kind == "paired"

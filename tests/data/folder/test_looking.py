"""Preparations that are found from the images of a folder and the flags."""

import dataclasses
import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat, spec_of
from kgan.data.folder.reading import open_folder
from kgan.data.preparation import Preparation
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL, save

RNG = np.random.default_rng(5)
FOUND = ImageFormat((16, 16), (16, 16))


def areas(levels, side=48, block=6):
    """Makes a label map of square areas."""
    chosen = RNG.choice(levels, (side // block, side // block))
    return np.kron(chosen, np.ones((block, block), int))


def photo(side=48, channels=3):
    return RNG.integers(0, 256, (side, side, channels), np.uint8).squeeze()


def save_pairs(root, label_map, count=8, suffix=".png", photo=photo):
    """Saves pairs of a photo, A, and what a function of their number returns, B."""
    for number in range(count):
        save(root / f"A/train/{number}.png", photo())
        save(root / f"B/train/{number}{suffix}", label_map(number))
    return root


def target(root, **options):
    found = open_folder(root, FOUND, **options)
    return found, found.preparations[1]


def refusal(*args, **options):
    with pytest.raises(UserError) as caught:
        target(*args, **options)
    return str(caught.value)


IDS = {
    "12 classes and none": (lambda n: areas([*range(12), 255]).astype(np.uint8), 12, 255),
    "noise of 4 classes": (lambda n: RNG.integers(0, 4, (48, 48)).astype(np.uint8), 4, 255),
    "a mask": (lambda n: areas([0, 1]).astype(np.uint8), 2, 255),
    "180 classes in areas": (lambda n: areas(range(180), 96, 4).astype(np.uint8), 180, 255),
    "300 classes, 16 bits": (lambda n: areas([*range(300), 65535], 96).astype("u2"), 300, 65535),
    "grey stored as RGB": (lambda n: areas(range(9)).astype("u1")[..., None].repeat(3, 2), 9, 255),
    "one file with more": (
        lambda n: areas([*range(5), 30] if n == 13 else range(5)).astype(np.uint8),
        31,
        255,
    ),
}


@pytest.mark.parametrize("case", IDS)
def test_numbers_of_classes_are_recognised_and_never_grey_levels(case, tmp_path):
    label_map, classes, void = IDS[case]
    found, shape = target(save_pairs(tmp_path, label_map, 20 if "more" in case else 8))
    assert abs(shape.channels - classes) <= 3 * (classes > 100)  # of many classes some are missing
    assert (shape.encoding, shape.void, shape.nearest) == ("ids", void, True)
    assert f"the target is a label map of {shape.classes} classes as numbers" in found.description
    assert found.preparations[0].encoding == "values"
    assert found.parts["train"].one_hot == {"target": shape.classes}
    # Numbers in memory, one-hot for the network.
    assert found.parts["train"].read(0)["target"].shape == (16, 16, 1)
    (_, image) = next(iter(pipeline.batches(found.parts["train"], found.fields, 2)))
    assert image.shape == (2, 16, 16, shape.classes)
    assert set(np.unique(image)) == {-1.0, 1.0} and (image.max(axis=-1) == 1).mean() > 0.5


PICTURES = {
    "dark photographs": lambda n: RNG.integers(0, 120, (48, 48)).astype(np.uint8),
    "a dark gradient": lambda n: np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8),
    "drawings": lambda n: np.where(photo(channels=1) > 200, 0, 255).astype(np.uint8),
    "grey levels for colours": lambda n: (areas(range(4)) * 20).astype(np.uint8),
    "digits": lambda n: np.where(areas([0, 1]) > 0, photo(channels=1), 0).astype(np.uint8),
    "depth in 16 bits": lambda n: RNG.integers(500, 9000, (48, 48)).astype(np.uint16),
}


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_are_not_taken_for_numbers_of_classes(case, tmp_path):
    _, shape = target(save_pairs(tmp_path, PICTURES[case]))
    assert shape.encoding == "values"


def test_declared_numbers_of_classes_are_taken_from_the_side_that_can_have_them(tmp_path):
    noise = lambda n: RNG.integers(0, 150, (48, 48)).astype(np.uint8)  # noqa: E731
    save_pairs(tmp_path, noise)
    assert target(tmp_path)[1].encoding == "values"
    assert target(tmp_path, palette=Ids())[1].classes == 150
    found, shape = target(tmp_path, palette=Ids(200))
    assert shape.classes == 200 and found.preparations[0].encoding == "values"
    assert "0 to 99 (255: none)" in refusal(tmp_path, palette=Ids(100))
    turned, given = open_folder(tmp_path, FOUND, palette=Ids(), direction="BtoA"), None
    given, wanted = turned.preparations
    assert (given.encoding, wanted.encoding) == ("ids", "values")
    # Grey levels, if the flag says so.
    save_pairs(tmp_path / "maps", IDS["a mask"][0])
    assert target(tmp_path / "maps", label_encoding="colours")[1].encoding == "values"


def test_palettes_count_as_colours_unless_numbers_are_declared(tmp_path):
    def in_colours(number):
        image = Image.fromarray(areas(range(3)).astype(np.uint8))
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        return image

    save_pairs(tmp_path, in_colours)
    found, shape = target(tmp_path)
    assert shape.palette == ((0, 0, 0), (0, 128, 0), (128, 0, 0)) and shape.encoding == "values"
    assert found.palette_side == "target" and shape.nearest
    hot = target(tmp_path, label_encoding="one_hot")[1]
    assert (hot.encoding, hot.channels, hot.palette) == ("one_hot", 3, shape.palette)
    assert target(tmp_path, palette=Ids())[1].encoding == "ids"


def test_many_colours_are_label_maps_where_they_are_declared_or_make_areas(tmp_path):
    colours = np.unique(RNG.integers(0, 256, (150, 3), np.uint8), axis=0)
    save_pairs(tmp_path, lambda n: colours[areas(range(len(colours)), 96, 4)], 12)
    found, shape = target(tmp_path)
    assert shape.nearest and len(shape.palette) > 140
    shape = target(tmp_path, palette=colours, label_encoding="one_hot")[1]
    assert shape.classes == len(colours)


def test_number_outside_of_the_classes_is_refused_by_name(tmp_path):
    save_pairs(tmp_path, lambda n: areas(range(5) if n else [0, 7]).astype(np.uint8))
    found, _ = target(tmp_path, palette=Ids(8))
    (name,) = [p for p in tmp_path.rglob("B/train/0.png")]
    source = dataclasses.replace(
        found.parts["train"], examples=[("A/train/0.png", "B/train/0.png")]
    )
    source.read(0)
    narrow = tuple(
        dataclasses.replace(shape, channels=5) if shape.classes else shape
        for shape in source.shapes
    )
    with pytest.raises(
        UserError, match=f"^{name}: has a pixel of class 7; right would be .* 0 to 4"
    ):
        dataclasses.replace(source, shapes=narrow).read(0)


def test_unpaired_numbers_of_classes_are_given_one_hot_too(tmp_path):
    for number in range(6):
        save(tmp_path / f"trainA/{number}.png", photo())
        save(tmp_path / f"trainB/{number}.png", areas([*range(7), 255]).astype(np.uint8))
    for palette in (None, Ids(9)):
        found = open_folder(tmp_path, FOUND, palette=palette)
        a, b = found.preparations
        assert (a.channels, a.encoding) == (3, "values")
        assert (b.channels, b.encoding) == (9 if palette else 7, "ids")
        assert found.parts["train_b"].one_hot == {"image": b.channels}
        spec = spec_of(found, (16, 16))
        assert (spec.input_channels, spec.channels) == (3, b.channels)


def test_single_images_that_look_like_numbers_of_classes_are_mentioned(tmp_path):
    for number in range(6):
        save(tmp_path / f"{number}.png", areas(range(12)).astype(np.uint8))
    line = open_folder(tmp_path, FOUND).description
    assert "the levels 0 to 11 look like numbers of classes" in line
    assert "--value_range=0,11" not in open_folder(tmp_path, FOUND, value_range=(0, 11)).description
    with pytest.raises(UserError, match="^--palette=ids: is for label maps"):
        open_folder(tmp_path, FOUND, palette=Ids())


# Levels.


def test_bits_and_range_are_found_and_a_small_part_of_it_is_said(tmp_path):
    for number in range(8):
        save(tmp_path / f"deep/{number}.png", RNG.integers(0, 4096, (16, 16)).astype(np.uint16))
        save(tmp_path / f"wide/{number}.png", RNG.integers(0, 65536, (16, 16)).astype(np.uint16))
    found = open_folder(tmp_path / "deep", FOUND)
    assert found.preparations[1].depth == 16
    assert "fill 6.2% of 0 to 65535; --value_range=0,4095 would use it" in found.description
    assert "--value_range" not in open_folder(tmp_path / "wide", FOUND).description
    given = open_folder(tmp_path / "deep", FOUND, value_range=(0, 4095))
    level = np.asarray(Image.open(tmp_path / "deep/0.png"))
    image = given.parts["train"].read(0)["image"][..., 0]
    name = given.parts["train"].names[0]
    level = np.asarray(Image.open(tmp_path / "deep" / name))
    np.testing.assert_allclose(image / 65535, level / 4095, atol=1e-5)


def test_images_of_8_and_16_bits_are_each_scaled_from_their_own_white(tmp_path):
    for number in range(6):
        save(tmp_path / f"{number}.png", np.full((16, 16), 51, np.uint8))
        save(tmp_path / f"{number}-deep.png", np.full((16, 16), 13107, np.uint16))
    found = open_folder(tmp_path, FOUND)
    for source in found.parts.values():
        images = pipeline.examples(source, ("image",))["image"]
        np.testing.assert_allclose(images, -0.6, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_range_of_floating_point_images_is_that_of_all_files_or_given(channels, tmp_path):
    for number in range(40):
        image = np.full((16, 16, channels), number / 10, np.float32)
        tifffile.imwrite(tmp_path / f"{number}.tif", image.squeeze(), photometric=None)
    found = open_folder(tmp_path, FOUND)
    shape = found.preparations[1]
    assert (shape.depth, shape.channels) == (32, channels)
    assert shape.value_range == pytest.approx((0, 3.9))
    assert "floating point levels from 0 to 3.9, as found" in found.description
    given = open_folder(tmp_path, FOUND, value_range=(-1, 1)).preparations[1]
    assert given.value_range == (-1, 1)


def test_all_bits_of_colours_are_read_where_the_data_have_them(tmp_path):
    deep = RNG.integers(0, 65536, (16, 16, 3)).astype(np.uint16)
    for number in range(5):
        tifffile.imwrite(tmp_path / f"{number}.tif", deep, photometric="rgb")
    found = open_folder(tmp_path, FOUND)
    np.testing.assert_array_equal(found.parts["train"].read(0)["image"], deep)


def test_stored_preparation_is_followed_whatever_the_files_look_like(tmp_path):
    save_pairs(tmp_path, IDS["a mask"][0])
    found, shape = target(tmp_path)
    spec = spec_of(found, (16, 16))
    assert (spec.channels, spec.input_channels) == (2, 3)
    stored = json.loads(json.dumps(dataclasses.asdict(spec)))
    again = Preparation.from_dict(stored["preparation"])
    assert again == shape.of_size((16, 16))
    other = tuple(dataclasses.replace(p, nearest=False) for p in (Preparation(), Preparation()))
    assert target(tmp_path, stored=other)[1] == other[1]


def test_kinds_that_are_not_read_are_counted_and_named(tmp_path):
    for name in ("a.heic", "b.heic", "c.svg"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        UserError, match="no images.*left out: 2 HEIC.*pip install pillow-heif.*1 SVG"
    ):
        open_folder(tmp_path, SMALL)
    for number in range(3):
        save(tmp_path / f"{number}.png", photo())
    line = open_folder(tmp_path, SMALL).description
    assert "left out: 2 HEIC (a.heic …): HEIC images need the plugin pillow-heif" in line
    assert "1 SVG (c.svg)" in line

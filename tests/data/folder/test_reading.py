"""Data sets in folders and zips: their examples, channels, label maps and descriptions."""

import pathlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from kgan.data.dataset import ImageFormat
from kgan.data.folder.reading import open_folder, open_images
from kgan.data.preparation import Preparation
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL, counts, double, numbered, pack, plain, save, save_all

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data"
RED, BLUE = (255, 0, 0), (0, 0, 255)
PAIR_NAMES = numbered("train", 4) + numbered("test", 2)
CAMVID_PALETTE = [
    *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222)),
    *((128, 128, 0), (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0)),
    *((0, 128, 192), (0, 0, 0)),
]


def needs(name):
    return pytest.mark.skipif(not (SHARED / name).exists(), reason=f"{name} is not here")


def refusal(opened, path, *arguments, **options):
    with pytest.raises(UserError) as caught:
        opened(path, *arguments, **options)
    line = str(caught.value)
    assert "\n" not in line and "right would" in line
    return line


# Examples of each layout.


def test_unpaired_images(tmp_path):
    for folder, count in [("trainA", 3), ("trainB", 4), ("testA", 2), ("testB", 1)]:
        save_all(tmp_path / "set", numbered(folder, count))
    found = open_folder(tmp_path / "set", SMALL)
    assert (found.kind, found.name) == ("unpaired", "set")
    assert found.description == (
        "set: unpaired images, 3 train A, 4 train B, 2 test A, 1 test B, 3 channels"
    )
    assert set(found.parts["train_a"].read(0)) == {"image"}


@pytest.mark.parametrize("size", [(20, 10), (32, 10)], ids=["square halves", "wide halves"])
def test_double_width_pairs(tmp_path, size):
    for name in PAIR_NAMES:
        save(tmp_path / "set" / name, double(RED, BLUE, size))
    for direction, input, target in (("AtoB", RED, BLUE), ("BtoA", BLUE, RED)):
        found = open_folder(tmp_path / "set", SMALL, layout="paired", direction=direction)
        pair = found.parts["train"].read(0)
        assert pair["input"].shape == pair["target"].shape == (8, 8, 3)
        assert (pair["input"] == input).all() and (pair["target"] == target).all()
    assert found.kind == "paired"
    assert found.description == "set: pairs (left = A, right = B), 4 train, 2 test, 3 channels"


def test_no_colour_crosses_the_seam_of_a_pair(tmp_path):
    image = double((0, 0, 0), (255, 255, 255), (128, 64))
    image.putpixel((0, 0), (9, 8, 7))
    for name in PAIR_NAMES:
        save(tmp_path / name, image)
    pair = open_folder(tmp_path, ImageFormat((10, 10), (10, 10), 3)).parts["train"].read(0)
    assert pair["input"][:, 5:].max() == 0
    assert pair["target"].min() == 255


def test_pairs_in_two_folders(tmp_path):
    save_all(tmp_path, numbered("A/train", 12, ".jpg"), colour=(250, 0, 0))
    save_all(tmp_path, numbered("B/train", 12), colour=(0, 0, 250), size=(30, 20))
    found = open_folder(tmp_path, SMALL)
    assert found.kind == "paired" and "pairs of two files" in found.description
    assert "A = A/, B = B/" in found.description
    pair = found.parts["train"].read(0)
    assert np.abs(pair["input"].astype(int) - (250, 0, 0)).max() <= 3
    assert (pair["target"] == (0, 0, 250)).all()


def test_labelled_images(tmp_path):
    for number, name in enumerate(["10", "9", "zebra", "ant"]):
        for part, count in (("train", 3), ("test", 1)):
            save_all(tmp_path / "set", numbered(f"{part}/{name}", count), colour=(number, 0, 9))
    found = open_folder(tmp_path / "set", SMALL)
    assert (found.kind, found.class_names) == ("labelled", ("9", "10", "ant", "zebra"))
    assert found.description == "set: labelled images of 4 classes, 12 train, 4 test, 3 channels"
    colour_of_label = [1, 0, 3, 2]  # "9" was saved second, and so on
    for source in found.parts.values():
        for example in source.read_many(range(len(source))):
            assert example["label"].dtype == np.int32
            assert example["image"][0, 0, 0] == colour_of_label[example["label"]]


def test_plain_images_of_any_size_and_format(tmp_path):
    save(tmp_path / "a.png", plain(size=(30, 20)))
    save(tmp_path / "b.jpg", plain(size=(7, 90)))
    save(tmp_path / "c.bmp", plain(77))
    save(tmp_path / "d.png", plain(size=(12, 12)))
    found = open_folder(tmp_path, ImageFormat((8, 8), (10, 12)))
    shapes = {
        part: {example["image"].shape for example in source.read_many(range(len(source)))}
        for part, source in found.parts.items()
    }
    assert found.kind == "images"
    assert shapes == {"train": {(10, 12, 3)}, "test": {(8, 8, 3)}}
    assert found.description.endswith("3 channels; test held out of train by name (10%)")


def test_channels_are_those_of_the_images_unless_given(tmp_path):
    save_all(tmp_path, numbered("x", 4), colour=90)
    save(tmp_path / "x/z.png", plain((90, 90, 90)))
    found = open_folder(tmp_path, SMALL)
    assert found.parts["train"].read(0)["image"].shape == (8, 8, 1)
    assert ", 1 channel;" in found.description
    found = open_folder(tmp_path, ImageFormat((8, 8), (8, 8), channels=4))
    assert found.parts["train"].read(0)["image"].shape == (8, 8, 4)


# What cannot be opened or read.


def test_damaged_image_is_named_when_read(tmp_path):
    root = save_all(tmp_path, [f"{i}.png" for i in range(20)], colour=90)
    (root / "7.png").write_bytes((root / "7.png").read_bytes()[:50])
    (root / "8.png").write_bytes(b"")
    parts = open_folder(root, SMALL).parts.values()
    for name, reason in [("7.png", "damaged or cut off"), ("8.png", "the file is empty")]:
        source = next(part for part in parts if name in part.names)
        line = refusal(source.read, source.names.index(name))
        assert line.startswith(f"{root}/{name}: ") and reason in line


def test_folder_of_damaged_images_only_is_refused(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(b"no image")
    assert ".png: not an image that can be read" in refusal(open_folder, tmp_path, SMALL)


def test_messages_name_the_flag(tmp_path):
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    for path, files in ((tmp_path / "none.zip", 0), (tmp_path, 1)):
        line = refusal(open_folder, path, SMALL)
        assert line.startswith(f"--dataset={path}: contains no images ({files} other file")
        assert refusal(open_images, path, Preparation((8, 8))).startswith(
            f"--input={path}: contains no images;"
        )
    line = refusal(open_images, tmp_path / "nowhere", Preparation((8, 8)))
    assert line.startswith(f"--input={tmp_path}/nowhere: no such folder or file")


def test_unknown_direction_is_refused(tmp_path):
    line = refusal(open_folder, tmp_path, SMALL, direction="AtoC")
    assert line.startswith("--direction=AtoC: unknown")


# Label maps.


def save_pairs(root, suffix, colours):
    rng = np.random.default_rng(3)
    for name in PAIR_NAMES:
        photo = rng.integers(0, 256, (24, 24, 3), np.uint8)
        labels = np.asarray(colours, np.uint8)[rng.integers(0, len(colours), (24, 24))]
        save((root / name).with_suffix(suffix), np.concatenate([photo, labels], 1))
    return root


def nearest(found):
    """Returns whether the images of A and of B are resized by nearest neighbour."""
    return tuple(shape.nearest for shape in found.parts["train"].shapes)


def colours_of(image):
    return {tuple(colour) for colour in image.reshape(-1, 3).tolist()}


def test_lossless_label_map_gives_its_own_palette(tmp_path):
    colours = [RED, (0, 128, 0), (5, 5, 250)]
    root = save_pairs(tmp_path, ".png", colours)
    for direction, side, other in (("AtoB", "target", "input"), ("BtoA", "input", "target")):
        found = open_folder(root, SMALL, direction=direction)
        assert found.palette.dtype == np.uint8
        np.testing.assert_array_equal(found.palette, sorted(colours))
        assert found.palette_side == side
        assert found.description.endswith(f"the {side} is a label map of 3 colours")
        pair = found.parts["train"].read(0)
        assert colours_of(pair[side]) <= set(colours)
        assert len(colours_of(pair[other])) > 32


@pytest.mark.parametrize(
    ("palette", "note"),
    [(None, "channels"), ([(0, 0, 255), (9, 9, 9)], "neither side has the colours of the palette")],
    ids=["none given", "given, but of neither side"],
)
def test_lossy_pairs_have_no_palette_of_their_own(tmp_path, palette, note):
    root = save_pairs(tmp_path, ".jpg", [RED, (0, 255, 0)])
    palette = None if palette is None else np.array(palette, np.uint8)
    found = open_folder(root, SMALL, layout="paired", palette=palette)
    assert found.palette is None and found.palette_side is None
    assert note in found.description


@pytest.mark.parametrize(("suffix", "maps"), [(".jpg", False), (".png", True)])
def test_few_colours_make_label_maps_only_of_lossless_files(tmp_path, suffix, maps):
    image = plain((0, 0, 0), (64, 32))
    image.paste((255, 255, 255), (16, 0, 48, 32))
    for name in PAIR_NAMES:
        path = save((tmp_path / name).with_suffix(suffix), image)
    assert len(np.unique(np.asarray(Image.open(path)))) == 2
    found = open_folder(tmp_path, SMALL)
    assert nearest(found) == (maps, maps)
    # Both sides are label maps, and a data set has one palette.
    assert found.palette_side is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_side_that_fits_the_palette_best_is_the_label_map(tmp_path, mirrored):
    rng = np.random.default_rng(2)
    for name in PAIR_NAMES:
        left = np.zeros((32, 32, 3), np.uint8)
        left[0] = 200  # 31 of 32 rows are near black, though it is a photograph by night
        right = np.array([[0, 0, 0], [250, 0, 0]], np.uint8)[rng.integers(0, 2, (32, 32))]
        sides = [right, left] if mirrored else [left, right]
        save(tmp_path / name, np.concatenate(sides, 1))
    palette = np.array([(0, 0, 0), RED], np.uint8)
    found = open_folder(tmp_path, SMALL, palette=palette)
    assert found.palette_side == ("input" if mirrored else "target")
    assert nearest(found) == (mirrored, not mirrored)


def test_label_maps_in_their_own_files_are_resized_by_nearest_neighbour(tmp_path):
    rng = np.random.default_rng(1)
    for i in range(6):
        save(tmp_path / f"A/train/{i}.jpg", rng.integers(0, 256, (24, 24, 3), np.uint8))
        labels = Image.fromarray(rng.integers(0, 3, (24, 24), np.uint8)).convert("P")
        labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        save(tmp_path / f"B/train/{i}.png", labels)
    found = open_folder(tmp_path, SMALL)
    assert found.palette_side == "target"
    np.testing.assert_array_equal(found.palette, [[0, 0, 0], [0, 128, 0], [128, 0, 0]])
    assert nearest(found) == (False, True)


@pytest.mark.parametrize("nearest", [True, False])
def test_single_label_maps_stay_sharp_where_the_preparation_says_so(tmp_path, nearest):
    labels = np.zeros((64, 64, 3), np.uint8)
    labels[:, 30:] = 255
    Image.fromarray(labels).save(tmp_path / "0.png")
    wanted = Preparation((7, 7), nearest=nearest)  # an edge at pixel 3.3
    read = open_images(tmp_path, wanted).read(0)["image"]
    assert ((read > 20) & (read < 235)).any() != nearest


# All images, whatever the layout.


def test_every_image_is_opened_whatever_the_layout(tmp_path):
    names = ["a9.JPG", "a10.png", "test/deep/er/y.bmp", "trainA/x.png"]
    root = save_all(tmp_path / "set", [*names, "__MACOSX/a.png", ".hidden.png"])
    (root / "notes.txt").write_text("x")
    for path in (root, pack(root, tmp_path / "set.zip")):
        assert list(open_images(path, Preparation((8, 8))).names) == names


def test_opened_images_have_the_size_channels_and_fit_of_the_format(tmp_path):
    image = plain(size=(8, 8))
    image.paste((0, 0, 0), (0, 0, 8, 2))
    save(tmp_path / "one.png", image)
    example = open_images(tmp_path, Preparation((4, 6))).read(0)
    assert set(example) == {"image"} and example["image"].shape == (4, 6, 3)
    cut = open_images(tmp_path, Preparation((4, 8), 1, "crop")).read(0)["image"]
    assert cut.shape == (4, 8, 1)
    assert (cut == 124).all()  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    stretched = open_images(tmp_path, Preparation((4, 8), 1)).read(0)["image"]
    assert stretched[0, 0, 0] < 50


def test_damaged_image_among_others_is_named_when_it_is_read(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    save(tmp_path / "good.png", plain())
    found = open_images(tmp_path, Preparation((8, 8)))
    assert (found.read(1)["image"] == (200, 100, 50)).all()
    assert "bad.png: not an image" in refusal(found.read, 0)


# The real data sets.


@needs("camvid_pairs/camvid_pairs_128.zip")
def test_camvid_pairs_are_found_with_their_label_map():
    path = SHARED / "camvid_pairs" / "camvid_pairs_128.zip"
    images, palette = ImageFormat((64, 64), (128, 128)), np.array(CAMVID_PALETTE, np.uint8)
    found = open_folder(path, images, palette=palette)
    assert (found.kind, found.name) == ("paired", "camvid_pairs_128")
    assert counts(found) == {"train": 367, "validation": 101, "test": 233}
    assert found.palette_side == "target"
    assert found.description == (
        "camvid_pairs_128.zip: pairs (left = A, right = B), 367 train, 101 validation, 233 test, "
        "3 channels; the target is a label map of 12 colours"
    )
    with zipfile.ZipFile(path) as archive:
        name = sorted(n for n in archive.namelist() if n.startswith("train/"))[5]
        with Image.open(archive.open(name)) as image:
            whole = np.asarray(image)
    pair = found.parts["train"].read(5)
    np.testing.assert_array_equal(pair["input"], whole[:, :128])
    np.testing.assert_array_equal(pair["target"], whole[:, 128:])
    assert found.parts["test"].read(0)["target"].shape == (64, 64, 3)
    turned = open_folder(path, images, palette=palette, direction="BtoA")
    assert turned.palette_side == "input"


@needs("cifar10/cifar10_12k.zip")
def test_cifar_is_labelled():
    found = open_folder(SHARED / "cifar10" / "cifar10_12k.zip", ImageFormat((32, 32), (32, 32)))
    assert found.kind == "labelled"
    assert counts(found) == {"train": 10_000, "test": 2_000}
    names = "airplane automobile bird cat deer dog frog horse ship truck"
    assert found.class_names == tuple(names.split())
    train = found.parts["train"]
    # By class, then by number, so that 999 is the last airplane and 1000 the first automobile.
    assert [int(train.read(i)["label"]) for i in (0, 999, 1000, 9999)] == [0, 0, 1, 9]
    assert train.read(0)["image"].shape == (32, 32, 3)


@pytest.mark.parametrize("encoding", ["auto", "one_hot"])
def test_coloured_maps_of_an_unpaired_set_are_resized_by_their_palette(tmp_path, encoding):
    rng = np.random.default_rng(0)
    colours = np.array([RED, (0, 0, 255), (0, 255, 0)], np.uint8)
    for number in range(6):
        photo = rng.integers(0, 256, (9, 9, 3), np.uint8)
        for name, image in (("A", photo), ("B", colours[rng.integers(0, 3, (9, 9))])):
            (tmp_path / f"train{name}").mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / f"train{name}" / f"{number}.png")
    how = {"palette": colours, "label_encoding": encoding}
    found = open_folder(tmp_path, ImageFormat((4, 4), (4, 4)), kind="unpaired", **how)
    photo, label_map = found.preparations
    assert (photo.nearest, label_map.nearest) == (False, True)
    assert label_map.palette == tuple(map(tuple, colours.tolist()))
    read = found.parts["train_b"].read(0)["image"]
    if encoding == "one_hot":
        assert (label_map.classes, set(read.ravel())) == (3, {0, 1, 2})
    else:
        assert set(map(tuple, read.reshape(-1, 3).tolist())) <= set(map(tuple, colours.tolist()))
    assert "label maps of 3 colours" in found.description
    none = open_folder(tmp_path, SMALL, kind="unpaired", palette=np.uint8([(9, 9, 9), (1, 1, 1)]))
    assert "neither set has the colours" in none.description


@needs("day2dusk/day2dusk_128.zip")
def test_day2dusk_is_unpaired():
    found = open_folder(
        SHARED / "day2dusk" / "day2dusk_128.zip", ImageFormat((128, 128), (128, 128))
    )
    assert found.kind == "unpaired"
    assert counts(found) == {"train_a": 300, "train_b": 200, "test_a": 60, "test_b": 48}

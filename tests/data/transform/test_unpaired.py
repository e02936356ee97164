"""Two sets as the two sides of an unpaired one."""

import numpy as np
import pytest
from PIL import Image

from kgan.data import registry
from kgan.data.dataset import Dataset, ImageFormat, Source, spec_of
from kgan.data.registry import open_dataset
from kgan.utils.errors import UserError

SMALL = ImageFormat((8, 8), (8, 8))


def joined(name, images=SMALL, **options):
    return open_dataset(name, images, kind="unpaired", **options)


def refusal(name, kind="unpaired", **options):
    with pytest.raises(UserError) as caught:
        open_dataset(name, SMALL, kind=kind, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def folder_of(root, colour, count=4):
    root.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", (8, 8), colour).save(root / f"{i}.png")
    return root


def test_sides_keep_their_parts_and_images():
    found = joined("digits+typeset", seed=5)
    assert (found.name, found.kind, found.class_names) == ("digits+typeset", "unpaired", ())
    assert {part: len(source) for part, source in found.parts.items()} == {
        "train_a": 1500,
        "train_b": 4000,
        "test_a": 297,
        "test_b": 1000,
    }
    for letter, name in (("a", "digits"), ("b", "typeset")):
        alone = open_dataset(name, SMALL, kind="images", seed=5)
        for part in ("train", "test"):
            np.testing.assert_array_equal(
                found.parts[f"{part}_{letter}"].read(7)["image"], alone.parts[part].read(7)["image"]
            )
    assert found.description == (
        "A: digits: 10 classes, 1500 train, 297 test | B: typeset: 10 classes in 21 fonts, 4000 "
        "train, 1000 test | 1 channel"
    )
    spec = spec_of(found, (8, 8))
    assert (spec.kind, spec.input_channels, spec.channels) == ("unpaired", 1, 1)


@pytest.mark.parametrize("name", ["digits+faces", "faces+digits"])
def test_grey_beside_colour_comes_in_colour(name):
    found = joined(name)
    grey = "a" if name.startswith("digits") else "b"
    for source in found.parts.values():
        assert source.read(0)["image"].shape == (8, 8, 3)
    image = found.parts[f"train_{grey}"].read(0)["image"]
    assert (image == image[..., :1]).all()
    assert found.description.endswith("| 3 channels")
    spec = spec_of(found, (8, 8))
    assert (spec.input_channels, spec.channels) == (3, 3)


def test_channels_that_are_asked_for_win():
    found = joined("digits+faces", ImageFormat((8, 8), (8, 8), channels=1))
    assert {source.read(0)["image"].shape for source in found.parts.values()} == {(8, 8, 1)}


def test_spec_tells_the_channels_of_both_sides():
    class One(Source):
        def __init__(self, channels):
            self.channels = channels

        def read(self, index):
            return {"image": np.zeros((2, 2, self.channels), np.uint8)}

    parts = {"train_a": One(1), "train_b": One(3)}
    spec = spec_of(Dataset("made", "unpaired", parts, ""), (2, 2))
    assert (spec.input_channels, spec.channels) == (1, 3)


def test_folders_can_be_joined(tmp_path):
    red, blue = folder_of(tmp_path / "red", (255, 0, 0)), folder_of(tmp_path / "blue", (0, 0, 255))
    found = joined(f"{red}+{blue}")
    assert found.parts["train_a"].read(0)["image"][0, 0].tolist() == [255, 0, 0]
    assert found.parts["train_b"].read(0)["image"][0, 0].tolist() == [0, 0, 255]
    assert "A: red: images" in found.description and "B: blue: images" in found.description


def test_folder_with_the_sign_in_its_name_is_one_set(tmp_path):
    root = folder_of(tmp_path / "cats+dogs", (9, 9, 9))
    assert open_dataset(str(root), SMALL, kind="images").name == "cats+dogs"


def test_classes_are_chosen_on_both_sides():
    found = joined("digits+typeset", classes=["7"])
    assert len(found.parts["train_b"]) == 400
    assert {int(found.parts["train_a"].read(i)["label"]) for i in range(9)} == {0}
    assert "kept 7: " in found.description


def test_folders_of_original_files_are_told_apart(tmp_path, monkeypatch):
    asked = []

    def open_usps(images, *, manual_dir):
        asked.append(manual_dir)
        return open_dataset("digits", images, kind="labelled")

    monkeypatch.setitem(registry.BUILT_IN, "usps", (open_usps, ("manual_dir",)))
    joined("usps+digits", manual_dir=str(tmp_path))
    (tmp_path / "usps").mkdir()
    joined("usps+digits", manual_dir=str(tmp_path))
    assert asked == [str(tmp_path), str(tmp_path / "usps")]


@pytest.mark.parametrize("name", ["digits+", "+digits", "digits+typeset+faces", "+"])
def test_not_two_names_are_refused(name):
    assert refusal(name) == (
        f"--dataset={name}: right would be two data sets with a + between them, such as "
        "digits+typeset"
    )


def test_pairs_cannot_be_a_side():
    assert refusal("digits+scenes") == (
        "--dataset=digits+scenes: scenes contains image pairs; right would be data sets of "
        "single images"
    )


def test_a_side_that_is_not_there_is_named(tmp_path):
    assert refusal(f"digits+{tmp_path}/none").startswith(f"--dataset={tmp_path}/none: ")


@pytest.mark.parametrize("kind", ["images", "labelled", "paired"])
def test_joined_sets_serve_no_other_kind(kind):
    assert "contains two unpaired sets of images; this model needs " in refusal(
        "digits+typeset", kind
    )

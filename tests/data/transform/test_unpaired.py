"""Two data sets as the two domains of an unpaired one."""

import numpy as np
import pytest

from kgan.data import registry
from kgan.data.dataset import ImageFormat, spec_of
from kgan.data.registry import open_dataset
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL, double, numbered, save, save_all


def joined(name, images=SMALL, **options):
    return open_dataset(name, images, kind="unpaired", **options)


def refusal(name, kind="unpaired", **options):
    with pytest.raises(UserError) as caught:
        open_dataset(name, SMALL, kind=kind, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


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
def test_grey_images_get_the_channels_of_the_other_domain(name):
    found = joined(name)
    grey = "a" if name.startswith("digits") else "b"
    for source in found.parts.values():
        assert source.read(0)["image"].shape == (8, 8, 3)
    image = found.parts[f"train_{grey}"].read(0)["image"]
    assert (image == image[..., :1]).all()
    assert found.description.endswith("| 3 channels")
    spec = spec_of(found, (8, 8))
    assert (spec.input_channels, spec.channels) == (3, 3)


def test_given_channels_take_precedence():
    found = joined("digits+faces", ImageFormat((8, 8), (8, 8), channels=1))
    assert {source.read(0)["image"].shape for source in found.parts.values()} == {(8, 8, 1)}


def test_folders_can_be_joined(tmp_path):
    red, blue = (
        save_all(tmp_path / name, numbered(".", 4), colour=colour)
        for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255)))
    )
    found = joined(f"{red}+{blue}")
    assert found.parts["train_a"].read(0)["image"][0, 0].tolist() == [255, 0, 0]
    assert found.parts["train_b"].read(0)["image"][0, 0].tolist() == [0, 0, 255]
    assert "A: red: images" in found.description and "B: blue: images" in found.description


def test_folder_with_a_plus_in_its_name_is_one_data_set(tmp_path):
    root = save_all(tmp_path / "cats+dogs", numbered(".", 4))
    assert open_dataset(str(root), SMALL, kind="images").name == "cats+dogs"


def test_classes_are_chosen_in_both_domains():
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


def test_pairs_cannot_be_a_domain():
    assert refusal("digits+scenes") == (
        "--dataset=digits+scenes: scenes contains image pairs; right would be data sets of "
        "single images"
    )


def test_a_missing_domain_is_named(tmp_path):
    assert refusal(f"digits+{tmp_path}/none").startswith(f"--dataset={tmp_path}/none: ")


def test_label_maps_of_one_of_two_data_sets_are_one_hot_and_kept_for_resuming(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        save(tmp_path / f"maps/{number}.png", rng.integers(0, 5, (8, 8), np.uint8))
        save(tmp_path / f"deep/{number}.png", rng.integers(0, 60000, (8, 8), np.uint16))
        save(tmp_path / f"photos/{number}.jpg", rng.integers(0, 255, (8, 8, 3), np.uint8))
    for other, depth in (("photos", 8), ("deep", 16)):
        name = f"{tmp_path}/maps+{tmp_path}/{other}"
        found = joined(name)
        assert [(p.classes, p.depth) for p in found.preparations] == [(5, None), (0, depth)]
        assert found.parts["train_a"].one_hot == {"image": 5}
        assert "numbers of classes, given one-hot" in found.description
        assert spec_of(found, (8, 8)).input_channels == 5
        # Each domain is read as it was in the training, not as the other one.
        again = joined(name, stored=found.preparations)
        assert again.preparations == found.preparations
        for part, source in found.parts.items():
            np.testing.assert_array_equal(
                source.read(0)["image"], again.parts[part].read(0)["image"]
            )
    nothing = f"{tmp_path}/photos+{tmp_path}/photos"
    assert "--palette=ids: neither photos nor" in refusal(nothing, palette=Ids())


def test_images_of_double_width_are_two_domains_where_the_model_needs_such(tmp_path):
    for number in range(12):
        for part in ("train", "val"):
            path = tmp_path / f"{part}/{number}.png"
            save(path, double((200, number, 0), (0, number, 200), (16, 8)))
    found = joined(str(tmp_path))
    assert {part: len(source) for part, source in found.parts.items()} == {
        "train_a": 12,
        "train_b": 12,
        "test_a": 12,
        "test_b": 12,
    }
    assert found.parts["train_a"].read(3)["image"][4, 4].tolist() == [200, 3, 0]
    assert found.parts["train_b"].read(3)["image"][4, 4].tolist() == [0, 3, 200]
    assert set(found.content) == set(found.parts)
    assert "taken as two unpaired sets" in found.description
    again = joined(str(tmp_path), stored=found.preparations)
    assert (again.preparations, again.content) == (found.preparations, found.content)
    # Without parts, wide images may be photographs: the flag decides, and nothing is held out.
    line = refusal(str(tmp_path / "train"))
    assert "--layout=paired takes left halves as A and right ones as B" in line
    flat = joined(str(tmp_path / "train"), layout="paired")
    assert {part: len(source) for part, source in flat.parts.items()} == {
        "train_a": 12,
        "train_b": 12,
    }

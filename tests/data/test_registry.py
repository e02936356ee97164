"""Opening by name: which source a name means, options, and the kind that a model needs."""

import numpy as np
import pytest

from kgan.data import registry
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.registry import open_dataset
from kgan.utils.errors import UserError
from tests.data.folder.images import numbered, save, save_all

SMALL = ImageFormat((32, 32), (32, 32))


def folder(root, *names, size=(8, 8)):
    """Saves four images in each folder; returns the path as a flag gives it."""
    return str(save_all(root, [n for name in names for n in numbered(name, 4)], size=size))


def refusal(name, kind, **options):
    with pytest.raises(UserError) as caught:
        open_dataset(name, SMALL, kind=kind, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def tfds_names(tmp_path, monkeypatch):
    """The names and folders that TFDS is asked for, which is replaced here."""
    asked = []

    def open_tfds(name, images, *, data_dir, manual_dir):
        asked.append((name, data_dir, manual_dir))
        return Dataset(name, "labelled", {}, "", ("a", "b"))

    monkeypatch.setattr(registry, "open_tfds", open_tfds)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return asked


# Which source a name means.


def test_built_in_names_take_precedence(tmp_path, tfds_names):
    folder(tmp_path, "digits", "facades")
    assert len(open_dataset("digits", SMALL, kind="labelled").parts["train"]) == 1500
    assert open_dataset("facades", SMALL, kind="paired").noise_floor > 0
    assert tfds_names == []


@pytest.mark.parametrize("name", ["mnist", "./mnist", "~/mnist", "{root}/mnist"])
def test_folder_that_exists_takes_precedence_over_tfds(tmp_path, tfds_names, name):
    folder(tmp_path / "mnist", "cat", "dog")
    found = open_dataset(name.format(root=tmp_path), SMALL, kind="labelled")
    assert (found.name, found.class_names) == ("mnist", ("cat", "dog"))
    assert tfds_names == []


@pytest.mark.parametrize("name", ["mnist", "cycle_gan/horse2zebra", "mnist:3.0.1", "mnist:3.*.*"])
def test_tfds_gets_its_names_and_folders(tfds_names, name):
    open_dataset(name, SMALL, kind="labelled", data_dir="here", manual_dir="there")
    assert tfds_names == [(name, "here", "there")]


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./photos", "photos.zip", "~/photos", "a b"])
def test_what_can_only_be_a_path_is_not_a_tfds_name(tfds_names, name):
    assert refusal(name, "images").startswith(f"--dataset={name}: no such folder or file")
    assert tfds_names == []


def test_empty_name_is_not_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(folder(tmp_path, "."))
    assert refusal("", "images").startswith("--dataset=: neither built in")


# Kinds.


def test_labels_can_be_ignored():
    found = open_dataset("digits", SMALL, kind="images")
    assert (found.kind, found.class_names) == ("images", ())
    assert found.parts["train"].read(0)["image"].shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("digits", "labelled"), ("digits", "conditional"), ("faces", "conditional")]
    + [("faces", "images"), ("ring", "images"), ("ring", "points"), ("facades", "paired")],
)
def test_kinds_that_suit_a_model(name, kind):
    open_dataset(name, SMALL, kind=kind)


@pytest.mark.parametrize(
    ("folders", "kind", "expected"),
    [
        (
            ["."],
            "labelled",
            "contains images without labels; this model needs labelled images; give a folder with "
            "one subfolder per class",
        ),
        (
            ["."],
            "paired",
            "contains images without labels; this model needs image pairs; pairs can be derived "
            "with --pairs=edges|grey|lowres|noisy|masked; of a folder, --layout=paired reads left",
        ),
        (
            ["ant", "cat", "dog"],
            "unpaired",
            "contains labelled images; this model needs two unpaired sets of images; give two data "
            "sets, as in digits+typeset, or a folder with trainA and trainB, or name two",
        ),
        (
            ["train", "test"],
            "images",
            "contains image pairs; this model needs single images; give such a data set, or "
            "--layout=images",
        ),
        (
            ["trainA", "trainB"],
            "conditional",
            "contains two unpaired sets of images; this model needs images with labels or "
            "attributes; give a folder with one subfolder per class, or faces",
        ),
        (["."], "points", "contains images without labels; this model needs points; give ring or"),
        (["."], "attributes", "this model needs images with attributes; give faces"),
    ],
)
def test_other_kinds_are_refused_with_what_would_be_right(tmp_path, folders, kind, expected):
    size = (16, 8) if "train" in folders else (8, 8)
    line = refusal(folder(tmp_path, *folders, size=size), kind)
    assert line.startswith(f"--dataset={tmp_path}: ") and expected in line


def test_layout_makes_single_images_of_pairs(tmp_path):
    root = folder(tmp_path, "train", "test", size=(16, 8))
    assert open_dataset(root, SMALL, kind="paired").kind == "paired"
    assert open_dataset(root, SMALL, kind="images", layout="images").kind == "images"


def test_odd_names_stay_in_one_line(tmp_path):
    assert "two\\nlines" in refusal(folder(tmp_path / "two\nlines", "."), "paired")


# Derived pairs.


def test_pairs_are_made_of_labelled_images():
    found = open_dataset("digits", SMALL, kind="paired", pairs="noisy", seed=3)
    assert (found.kind, found.name) == ("paired", "digits_noisy")
    pair = found.parts["train"].read(0)
    plain = open_dataset("digits", SMALL, kind="images").parts["train"].read(0)
    np.testing.assert_array_equal(pair["target"], plain["image"])
    other = open_dataset("digits", SMALL, kind="paired", pairs="noisy", seed=4)
    assert (other.parts["train"].read(0)["input"] != pair["input"]).any()


def test_pairs_of_pairs_and_for_a_model_of_single_images_are_refused():
    line = refusal("digits", "images", pairs="noisy")
    assert line == "--pairs=noisy: this model needs single images; right would be no --pairs"
    line = refusal("facades", "paired", pairs="edges")
    assert line.startswith("--pairs=edges: facades contains image pairs; right would be")


# Options.


def test_seed_and_direction_reach_rendered_pairs():
    pair, other, turned = (
        open_dataset("facades", SMALL, kind="paired", **options).parts["train"].read(0)
        for options in ({"seed": 1}, {"seed": 2}, {"seed": 1, "direction": "BtoA"})
    )
    assert (pair["target"] != other["target"]).any()
    np.testing.assert_array_equal(pair["input"], turned["target"])
    np.testing.assert_array_equal(pair["target"], turned["input"])


def test_direction_and_palette_reach_a_folder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    image[:4, 8:], image[4:, 8:] = (250, 0, 0), (0, 0, 0)
    for name in numbered("train", 3) + numbered("test", 3):
        save(tmp_path / name, image)
    palette = [(255, 0, 0), (0, 0, 0)]
    for direction, side in (("AtoB", "target"), ("BtoA", "input")):
        how = {"palette": palette, "direction": direction}
        found = open_dataset(str(tmp_path), SMALL, kind="paired", **how)
        assert found.palette_side == side
        assert found.palette.dtype == np.uint8
        np.testing.assert_array_equal(found.palette, palette)
        red, black = found.parts["train"].read(0)[side][[0, -1], 0]
        assert (red.tolist(), black.tolist()) == ([250, 0, 0], [0, 0, 0])


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="palete"):
        open_dataset("digits", SMALL, kind="images", palete=[])


def test_kind_that_the_model_needs_decides_what_two_folders_are(tmp_path):
    root = folder(tmp_path, "trainA", "trainB")
    assert open_dataset(root, SMALL, kind="unpaired").kind == "unpaired"
    found = open_dataset(root, SMALL, kind="paired")
    assert (found.kind, found.fields) == ("paired", ("input", "target"))
    found = open_dataset(root, SMALL, kind="paired", sides=("trainB", "trainA"))
    assert "A = trainB/, B = trainA/" in found.description
    with pytest.raises(UserError, match="contains two unpaired sets of images"):
        open_dataset(root, SMALL, kind="paired", pairs="edges")

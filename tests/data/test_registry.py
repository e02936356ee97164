"""From a name to a collection of the kind that a scheme trains on."""

import numpy as np
import pytest
from PIL import Image

from kgan.data import registry
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.registry import open_dataset
from kgan.utils.errors import UserError

SMALL = ImageFormat((32, 32), (32, 32))


def draw_all(root, *folders, size=(8, 8), count=4):
    rng = np.random.default_rng(0)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = rng.integers(0, 256, (*size[::-1], 3), np.uint8)
            Image.fromarray(image).save(root / folder / f"{i}.png")
    return str(root)


def refusal(name, kind, **options):
    with pytest.raises(UserError) as caught:
        open_dataset(name, SMALL, kind=kind, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def tfds_names(monkeypatch):
    """Names that were looked for in TFDS, which is not asked here."""
    asked = []

    def open_tfds(name, images, *, data_dir, manual_dir):
        asked.append((name, data_dir, manual_dir))
        return Dataset(name, "labelled", {}, "", ("a", "b"))

    monkeypatch.setattr(registry, "open_tfds", open_tfds)
    return asked


# Which source a name means.


def test_built_in_names_win(tmp_path, monkeypatch, tfds_names):
    monkeypatch.chdir(tmp_path)
    draw_all(tmp_path / "digits", ".")
    draw_all(tmp_path / "facades", ".")
    digits = open_dataset("digits", SMALL, kind="labelled")
    assert len(digits.parts["train"]) == 1500
    assert open_dataset("facades", SMALL, kind="paired").noise_floor > 0
    assert tfds_names == []


def test_folder_that_is_there_wins_over_tfds(tmp_path, monkeypatch, tfds_names):
    monkeypatch.chdir(tmp_path)
    draw_all(tmp_path / "mnist", "cat", "dog")
    for name in ("mnist", "./mnist", str(tmp_path / "mnist")):
        found = open_dataset(name, SMALL, kind="labelled")
        assert found.class_names == ("cat", "dog")
    assert tfds_names == []


@pytest.mark.parametrize("name", ["mnist", "cycle_gan/horse2zebra", "mnist:3.0.1", "mnist:3.*.*"])
def test_tfds_gets_its_names_and_folders(tmp_path, monkeypatch, tfds_names, name):
    monkeypatch.chdir(tmp_path)
    found = open_dataset(name, SMALL, kind="labelled", data_dir="here", manual_dir="there")
    assert found.kind == "labelled"
    assert tfds_names == [(name, "here", "there")]


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./photos", "photos.zip", "~/photos", "a b"])
def test_what_can_only_be_a_path_is_not_looked_for_in_tfds(tmp_path, monkeypatch, tfds_names, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    line = refusal(name, "images")
    assert line.startswith(f"--dataset={name}: no such folder or file")
    assert tfds_names == []


def test_home_is_understood_in_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    draw_all(tmp_path / "photos", ".")
    assert open_dataset("~/photos", SMALL, kind="images").name == "photos"


def test_empty_name_is_not_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(draw_all(tmp_path, "."))
    assert refusal("", "images").startswith("--dataset=: neither built in")


# Kinds.


def test_labelled_images_serve_a_scheme_without_labels():
    found = open_dataset("digits", SMALL, kind="images")
    assert found.kind == "images"
    assert found.class_names == ()
    assert found.parts["train"].read(0)["image"].shape == (32, 32, 1)
    kept = open_dataset("digits", SMALL, kind="labelled")
    assert kept.class_names == tuple("0123456789")


def test_plain_images_do_not_serve_where_labels_are_needed(tmp_path):
    line = refusal(draw_all(tmp_path, "."), "labelled")
    assert line == (
        f"--dataset={tmp_path}: contains images without labels; this model needs labelled "
        "images; give a folder with one subfolder per class"
    )


@pytest.mark.parametrize(
    ("contents", "folders"),
    [("labelled images", ["cat", "dog"]), ("images without labels", ["."])],
)
def test_pairs_asked_of_single_images_name_the_flag_that_makes_them(tmp_path, contents, folders):
    line = refusal(draw_all(tmp_path, *folders), "paired")
    assert line == (
        f"--dataset={tmp_path}: contains {contents}; this model needs image pairs; pairs can be "
        "derived with --pairs=edges|grey|lowres|noisy|masked"
    )


@pytest.mark.parametrize("kind", ["images", "labelled", "paired"])
def test_unpaired_images_serve_no_other_kind(tmp_path, kind):
    root = draw_all(tmp_path, "trainA", "trainB")
    assert open_dataset(root, SMALL, kind="unpaired").kind == "unpaired"
    assert "contains two unpaired sets of images; this model needs " in refusal(root, kind)


@pytest.mark.parametrize("name", ["digits", "facades"])
def test_unpaired_scheme_says_what_it_needs(name):
    assert refusal(name, "unpaired").endswith(
        "; give two data sets, as in digits+typeset, or a folder with trainA and trainB"
    )


def test_pairs_do_not_serve_as_plain_images(tmp_path):
    root = draw_all(tmp_path, "train", "test", size=(16, 8))
    assert open_dataset(root, SMALL, kind="paired").kind == "paired"
    assert refusal(root, "images").endswith("give such a data set, or --layout=images")
    assert open_dataset(root, SMALL, kind="images", layout="images").kind == "images"


def test_odd_names_stay_in_one_line(tmp_path):
    assert "two\\nlines" in refusal(draw_all(tmp_path / "two\nlines", "."), "paired")


# Derived pairs.


def test_pairs_are_made_of_labelled_images():
    found = open_dataset("digits", SMALL, kind="paired", pairs="noisy", seed=3)
    assert (found.kind, found.name) == ("paired", "digits_noisy")
    pair = found.parts["train"].read(0)
    plain = open_dataset("digits", SMALL, kind="images").parts["train"].read(0)
    np.testing.assert_array_equal(pair["target"], plain["image"])
    other = open_dataset("digits", SMALL, kind="paired", pairs="noisy", seed=4)
    assert (other.parts["train"].read(0)["input"] != pair["input"]).any()


def test_pairs_for_a_model_of_single_images_are_refused():
    line = refusal("digits", "images", pairs="noisy")
    assert line == "--pairs=noisy: this model needs single images; right would be no --pairs"


def test_pairs_of_pairs_are_refused():
    assert refusal("facades", "paired", pairs="edges").startswith(
        "--pairs=edges: facades contains image pairs"
    )


# What is handed on.


def test_seed_and_direction_reach_the_drawn_pairs():
    first = open_dataset("facades", SMALL, kind="paired", seed=1)
    other = open_dataset("facades", SMALL, kind="paired", seed=2)
    turned = open_dataset("facades", SMALL, kind="paired", seed=1, direction="BtoA")
    pair, back = first.parts["train"].read(0), turned.parts["train"].read(0)
    assert (pair["target"] != other.parts["train"].read(0)["target"]).any()
    np.testing.assert_array_equal(pair["input"], back["target"])
    np.testing.assert_array_equal(pair["target"], back["input"])


def test_direction_and_palette_reach_a_folder(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for i in range(3):
            image = Image.effect_noise((16, 8), 90).convert("RGB")
            image.paste((250, 0, 0), (8, 0, 16, 4))
            image.paste((0, 0, 0), (8, 4, 16, 8))
            image.save(tmp_path / part / f"{i}.png")
    palette = [(255, 0, 0), (0, 0, 0)]
    for direction, side in (("AtoB", "target"), ("BtoA", "input")):
        found = open_dataset(
            str(tmp_path), SMALL, kind="paired", palette=palette, direction=direction
        )
        assert found.palette_side == side
        assert found.palette.dtype == np.uint8
        np.testing.assert_array_equal(found.palette, palette)
        red, black = found.parts["train"].read(0)[side][[0, -1], 0]
        assert (red.tolist(), black.tolist()) == ([250, 0, 0], [0, 0, 0])

"""Some classes in place of all: which images stay, and how they are numbered."""

import numpy as np
import pytest

from kgan.cli.parsing import parse_training
from kgan.data.builtin.digits import ArraySource, open_digits
from kgan.data.dataset import Dataset, Source, labels_of
from kgan.data.registry import open_dataset
from kgan.data.transform.classes import choose_classes
from kgan.runs.data import open_data
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL, plain, save


def refusal(function, *arguments, **options):
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def numbered(labels, names, test=()):
    """Each image shows its own number."""

    def part(labels):
        images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
        return ArraySource(images, np.array(labels, np.int32))

    parts = {"train": part(labels), **({"test": part(test)} if len(test) else {})}
    return Dataset("made", "labelled", parts, "made: all", tuple(names))


def kept(source):
    return [
        (int(e["image"][0, 0, 0]), int(e["label"])) for e in map(source.read, range(len(source)))
    ]


def test_labels_are_renumbered_in_the_order_of_the_data_set():
    made = numbered([2, 0, 1, 2, 3, 1], ["cat", "dog", "emu", "fox"], test=[3, 2, 1])
    found = choose_classes(made, ["emu", "dog"])
    assert found.class_names == ("dog", "emu")
    assert kept(found.parts["train"]) == [(0, 1), (2, 0), (3, 1), (5, 0)]
    assert kept(found.parts["test"]) == [(1, 1), (2, 0)]
    assert found.description == "made: all; kept dog, emu: 4 train, 2 test"
    assert found.parts["train"].read(0)["label"].dtype == np.int32


def test_numbers_serve_as_names_and_names_take_precedence():
    made = numbered([0, 1, 2, 3], ["cat", "dog", "0", "fox"])
    assert choose_classes(made, ["0", "3"]).class_names == ("0", "fox")
    assert choose_classes(made, ["1"]).class_names == ("dog",)
    assert choose_classes(made, ["1", "dog"]).class_names == ("dog",)


def test_part_without_these_classes_is_left_out():
    found = choose_classes(numbered([0, 1], "ab", test=[0]), ["b"])
    assert list(found.parts) == ["train"]
    assert refusal(choose_classes, numbered([0], "ab", test=[1]), ["b"]) == (
        "--classes=b: the training part of made has no image of these classes; "
        "right would be classes that it has"
    )


def test_reading_many_is_reading_each():
    source = choose_classes(open_digits(SMALL), ["7", "8"]).parts["train"]
    for one, other in zip(source.read_many([5, 0, 9]), map(source.read, [5, 0, 9]), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
        assert one["label"] == other["label"]


def test_digits_keep_their_images():
    # scikit-learn's set has 179 sevens and 174 eights.
    whole, found = open_digits(SMALL), choose_classes(open_digits(SMALL), ["8", "7"])
    assert found.class_names == ("7", "8")
    labels = np.concatenate([labels_of(source) for source in found.parts.values()])
    assert np.bincount(labels).tolist() == [179, 174]
    for part, source in found.parts.items():
        there = whole.parts[part]
        images = there.images[np.isin(there.labels, [7, 8])]
        np.testing.assert_array_equal([source.read(i)["image"] for i in range(len(source))], images)


def test_a_source_that_does_not_know_its_labels_is_read():
    class Plain(Source):
        def __len__(self):
            return 3

        def read(self, index):
            return {"image": np.zeros((1, 1, 1), np.uint8), "label": np.int32(index * 2)}

    assert labels_of(Plain()).tolist() == [0, 2, 4]


def test_what_has_no_labels_or_no_such_class_is_refused():
    assert refusal(open_dataset, "faces", SMALL, kind="images", classes=["hat"]) == (
        "--classes=hat: faces has no labels, it contains images with attributes; right "
        "would be a labelled data set, or no --classes"
    )
    assert refusal(open_dataset, "digits", SMALL, kind="labelled", classes=["7", "ten"]) == (
        "--classes=7,ten: no class ten; there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    )
    many = numbered([0], [f"n{i}" for i in range(12)])
    assert refusal(choose_classes, many, ["12"]).endswith("n8, n9 and 2 more")
    assert "no class -1;" in refusal(choose_classes, many, ["-1"])


def test_bad_image_is_replaced_by_one_of_the_classes(tmp_path):
    for level, name in enumerate(["ant", "bee", "cow"]):
        for i in range(12):
            save(tmp_path / name / f"{i}.png", plain(80 * level + i))
    whole = open_dataset(str(tmp_path), SMALL, kind="labelled", classes=["ant", "cow"])
    # The last ant: the next image of the whole set would be a bee.
    last = [n for n in whole.parts["train"].source.names if "ant" in n][-1]
    (tmp_path / last).write_bytes(b"damaged")
    found = open_dataset(
        str(tmp_path), SMALL, kind="labelled", classes=["ant", "cow"], bad_limit=0.5
    ).parts["train"]
    assert found.source.labels.max() == 1
    for index in range(len(found)):
        example = found.read(index)
        assert example["image"].max() < 12 or example["image"].max() >= 160
        assert example["label"] == (example["image"].max() >= 160)


def test_labels_may_be_left_unused_after_choosing():
    found = open_dataset("digits", SMALL, kind="images", classes=["3"])
    assert (found.kind, found.class_names) == ("images", ())
    assert len(found.parts["train"]) < 200
    pairs = open_dataset("digits", SMALL, kind="paired", pairs="noisy", classes=["3"])
    assert len(pairs.parts["train"]) == len(found.parts["train"])


def test_flag_reaches_the_collection():
    resolved = parse_training(["--model=dcgan", "--image_size=16", "--classes=7,8"])
    collection, _ = open_data(resolved)
    assert "kept 7, 8: " in collection.description
    assert len(collection.parts["train"]) + len(collection.parts["test"]) == 179 + 174

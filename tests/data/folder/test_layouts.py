"""Layouts recognised from names alone, held-out parts, and what is refused."""

import pytest

from kgan.data import splits
from kgan.data.folder.layouts import find_layout
from kgan.utils.errors import UserError
from tests.data.folder.images import counts, numbered


def find(names, size=(10, 20), **options):
    return find_layout(names, lambda name: size, **options)


def inner(entries):
    return [entry.inner for entry in entries]


PAIRS = numbered("train", 5) + numbered("test", 2)
CLASSES = numbered("cat", 3) + numbered("dog", 3)
CLASSES_OF = {part: [f"{part}/{name}" for name in CLASSES] for part in ("train", "test")}
UNPAIRED = numbered("trainA", 2) + numbered("trainB", 3)
# Names, the layout that is asked for, what is found, and how many examples there are in all.
LAYOUTS = {
    "unpaired": (UNPAIRED, "auto", "unpaired", 5),
    "double width in parts": (PAIRS, "auto", "paired", 7),
    "double width without parts": (numbered("photos", 5), "auto", "images", 5),
    "pairs taken as images": (PAIRS, "images", "images", 7),
    "images taken as pairs": (numbered("photos", 25), "paired", "paired", 25),
    "A and B": (
        ["A/train/0.png", "A/train/1.png", *numbered("B/train", 2)],
        "auto",
        "paired_folders",
        2,
    ),
    "classes": (CLASSES, "auto", "labelled", 6),
    "classes taken as images": (CLASSES, "images", "images", 6),
    "classes in parts": ([*CLASSES_OF["train"], *CLASSES_OF["test"]], "auto", "labelled", 12),
    "train as a vehicle": (CLASSES + numbered("train", 3), "auto", "labelled", 9),
    "a folder within the parts": (numbered("train/x", 4) + ["test/x/0.png"], "auto", "paired", 5),
    "one class": (numbered("wrap/cat", 5), "auto", "images", 5),
    "one class taken as labelled": (numbered("wrap/cat", 5), "labelled", "labelled", 5),
    "images next to classes": (["x.png", *CLASSES], "images", "images", 7),
    "classes next to images": (["x.png", *CLASSES], "labelled", "labelled", 6),
    "wrapping folders": ([f"one/two/{name}" for name in UNPAIRED], "auto", "unpaired", 5),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layout_is_recognised_or_as_asked_for(case):
    names, wanted, expected, count = LAYOUTS[case]
    found = find(names, wanted=wanted)
    assert found.name == expected
    assert sum(counts(found).values()) == count


def test_one_image_of_another_shape_makes_them_plain():
    sizes = {"train/3.png": (10, 21)}
    assert find_layout(PAIRS, lambda name: sizes.get(name, (10, 20))).name == "images"


def test_parts_are_kept_and_ordered():
    for stem in ("val", "valid", "validation"):
        found = find(numbered("test", 2) + numbered(stem, 3) + numbered("training", 50))
        assert list(counts(found).items()) == [("train", 50), ("validation", 3), ("test", 2)]
        assert found.notes == ()
    found = find([*UNPAIRED, *numbered("testA", 4), *numbered("testB", 1)])
    assert counts(found) == {"train_a": 2, "train_b": 3, "test_a": 4, "test_b": 1}


def test_halves_of_a_pair_are_found_by_their_names():
    names = numbered("A/train", 12, ".jpg") + numbered("B/train", 12) + numbered("A/val", 2)
    names += numbered("B/val", 2) + numbered("A/test", 3) + numbered("B/test", 3)
    found = find(names)
    assert counts(found) == {"train": 12, "validation": 2, "test": 3}
    assert found.parts["train"][10].names == ("A/train/10.jpg", "B/train/10.png")


def test_classes_are_in_natural_order_and_number_the_entries():
    found = find([n for name in ("10", "9", "zebra", "ant") for n in numbered(f"train/{name}", 3)])
    assert found.class_names == ("9", "10", "ant", "zebra")
    for entry, label in zip(found.parts["train"], found.labels("train"), strict=True):
        assert entry.inner.split("/")[0] == found.class_names[label]


def test_images_are_in_natural_order():
    found = find([f"img{i}.png" for i in range(12)])
    for entries in found.parts.values():
        assert inner(entries) == sorted(inner(entries), key=lambda name: int(name[3:-4]))


def test_files_of_other_types_and_images_elsewhere_are_mentioned():
    junk = ["__MACOSX/one/._0.png", "one/.DS_Store", "one/Thumbs.db"]
    found = find([*(f"one/{name}" for name in UNPAIRED), *junk, "readme.txt"])
    assert found.notes == ("1 file of other types left out",)
    found = find(["cover.png", *numbered("train", 4), *numbered("test", 2), *numbered("extra", 3)])
    assert found.notes[-1] == "4 images elsewhere left out"


# Held-out parts.


def test_shares_of_held_out_parts():
    found = find([f"train/{i}.png" for i in range(4000)])
    # Five standard deviations of a binomial count around 10 % and 5 % of 4000.
    assert abs(counts(found)["test"] - 400) < 5 * (4000 * 0.1 * 0.9) ** 0.5
    assert abs(counts(found)["validation"] - 200) < 5 * (4000 * 0.05 * 0.95) ** 0.5
    assert sum(counts(found).values()) == 4000
    assert found.notes == (
        "test held out of train by name (10%)",
        "validation held out of train by name (5%)",
    )


def test_held_out_part_is_stable_when_files_are_added():
    before, after = (find([f"{i:03}.png" for i in range(count)]).parts for count in (80, 130))
    for part in ("train", "test"):
        assert set(inner(before[part])) <= set(inner(after[part]))
    assert not set(inner(after["train"])) & set(inner(after["test"]))


def test_wrapping_does_not_move_images_between_parts():
    names = [f"{i:03}.png" for i in range(60)]
    wrapped = find([f"wrap/{name}" for name in names])
    assert inner(wrapped.parts["test"]) == inner(find(names).parts["test"])


@pytest.mark.parametrize("count", range(2, 31))
def test_small_sets_keep_an_image_in_each_part(count):
    found = counts(find(numbered("train", count)))
    assert found["train"] >= 1 and found["test"] >= 1
    assert count < 10 or found["validation"] >= 1
    assert sum(found.values()) == count


def test_one_image_stays_to_train_on():
    held = [n for n in (f"{i}.png" for i in range(200)) if splits.name_share(n) < 0.1][:3]
    assert counts(find(held)) == {"train": 1, "test": 2}


def test_smallest_hash_is_held_out_where_none_is_small_enough():
    kept = [n for n in (f"{i}.png" for i in range(30)) if splits.name_share(n) > 0.1][:9]
    assert inner(find(kept).parts["test"]) == [min(kept, key=splits.name_share)]


def test_only_pairs_give_up_a_validation_part():
    names = numbered("train", 200) + numbered("test", 9)
    assert set(counts(find(names))) == {"train", "validation", "test"}
    assert counts(find(names))["test"] == 9
    assert set(counts(find(names, wanted="images"))) == {"train", "test"}


def test_sample_is_spread_and_small():
    asked = []
    find_layout(numbered("train", 5000), lambda name: asked.append(name) or (10, 20))
    assert len(asked) == 16
    assert (asked[0], asked[-1]) == ("train/0.png", "train/4999.png")


# What is refused.

BAD = {
    "no images": (["a.txt"], "auto", "contains no images (1 other file); right would be"),
    "one image": (["a.png"], "auto", "only one image to train on"),
    "no B": (numbered("trainA", 3), "auto", "has trainA/ with images; right would be both trainA/"),
    "no test A": (
        [*UNPAIRED, "testB/0.png"],
        "auto",
        "has testB/ with images; right would be both testA/ and testB/",
    ),
    "unequal names": (
        numbered("A/train", 3) + numbered("B/train", 5),
        "auto",
        "3 is in B/ but not in A/, part train (2 such images); right would be equal names",
    ),
    "equal names": (
        [*numbered("A/train", 3), *numbered("B/train", 3), "B/train/1.jpg"],
        "auto",
        "B/train/1.png and B/train/1.jpg have the same name",
    ),
    "empty class": ([*CLASSES, "eel/", "eel/notes.txt"], "auto", "class folder eel/ has no images"),
    "empty class in a wrapping folder": (
        ["w/", "w/eel/", *(f"w/{name}" for name in CLASSES)],
        "auto",
        "class folder w/eel/ has no images",
    ),
    "class of the test part alone": (
        [*CLASSES_OF["train"], *numbered("test/cat", 3), *numbered("test/fox", 3)],
        "auto",
        "class fox is in test but not in train",
    ),
    "images next to folders": (["x.png", *CLASSES], "auto", "right would be --layout=labelled"),
    "no training part": (
        numbered("test", 3) + numbered("val", 3),
        "auto",
        "has test/ and validation/ but no train/; right would be both",
    ),
    "not unpaired": (CLASSES, "unpaired", "has neither trainA/ nor trainB/"),
    "not in two folders": (CLASSES, "paired_folders", "has no A/ with images"),
    "not labelled": (["a.png", "b.png"], "labelled", "has no class folders with images"),
    "unknown layout": (CLASSES, "circles", "--layout=circles: unknown; right would be auto, unp"),
    "two lines": (
        ["A/train/two\nlines.png", "A/train/b.png", "B/train/b.png"],
        "auto",
        "two\\nlin",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_layout_is_refused_in_one_line(case):
    names, wanted, expected = BAD[case]
    with pytest.raises(UserError) as caught:
        find(names, wanted=wanted)
    line = str(caught.value)
    assert expected in line and "right would" in line and "\n" not in line
    assert line.startswith("--dataset: " if wanted != "circles" else "--layout=")

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
    sizes = {"train/3.png": (10, 21), "train/4.png": (10, 19)}  # a pixel more or less is rounding
    assert find_layout(PAIRS, lambda name: sizes.get(name, (10, 20))).name == "paired"
    sizes = {"train/3.png": (10, 22)}
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
    before, after = (find([f"{i:03}.png" for i in range(count)]).parts for count in (400, 600))
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


def test_small_sets_hold_out_their_share_and_earlier_runs_what_they_held_out():
    for count in (37, 40, 64, 150):
        names = [f"{folder}/{number}.png" for folder in "AB" for number in range(count)]
        found = counts(find(names, kind="paired"))
        assert found["test"] >= round(count * 0.10) and found["validation"] >= round(count * 0.05)
        assert found["train"] > count * 0.7
    # 40 such pairs gave one test image to runs of the second rule.
    names = [f"{folder}/img{number}.png" for folder in "AB" for number in range(80, 120)]
    by_rule = [find(names, kind="paired", split_rule=rule).parts for rule in (2, 3)]
    assert [len(parts["test"]) for parts in by_rule] == [1, 4]
    assert set(by_rule[0]["test"]) <= set(by_rule[1]["test"])


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


# Two sides: by the kind of data that the model trains on, names and what becomes of them.

VOC = [*numbered("VOC/JPEGImages", 50, ".jpg"), *numbered("VOC/SegmentationClass", 20)]
VOC += [*numbered("VOC/SegmentationObject", 20), "VOC/Annotations/1.xml"]
CITIES = [
    f"{folder}/{part}/{city}/{city}_{n}{mark}.png"
    for part in ("train", "val", "test")
    for city in ("aachen", "ulm")
    for n in range(3)
    for folder, mark in (("leftImg8bit", "_leftImg8bit"), ("gtFine", "_gtFine_labelIds"))
]
SEGNET = [n for part in ("train", "val", "test") for n in numbered(part, 5)]
SEGNET += [n for part in ("train", "val", "test") for n in numbered(f"{part}annot", 5)]
BOTH = ("paired", "unpaired")
TWO_SIDES = {
    "flat A and B": (numbered("A", 20) + numbered("B", 20), BOTH, 20, "A = A/, B = B/"),
    "A and B in parts": (
        [n for part in ("train", "val") for s in "AB" for n in numbered(f"{part}/{s}", 6)],
        BOTH,
        12,
        "A = A/, B = B/",
    ),
    "parts in a and b": (
        [n for s in "ab" for part in ("train", "test") for n in numbered(f"set/{s}/{part}", 6)],
        BOTH,
        12,
        "A = a/, B = b/",
    ),
    "trainA and trainB": (
        [n for part in ("train", "test") for s in "AB" for n in numbered(f"{part}{s}", 6)],
        BOTH,
        12,
        "A = A/, B = B/",
    ),
    "images and masks": (
        [*numbered("images", 20, ".jpg"), *numbered("masks", 20)],
        BOTH,
        20,
        "A = images/, B = masks/",
    ),
    "img and label in parts": (
        [
            n
            for part in ("train", "test")
            for s in ("img", "label")
            for n in numbered(f"{part}/{s}", 9)
        ],
        BOTH,
        18,
        "A = img/, B = label/",
    ),
    "images before their masks": (
        [*numbered("set", 20, ".jpg"), *numbered("set/masks", 20)],
        ("paired",),
        20,
        "A = the other images, B = masks/",
    ),
    "Pascal VOC": (VOC, ("paired",), 20, "A = JPEGImages/, B = SegmentationClass/"),
    "Cityscapes": (CITIES, ("paired",), 18, "A = leftImg8bit/, B = gtFine/"),
    "SegNet's CamVid": (SEGNET, ("paired",), 15, "A = the other images, B = annot/"),
    "marks": (
        [f"{n}{mark}" for n in range(20) for mark in (".jpg", "_mask.png")],
        BOTH,
        20,
        "A = the other images, B = *_mask.*",
    ),
    "marks A and B in parts": (
        [f"{p}/{n}_{s}.png" for p in ("train", "test") for n in range(9) for s in "AB"],
        ("paired",),
        18,
        "A = the other images, B = *_B.*",
    ),
    "suffixes": (
        [f"base/cmp_b{n}{s}" for n in range(20) for s in (".jpg", ".png", ".xml")],
        ("paired",),
        20,
        "A = *.jpg, B = *.png",
    ),
    "two folders of any name": (
        numbered("photos/day", 20) + numbered("photos/dusk", 20),
        BOTH,
        20,
        "A = day/, B = dusk/",
    ),
    "one folder of a known name": (
        [n.replace(".png", ".jpg") for n in numbered("street/photos", 20)]
        + numbered("street/maps", 20),
        BOTH,
        20,
        "A = photos/, B = maps/",
    ),
    "one known name for B, in parts": (
        [
            f"{part}/{side}/{n}.png"
            for part in ("train", "test")
            for side in ("depth", "gt")
            for n in range(9)
        ],
        BOTH,
        18,
        "A = depth/, B = gt/",
    ),
    "one known name for B that comes first": (
        numbered("gt", 20) + numbered("views", 20),
        BOTH,
        20,
        "A = views/, B = gt/",
    ),
    "low and high resolution": (
        numbered("HR", 20) + numbered("LR", 20),
        BOTH,
        20,
        "A = LR/, B = HR/",
    ),
    "sides below other folders": (
        [
            name
            for folder in ("train/one", "train/two", "test/one")
            for side in ("sharp", "blur")
            for name in numbered(f"{folder}/{side}", 6)
        ],
        BOTH,
        18,
        "A = blur/, B = sharp/",
    ),
    "marks in and out": (
        [f"{n}_{s}.png" for n in range(20) for s in ("in", "out")],
        BOTH,
        20,
        "A = the other images, B = *_out.*",
    ),
    "two suffixes": (
        [f"{n}{s}" for n in range(20) for s in (".jpg", ".jpg.png")],
        BOTH,
        20,
        "A = the other images, B = *.jpg.*",
    ),
    "before and after": (
        numbered("after", 20) + numbered("before", 20),
        BOTH,
        20,
        "A = before/, B = after/",
    ),
    "a few without a partner": (
        numbered("A", 50) + numbered("B", 52),
        ("paired",),
        50,
        "2 images without a partner left out (50, 51)",
    ),
}


@pytest.mark.parametrize("case", TWO_SIDES)
def test_two_sides_are_found_as_the_model_needs_them(case):
    names, kinds, count, note = TWO_SIDES[case]
    for kind in kinds:
        # Twice as wide as high, as photographs of Cityscapes are.
        found = find(names, kind=kind)
        assert found.name == {"paired": "paired_folders", "unpaired": "unpaired"}[kind]
        number = sum(counts(found).values())
        assert number == (count if kind == "paired" else 2 * count)
        assert note in found.notes
        # Images without a partner are not counted once more as images elsewhere.
        assert not ("partner" in note and any("elsewhere" in other for other in found.notes))


def test_pairs_are_of_one_name_in_every_part():
    found = find(CITIES, kind="paired")
    assert counts(found) == {"train": 6, "validation": 6, "test": 6}
    for part in ("train", "test"):
        for a, b in (entry.names for entry in found.parts[part]):
            assert b == a.replace("leftImg8bit", "gtFine", 1).replace(
                "_leftImg8bit", "_gtFine_labelIds"
            )


def test_given_sides_choose_folders_or_patterns():
    more = [n.replace("labelIds", "color") for n in CITIES if "gtFine" in n]
    with pytest.raises(UserError, match="have the same name.*--sides=A,B chooses"):
        find(CITIES + more, kind="paired")
    sides = ["leftImg8bit", "*_gtFine_color.png"]
    found = find(CITIES + more, kind="paired", sides=sides)
    assert counts(found) == {"train": 6, "validation": 6, "test": 6}
    assert {e.names[1].partition("gtFine_")[2] for e in found.parts["train"]} == {"color.png"}
    names = [n for s in ("x/depth", "x/rgb", "x/thermal") for n in numbered(s, 20)]
    found = find(names, kind="paired", sides=["thermal", "rgb"])
    assert found.parts["train"][0].names[0].startswith("x/thermal/")
    found = find(names, kind="unpaired", sides=["x/thermal", "depth"])
    assert counts(found) == {"train_a": 20, "train_b": 20}
    with pytest.raises(UserError, match="^--sides=thermal,ir: .* has no images for both"):
        find(names, kind="paired", sides=["thermal", "ir"])


def test_folders_of_three_letters_are_classes():
    names = [name for letter in "ABC" for name in numbered(letter, 9)]
    assert {find(names, (9, 9), kind=kind).name for kind in BOTH} == {"labelled"}


def test_wide_images_are_pairs_where_the_model_needs_pairs():
    for size in ((480, 1280), (480, 961), (480, 959), (256, 512)):
        assert find(numbered("photos", 25), size, kind="paired").name == "paired"
        assert find(numbered("photos", 25), size).name == "images"
    assert find(numbered("photos", 25), (480, 720), kind="paired").name == "images"


def test_label_maps_among_single_images_are_mentioned():
    found = find([*numbered("images", 20), *numbered("masks", 20)])
    assert found.name == "labelled" and "look like images and their label maps" in found.notes[0]


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
    "sets without pairs as pairs": (
        numbered("trainA", 30) + numbered("trainB", 20),
        "paired_folders",
        "20 is in A/ but not in B/, part train (10 such images); right would be equal names",
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
    "not unpaired": ([*CLASSES, "eel/1.png"], "unpaired", "has neither trainA/ nor trainB/"),
    "not in two folders": ([*CLASSES, "eel/1.png"], "paired_folders", "has no A/ with images"),
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

"""Folders and zips as collections: each layout, each kind of label map, each way to be wrong."""

import concurrent.futures
import pathlib
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from kgan.data import splits
from kgan.data.dataset import ImageFormat
from kgan.data.folder import files, layouts
from kgan.data.folder.reading import open_folder, open_images
from kgan.utils.errors import UserError

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data"
CAMVID_PALETTE = np.array(
    [
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
        (0, 0, 0),
    ],
    np.uint8,
)
SMALL = ImageFormat((8, 8), (8, 8))


def needs(name):
    return pytest.mark.skipif(not (SHARED / name).exists(), reason=f"{name} is not here")


def draw(path, colour=(200, 100, 50), size=(8, 8)):
    """Saves an image of one colour; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if isinstance(colour, tuple) else "L", size, colour).save(path)
    return path


def draw_all(root, names, **options):
    for name in names:
        draw(root / name, **options)
    return root


def pack(root, path, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, prefix + file.relative_to(root).as_posix())
    return path


def counts(collection):
    return {part: len(source) for part, source in collection.parts.items()}


def refusal(path, **options):
    with pytest.raises(UserError) as caught:
        open_folder(path, SMALL, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert "right would" in line
    return line


def numbered(folder, count, suffix=".png"):
    return [f"{folder}/{i}{suffix}" for i in range(count)]


# Layouts.


def test_unpaired_folders_are_found(tmp_path):
    for folder, count in [("trainA", 3), ("trainB", 4), ("testA", 2), ("testB", 1)]:
        draw_all(tmp_path / "set", numbered(folder, count))
    found = open_folder(tmp_path / "set", SMALL)
    assert found.kind == "unpaired"
    assert counts(found) == {"train_a": 3, "train_b": 4, "test_a": 2, "test_b": 1}
    assert found.description == (
        "set: unpaired images, 3 train A, 4 train B, 2 test A, 1 test B, 3 channels"
    )
    assert set(found.parts["train_a"].read(0)) == {"image"}


def test_double_width_images_in_parts_are_pairs(tmp_path):
    root = tmp_path / "set"
    for folder, count in [("train", 5), ("val", 3), ("test", 2)]:
        for name in numbered(folder, count):
            draw(root / name, (255, 0, 0), (20, 10))
            image = Image.open(root / name)
            image.paste((0, 0, 255), (10, 0, 20, 10))
            image.save(root / name)
    found = open_folder(root, SMALL)
    assert found.kind == "paired"
    assert list(counts(found).items()) == [("train", 5), ("validation", 3), ("test", 2)]
    assert found.description.startswith(
        "set: pairs (left = A, right = B), 5 train, 3 validation, 2 test, 3 channels"
    )
    pair = found.parts["train"].read(0)
    assert pair["input"].shape == pair["target"].shape == (8, 8, 3)
    assert (pair["input"] == (255, 0, 0)).all()
    assert (pair["target"] == (0, 0, 255)).all()
    turned = open_folder(root, SMALL, direction="BtoA").parts["train"].read(0)
    assert (turned["input"] == (0, 0, 255)).all()
    assert (turned["target"] == (255, 0, 0)).all()


def test_no_colour_crosses_the_seam_of_a_pair(tmp_path):
    for name in numbered("train", 3) + numbered("test", 1):
        draw(tmp_path / name, (0, 0, 0), (128, 64))
        image = Image.open(tmp_path / name)
        image.paste((255, 255, 255), (64, 0, 128, 64))
        image.putpixel((0, 0), (9, 8, 7))
        image.save(tmp_path / name)
    pair = open_folder(tmp_path, ImageFormat((10, 10), (10, 10), 3)).parts["train"].read(0)
    assert pair["input"][:, 5:].max() == 0
    assert pair["target"].min() == 255


def test_one_image_of_another_shape_makes_them_plain(tmp_path):
    draw_all(tmp_path, numbered("train", 5) + numbered("test", 1), size=(20, 10))
    assert open_folder(tmp_path, SMALL).kind == "paired"
    draw(tmp_path / "train/9.png", size=(21, 10))
    assert open_folder(tmp_path, SMALL).kind == "images"


def test_double_width_images_without_part_folders_are_plain(tmp_path):
    draw_all(tmp_path, numbered("photos", 5), size=(20, 10))
    assert open_folder(tmp_path, SMALL).kind == "images"


def test_layout_flag_overrules_what_was_found(tmp_path):
    draw_all(tmp_path / "wide", numbered("train", 5) + numbered("test", 2), size=(20, 10))
    assert open_folder(tmp_path / "wide", SMALL, layout="images").kind == "images"
    draw_all(tmp_path / "odd", numbered("train", 25), size=(30, 10))
    found = open_folder(tmp_path / "odd", SMALL, layout="paired")
    assert found.kind == "paired"
    draw_all(tmp_path / "classes", numbered("cat", 3) + numbered("dog", 3))
    found = open_folder(tmp_path / "classes", SMALL, layout="images")
    assert found.kind == "images"
    assert sum(counts(found).values()) == 6
    found = open_folder(tmp_path / "classes" / "cat", SMALL, layout="images")
    assert sum(counts(found).values()) == 3


def test_rectangular_pairs_are_cut_in_the_middle(tmp_path):
    for name in numbered("train", 4):
        draw(tmp_path / name, (1, 2, 3), (32, 10)).touch()
        image = Image.open(tmp_path / name)
        image.paste((9, 8, 7), (16, 0, 32, 10))
        image.save(tmp_path / name)
    pair = open_folder(tmp_path, SMALL, layout="paired").parts["train"].read(0)
    assert (pair["input"] == (1, 2, 3)).all()
    assert (pair["target"] == (9, 8, 7)).all()


def test_two_folders_of_equal_names_are_pairs(tmp_path):
    root = tmp_path / "set"
    for part, count in [("train", 12), ("val", 2), ("test", 3)]:
        draw_all(root, numbered(f"A/{part}", count, ".jpg"), colour=(250, 0, 0))
        draw_all(root, numbered(f"B/{part}", count, ".png"), colour=(0, 0, 250), size=(30, 20))
    found = open_folder(root, SMALL)
    assert found.kind == "paired"
    assert counts(found) == {"train": 12, "validation": 2, "test": 3}
    assert "pairs (A/ and B/)" in found.description
    assert found.parts["train"].examples[10] == ("A/train/10.jpg", "B/train/10.png")
    pair = found.parts["train"].read(0)
    assert np.abs(pair["input"].astype(int) - (250, 0, 0)).max() <= 3
    assert (pair["target"] == (0, 0, 250)).all()


def test_class_folders_are_labels(tmp_path):
    root = tmp_path / "set"
    for number, name in enumerate(["10", "9", "zebra", "ant"]):
        draw_all(root, numbered(f"train/{name}", 3), colour=(number, 0, 9))
        draw_all(root, numbered(f"test/{name}", 1), colour=(number, 0, 9))
    found = open_folder(root, SMALL)
    assert found.kind == "labelled"
    assert found.class_names == ("9", "10", "ant", "zebra")
    assert counts(found) == {"train": 12, "test": 4}
    assert found.description == ("set: labelled images of 4 classes, 12 train, 4 test, 3 channels")
    example = found.parts["train"].read(0)
    assert example["label"].dtype == np.int32
    colour_of_label = {1: 0, 0: 1, 3: 2, 2: 3}  # "9" was drawn second, and so on
    for source in found.parts.values():
        for i in range(len(source)):
            example = source.read(i)
            assert example["image"][0, 0, 0] == colour_of_label[int(example["label"])]


def test_class_folders_without_parts_give_up_a_test_part(tmp_path):
    draw_all(tmp_path, numbered("cat", 60) + numbered("dog", 60))
    found = open_folder(tmp_path, SMALL)
    assert set(found.parts) == {"train", "test"}
    assert 3 <= len(found.parts["test"]) <= 25
    assert sum(counts(found).values()) == 120
    assert found.description.endswith("3 channels; test held out of train by name (10%)")


def test_vehicle_named_train_is_a_class(tmp_path):
    draw_all(tmp_path, [n for c in ("bus", "car", "train") for n in numbered(c, 3)])
    assert open_folder(tmp_path, SMALL).class_names == ("bus", "car", "train")


def test_plain_images_are_found_and_sorted_naturally(tmp_path):
    root = draw_all(tmp_path / "set", [f"img{i}.png" for i in range(12)])
    found = open_folder(root, SMALL)
    assert found.kind == "images"
    names = sorted(
        found.parts["train"].names + found.parts["test"].names, key=lambda n: int(n[3:-4])
    )
    assert names == [f"img{i}.png" for i in range(12)]
    train = found.parts["train"].names
    assert list(train) == [n for n in names if n in train]


def test_plain_images_in_parts_keep_their_parts(tmp_path):
    draw_all(tmp_path, numbered("train/images", 4) + numbered("test/images", 3))
    found = open_folder(tmp_path, SMALL)
    assert found.kind == "images"
    assert counts(found) == {"train": 4, "test": 3}


def test_wrapping_folders_are_looked_through(tmp_path):
    draw_all(tmp_path, numbered("one/two/trainA", 2) + numbered("one/two/trainB", 2))
    (tmp_path / "__MACOSX" / "one").mkdir(parents=True)
    draw(tmp_path / "__MACOSX/one/._0.png")
    (tmp_path / "one" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "one" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("hello")
    found = open_folder(tmp_path, SMALL)
    assert counts(found) == {"train_a": 2, "train_b": 2}
    assert found.description.endswith("3 channels; 1 file of other types left out")


def test_images_outside_the_parts_are_mentioned(tmp_path):
    draw_all(tmp_path, ["cover.png", *numbered("train", 4), *numbered("test", 2)])
    draw_all(tmp_path, numbered("extra", 3))
    found = open_folder(tmp_path, SMALL)
    assert counts(found) == {"train": 4, "test": 2}
    assert found.description.endswith("; 4 images elsewhere left out")


def test_mixed_sizes_and_kinds_are_brought_to_one(tmp_path):
    draw(tmp_path / "a.png", size=(30, 20))
    draw(tmp_path / "b.jpg", size=(7, 90))
    draw(tmp_path / "c.bmp", colour=77)
    draw(tmp_path / "d.png", size=(12, 12))
    images = ImageFormat((8, 8), (10, 12))
    found = open_folder(tmp_path, images)
    train, test = found.parts["train"], found.parts["test"]
    assert {train.read(i)["image"].shape for i in range(len(train))} == {(10, 12, 3)}
    assert test.read(0)["image"].shape == (8, 8, 3)


def test_channels_follow_the_images_unless_given(tmp_path):
    draw_all(tmp_path / "grey", numbered("x", 4), colour=90)
    draw_all(tmp_path / "grey", ["x/z.png"], colour=(90, 90, 90))
    found = open_folder(tmp_path / "grey", SMALL)
    assert found.parts["train"].read(0)["image"].shape == (8, 8, 1)
    assert ", 1 channel;" in found.description
    found = open_folder(tmp_path / "grey", ImageFormat((8, 8), (8, 8), channels=4))
    assert found.parts["train"].read(0)["image"].shape == (8, 8, 4)


# Held-out parts.


def test_held_out_part_is_stable_when_files_are_added(tmp_path):
    root = draw_all(tmp_path, [f"{i:03}.png" for i in range(80)], size=(2, 2))
    before = open_folder(root, SMALL).parts
    for i in range(80, 130):
        shutil.copy(root / "000.png", root / f"{i:03}.png")
    after = open_folder(root, SMALL).parts
    for part in ("train", "test"):
        assert set(before[part].names) <= set(after[part].names)
    assert not set(after["train"].names) & set(after["test"].names)


def test_wrapping_and_packing_do_not_move_images_between_parts(tmp_path):
    root = draw_all(tmp_path / "x", [f"{i:03}.png" for i in range(60)], size=(2, 2))
    plain = set(open_folder(root, SMALL).parts["test"].names)
    packed = open_folder(pack(root, tmp_path / "x.zip", "wrap/"), SMALL).parts["test"].names
    assert {name.removeprefix("wrap/") for name in packed} == plain


def plan(names, **options):
    return layouts.find_layout(names, lambda name: (10, 20), **options)


def test_shares_of_held_out_parts():
    names = [f"train/{i}.png" for i in range(4000)]
    found = plan(names).parts
    assert {part: len(entries) > 0 for part, entries in found.items()} == {
        "train": True,
        "validation": True,
        "test": True,
    }
    # Five standard deviations of a binomial count around 10 % and 5 % of 4000.
    assert abs(len(found["test"]) - 400) < 5 * (4000 * 0.1 * 0.9) ** 0.5
    assert abs(len(found["validation"]) - 200) < 5 * (4000 * 0.05 * 0.95) ** 0.5
    assert sum(map(len, found.values())) == 4000


@pytest.mark.parametrize("count", range(2, 31))
def test_small_sets_keep_a_image_in_each_part(count):
    found = plan([f"train/{i}.png" for i in range(count)]).parts
    assert len(found["train"]) >= 1
    assert len(found["test"]) >= 1
    assert count < 10 or len(found["validation"]) >= 1
    assert sum(map(len, found.values())) == count


def test_one_image_stays_to_train_on():
    held = [n for n in (f"{i}.png" for i in range(200)) if splits.name_share(n) < 0.1][:3]
    found = plan(held).parts
    assert len(found["train"]) == 1
    assert len(found["test"]) == 2


def test_smallest_hash_is_held_out_where_none_calls_for_it():
    kept = [n for n in (f"{i}.png" for i in range(30)) if splits.name_share(n) > 0.1][:9]
    found = plan(kept).parts
    assert [entry.inner for entry in found["test"]] == [min(kept, key=splits.name_share)]


def test_single_class_is_labelled_if_the_user_says_so():
    names = [f"wrap/cat/{i}.png" for i in range(5)]
    assert plan(names).name == "images"
    assert plan(names, wanted="labelled").class_names == ("cat",)


def test_only_pairs_give_up_a_validation_part():
    names = [f"train/{i}.png" for i in range(200)] + [f"test/{i}.png" for i in range(9)]
    assert set(plan(names).parts) == {"train", "validation", "test"}
    assert len(plan(names).parts["test"]) == 9
    assert set(plan(names, wanted="images").parts) == {"train", "test"}


def test_given_validation_part_is_kept():
    names = [f"train/{i}.png" for i in range(50)] + [f"valid/{i}.png" for i in range(7)]
    found = plan(names)
    assert len(found.parts["validation"]) == 7
    assert "test held out of train by name (10%)" in found.notes


def test_sample_is_spread_and_small():
    asked = []

    def size_of(name):
        asked.append(name)
        return 10, 20

    layouts.find_layout([f"train/{i}.png" for i in range(5000)], size_of)
    assert len(asked) == 16
    assert asked[0] == "train/0.png"
    assert asked[-1] == "train/4999.png"


def test_very_long_numbers_can_be_sorted():
    digits = "9" * 5000
    assert files.natural_key(f"a{digits}") > files.natural_key("a10")
    assert sorted(["b10", "b9", "b010", "a"], key=files.natural_key) == ["a", "b9", "b010", "b10"]


# Zips.


def test_zip_reads_like_the_folder_from_many_threads(tmp_path):
    rng = np.random.default_rng(5)
    root = tmp_path / "set"
    root.mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(root / f"{i}.png")
    plain = open_folder(root, SMALL).parts["train"]
    packed = open_folder(pack(root, tmp_path / "set.zip"), SMALL)
    assert packed.name == "set"
    source = packed.parts["train"]
    order = rng.integers(0, len(source), 400).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(source.read, order))
    for i, example in zip(order, found, strict=True):
        np.testing.assert_array_equal(example["image"], plain.read(i)["image"])


@pytest.mark.parametrize("packed", [False, True])
def test_sources_can_be_pickled_while_open(tmp_path, packed):
    path = draw_all(tmp_path / "set", numbered("x", 5))
    if packed:
        path = pack(path, tmp_path / "set.zip")
    source = open_folder(path, SMALL).parts["train"]
    source.read(0)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(1)["image"], source.read(1)["image"])


def test_zip_with_backslashes_is_read(tmp_path):
    root = draw_all(tmp_path / "set", numbered("x", 3))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for i in range(3):
            for folder in ("trainA", "trainB"):
                info = zipfile.ZipInfo("slash")
                info.filename = f"{folder}\\{i}.png"
                archive.writestr(info, (root / f"x/{i}.png").read_bytes())
    found = open_folder(tmp_path / "set.zip", SMALL)
    assert counts(found) == {"train_a": 3, "train_b": 3}
    assert found.parts["train_b"].read(2)["image"].shape == (8, 8, 3)


def test_zip_names_may_begin_with_a_dot(tmp_path):
    path = pack(
        draw_all(tmp_path / "set", numbered("trainA", 3) + numbered("trainB", 3)),
        tmp_path / "set.zip",
        "./",
    )
    assert counts(open_folder(path, SMALL)) == {"train_a": 3, "train_b": 3}


@pytest.mark.parametrize("name", ["../up.png", "/root.png", "a/../../b.png", "C:\\x.png", "..\\y"])
def test_zip_members_outside_of_the_zip_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"data")
    line = refusal(tmp_path / "bad.zip")
    assert "bad.zip/" in line
    assert "is outside of the zip" in line


def test_links_and_secrets_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        info = zipfile.ZipInfo("x.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, b"/etc/hostname")
    assert "link.zip/x.png: a link" in refusal(tmp_path / "link.zip")
    data = bytearray(pack(draw_all(tmp_path / "s", ["a.png"]), tmp_path / "s.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted member
    (tmp_path / "s.zip").write_bytes(data)
    assert "s.zip/a.png: encrypted" in refusal(tmp_path / "s.zip")


def test_zip_member_that_unpacks_to_too_much_is_refused(tmp_path):
    data = bytearray(pack(draw_all(tmp_path / "s", ["a.png"]), tmp_path / "s.zip").read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (2**31).to_bytes(4, "little")
    (tmp_path / "s.zip").write_bytes(data)
    assert "s.zip/a.png: more than 256 MiB" in refusal(tmp_path / "s.zip")


def test_broken_zip_is_named(tmp_path):
    path = pack(draw_all(tmp_path / "s", numbered("x", 5)), tmp_path / "s.zip")
    path.write_bytes(path.read_bytes()[:-40])
    assert "s.zip: not a whole zip file" in refusal(path)
    (tmp_path / "notes.txt").write_text("no zip")
    assert "notes.txt: not a whole zip file" in refusal(tmp_path / "notes.txt")


def test_empty_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    line = refusal(tmp_path / "none.zip")
    assert line.startswith(f"--dataset={tmp_path}/none.zip: contains no images (0 other files)")


def test_damaged_zip_member_is_named_when_read(tmp_path):
    path = pack(draw_all(tmp_path / "s", numbered("x", 3)), tmp_path / "s.zip")
    data = bytearray(path.read_bytes())
    for at in range(len(data)):
        if data[at : at + 4] == b"IDAT":
            data[at + 6] ^= 255
    path.write_bytes(data)
    source = open_folder(path, ImageFormat((8, 8), (8, 8), 3)).parts["train"]
    with pytest.raises(UserError, match=r"s.zip/x/\d.png: cannot be unpacked \(Bad CRC-32"):
        source.read(0)


# Links and damaged files.


def test_links_out_of_the_folder_are_refused(tmp_path):
    root = draw_all(tmp_path / "set", numbered("x", 3))
    draw(tmp_path / "set-secret" / "a.png")
    (root / "x" / "link.png").symlink_to(tmp_path / "set-secret" / "a.png")
    line = refusal(root)
    assert line.startswith(f"{root}/x/link.png: a link that leads out of the folder; right")
    (root / "x" / "link.png").unlink()
    (root / "more").symlink_to(tmp_path / "set-secret")
    assert "set/more: a link that leads out" in refusal(root)


def test_links_within_the_folder_are_followed(tmp_path):
    root = draw_all(tmp_path / "real", numbered("trainA", 3))
    (root / "trainB").symlink_to(root / "trainA")
    (root / "trainA" / "9.png").symlink_to("0.png")
    (root / "trainA" / "loop").symlink_to(root)
    (tmp_path / "door").symlink_to(root)
    found = open_folder(tmp_path / "door", SMALL)
    assert found.name == "door"
    assert counts(found)["train_a"] == counts(found)["train_b"] >= 4


def test_link_to_nothing_is_named_when_read(tmp_path):
    root = draw_all(tmp_path, ["a.png", "b.png"])
    (root / "c.png").symlink_to("gone.png")
    parts = open_folder(root, SMALL).parts
    with pytest.raises(UserError, match=r"c.png: cannot be read \(No such file"):
        for source in parts.values():
            for i in range(len(source)):
                source.read(i)


def test_damaged_image_is_named_when_read(tmp_path):
    root = draw_all(tmp_path, [f"{i}.png" for i in range(20)], colour=90)
    (root / "7.png").write_bytes((root / "7.png").read_bytes()[:50])
    (root / "8.png").write_bytes(b"")
    parts = open_folder(root, SMALL).parts.values()
    for name, reason in [("7.png", "damaged or cut off"), ("8.png", "the file is empty")]:
        source = next(part for part in parts if name in part.names)
        with pytest.raises(UserError) as caught:
            source.read(source.names.index(name))
        assert str(caught.value).startswith(f"{root}/{name}: ")
        assert reason in str(caught.value)


def test_folder_of_damaged_images_only_is_refused(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(b"no image")
    assert ".png: not an image that can be read" in refusal(tmp_path)


# Label maps.


def save_pairs(root, suffix, colours, count=4):
    rng = np.random.default_rng(3)
    for part in ("train", "test"):
        for i in range(count):
            photo = rng.integers(0, 256, (24, 24, 3), np.uint8)
            labels = np.asarray(colours, np.uint8)[rng.integers(0, len(colours), (24, 24))]
            (root / part).mkdir(parents=True, exist_ok=True)
            pair = Image.fromarray(np.concatenate([photo, labels], 1))
            pair.save(root / part / f"{i}{suffix}")
    return root


def test_lossless_label_map_gives_its_own_palette(tmp_path):
    colours = [(255, 0, 0), (0, 128, 0), (5, 5, 250)]
    root = save_pairs(tmp_path, ".png", colours)
    found = open_folder(root, SMALL)
    assert found.palette.dtype == np.uint8
    np.testing.assert_array_equal(found.palette, sorted(colours))
    assert found.palette_side == "target"
    assert found.description.endswith("the target is a label map of 3 colours")
    pair = found.parts["train"].read(0)
    assert {tuple(c) for c in pair["target"].reshape(-1, 3)} <= set(colours)
    assert len(np.unique(pair["input"].reshape(-1, 3), axis=0)) > 32
    turned = open_folder(root, SMALL, direction="BtoA")
    assert turned.palette_side == "input"
    assert {tuple(c) for c in turned.parts["train"].read(0)["input"].reshape(-1, 3)} <= set(colours)


@pytest.mark.parametrize(
    ("suffix", "arguments", "sharp"),
    [
        (".png", {"as_in_pairs": True}, True),
        (".png", {}, False),
        (".jpg", {"as_in_pairs": True}, False),
        (".jpg", {"as_in_pairs": True, "palette": [(0, 0, 0), (255, 255, 255)]}, True),
    ],
)
def test_single_label_maps_stay_sharp_where_they_are_read_as_in_pairs(
    tmp_path, suffix, arguments, sharp
):
    labels = np.zeros((64, 64, 3), np.uint8)
    labels[:, 30:] = 255
    Image.fromarray(labels).save(tmp_path / f"0{suffix}", quality=100, subsampling=0)
    wanted = ImageFormat((7, 7), (7, 7), 3)  # an edge at pixel 3.3
    read = open_images(tmp_path, wanted, **arguments).read(0)["image"]
    between = (read > 20) & (read < 235)
    assert between.any() != sharp


def test_lossy_pairs_have_no_palette_of_their_own(tmp_path):
    root = save_pairs(tmp_path, ".jpg", [(255, 0, 0), (0, 128, 0)])
    found = open_folder(root, SMALL)
    assert found.palette is None
    assert found.palette_side is None


def test_flat_jpeg_colours_are_not_taken_for_labels(tmp_path):
    for name in numbered("train", 4, ".jpg") + numbered("test", 2, ".jpg"):
        draw(tmp_path / name, (0, 0, 0), (64, 32))
        image = Image.open(tmp_path / name)
        image.paste((255, 255, 255), (16, 0, 64, 32))
        image.paste((0, 0, 0), (48, 0, 64, 32))
        image.save(tmp_path / name)
        assert len(np.unique(np.asarray(Image.open(tmp_path / name)))) == 2
    assert open_folder(tmp_path, SMALL).parts["train"].nearest == (False, False)
    for file in tmp_path.rglob("*.jpg"):
        Image.open(file).crop((0, 0, 64, 32)).save(file.with_suffix(".png"))
        file.unlink()
    found = open_folder(tmp_path, SMALL)
    # Both sides are label maps now: each is kept sharp, and neither is the collection's.
    assert found.palette_side is None
    assert found.parts["train"].nearest == (True, True)


@pytest.mark.parametrize("mirrored", [False, True])
def test_side_that_fits_the_palette_best_is_the_label_map(tmp_path, mirrored):
    rng = np.random.default_rng(2)
    for name in numbered("train", 4) + numbered("test", 2):
        left = np.zeros((32, 32, 3), np.uint8)
        left[0] = 200  # 31 of 32 rows are near black, for all that it is a photograph by night
        right = np.array([[0, 0, 0], [250, 0, 0]], np.uint8)[rng.integers(0, 2, (32, 32))]
        draw(tmp_path / name)
        sides = [right, left] if mirrored else [left, right]
        Image.fromarray(np.concatenate(sides, 1)).save(tmp_path / name)
    palette = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)
    found = open_folder(tmp_path, SMALL, palette=palette)
    assert found.palette_side == ("input" if mirrored else "target")
    assert found.parts["train"].nearest == (mirrored, not mirrored)


def test_given_palette_that_fits_neither_side_is_dropped(tmp_path):
    root = save_pairs(tmp_path, ".jpg", [(255, 0, 0), (0, 255, 0)])
    found = open_folder(root, SMALL, palette=np.array([[0, 0, 255], [9, 9, 9]], np.uint8))
    assert found.palette is None
    assert found.palette_side is None
    assert "neither side has the colours of the palette" in found.description


def test_label_maps_in_their_own_files_are_kept_sharp(tmp_path):
    rng = np.random.default_rng(1)
    for i in range(6):
        for side in "AB":
            (tmp_path / side / "train").mkdir(parents=True, exist_ok=True)
        photo = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
        photo.save(tmp_path / f"A/train/{i}.jpg")
        labels = Image.fromarray(rng.integers(0, 3, (24, 24), np.uint8)).convert("P")
        labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        labels.save(tmp_path / f"B/train/{i}.png")
    found = open_folder(tmp_path, SMALL)
    assert found.palette_side == "target"
    np.testing.assert_array_equal(found.palette, [[0, 0, 0], [0, 128, 0], [128, 0, 0]])


# What a user can get wrong.


def test_missing_path_is_named(tmp_path):
    line = refusal(tmp_path / "nowhere")
    assert line.startswith(f"--dataset={tmp_path}/nowhere: no such folder or file")


def test_folder_without_images_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert "contains no images (1 other file); right would be" in refusal(tmp_path)


def test_single_image_is_refused(tmp_path):
    draw(tmp_path / "a.png")
    assert "only one image to train on" in refusal(tmp_path)


def test_one_half_of_an_unpaired_set_is_refused(tmp_path):
    draw_all(tmp_path, numbered("trainA", 3))
    assert "has trainA/ with images; right would be both trainA/ and trainB/" in refusal(tmp_path)
    draw_all(tmp_path, numbered("trainB", 3) + numbered("testB", 1))
    assert "has testB/ with images; right would be both testA/ and testB/" in refusal(tmp_path)


def test_unequal_names_in_a_and_b_are_refused(tmp_path):
    draw_all(tmp_path, numbered("A/train", 3) + numbered("B/train", 5))
    line = refusal(tmp_path)
    assert "3 is in B/ but not in A/, part train (2 such images)" in line
    assert "right would be equal names" in line


def test_two_images_of_one_name_on_one_side_are_refused(tmp_path):
    draw_all(tmp_path, [*numbered("A/train", 3), *numbered("B/train", 3), "B/train/1.jpg"])
    assert "B/train/1.jpg" in refusal(tmp_path)


def test_class_folder_without_images_is_refused(tmp_path):
    root = draw_all(tmp_path / "set", numbered("cat", 3) + numbered("dog", 3))
    (root / "eel").mkdir()
    assert "class folder eel/ has no images" in refusal(root)
    (root / "eel" / "notes.txt").write_text("x")
    assert "class folder eel/ has no images" in refusal(root)
    assert "eel/ has no images" in refusal(pack(root, tmp_path / "set.zip", "w/"))


def test_class_of_the_test_part_alone_is_refused(tmp_path):
    draw_all(tmp_path, numbered("train/cat", 3) + numbered("train/dog", 3))
    draw_all(tmp_path, numbered("test/cat", 3) + numbered("test/fox", 3))
    assert "class fox is in test but not in train" in refusal(tmp_path)


def test_images_in_and_beside_folders_need_a_layout(tmp_path):
    draw_all(tmp_path, ["x.png", *numbered("cat", 3), *numbered("dog", 3)])
    assert "right would be --layout=labelled" in refusal(tmp_path)
    labelled = open_folder(tmp_path, SMALL, layout="labelled")
    assert sum(counts(labelled).values()) == 6
    assert "1 image elsewhere left out" in labelled.description
    images = open_folder(tmp_path, SMALL, layout="images")
    assert sum(counts(images).values()) == 7


def test_test_part_without_train_part_is_refused(tmp_path):
    draw_all(tmp_path, numbered("test", 3) + numbered("val", 3))
    assert "but no train/; right would be both" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        ("unpaired", "has neither trainA/ nor trainB/"),
        ("paired_folders", "has no A/ with images"),
        ("labelled", "has no class folders with images"),
        ("circles", "--layout=circles: unknown"),
    ],
)
def test_layout_that_is_not_there_is_refused(tmp_path, layout, complaint):
    draw_all(tmp_path, ["a.png", "b.png"])
    assert complaint in refusal(tmp_path, layout=layout)


def test_unknown_direction_is_refused(tmp_path):
    draw_all(tmp_path, ["a.png", "b.png"])
    assert refusal(tmp_path, direction="AtoC").startswith("--direction=AtoC: unknown")


def test_odd_names_stay_in_one_line(tmp_path):
    draw_all(tmp_path, ["A/train/two\nlines.png", "A/train/b.png", "B/train/b.png"])
    assert "two\\nlines" in refusal(tmp_path)


# Images to translate.


def input_refusal(path):
    with pytest.raises(UserError) as caught:
        open_images(path, ImageFormat((8, 8), (8, 8), 3))
    line = str(caught.value)
    assert "\n" not in line
    assert "right would" in line
    assert "--dataset" not in line
    return line


def test_every_image_is_opened_whatever_the_layout(tmp_path):
    root = draw_all(tmp_path / "set", ["a10.png", "a9.JPG", "trainA/x.png", "test/deep/er/y.bmp"])
    (root / "notes.txt").write_text("x")
    (root / "__MACOSX").mkdir()
    draw(root / "__MACOSX" / "a.png")
    draw(root / ".hidden.png")
    names = ["a9.JPG", "a10.png", "test/deep/er/y.bmp", "trainA/x.png"]
    for path in (root, pack(root, tmp_path / "set.zip")):
        assert list(open_images(path, ImageFormat((8, 8), (8, 8), 3)).names) == names


def test_single_image_can_be_opened_for_translation(tmp_path):
    draw(tmp_path / "one.png", (200, 100, 50), size=(16, 8))
    found = open_images(tmp_path, ImageFormat((4, 6), (40, 60), 3))
    assert len(found) == 1
    example = found.read(0)
    assert set(example) == {"image"}
    # Of the two sizes it is the one that networks see, not the one that training crops from.
    assert example["image"].shape == (4, 6, 3)
    assert (example["image"] == (200, 100, 50)).all()


def test_opened_images_have_the_channels_and_the_fit_asked_for(tmp_path):
    draw(tmp_path / "one.png", (200, 100, 50), size=(8, 8))
    image = Image.open(tmp_path / "one.png")
    image.paste((0, 0, 0), (0, 0, 8, 2))
    image.save(tmp_path / "one.png")
    cut = open_images(tmp_path, ImageFormat((4, 8), (4, 8), 1, "crop")).read(0)["image"]
    assert cut.shape == (4, 8, 1)
    assert (cut == 124).all()  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    stretched = open_images(tmp_path, ImageFormat((4, 8), (4, 8), 1)).read(0)["image"]
    assert stretched[0, 0, 0] < 50


def test_missing_or_empty_input_is_named(tmp_path):
    line = input_refusal(tmp_path / "nowhere")
    assert line.startswith(f"--input={tmp_path}/nowhere: no such folder or file")
    (tmp_path / "notes.txt").write_text("x")
    assert input_refusal(tmp_path).startswith(f"--input={tmp_path}: contains no images")
    assert "notes.txt: not a whole zip file" in input_refusal(tmp_path / "notes.txt")


def test_unreadable_folder_names_the_flag_it_came_from(tmp_path, monkeypatch):
    root = draw_all(tmp_path / "set", numbered("cat", 3))
    scandir = files.os.scandir

    def refuse(path):
        if str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    reason = f"{root}/cat cannot be read (Permission denied)"
    assert input_refusal(root).startswith(f"--input={root}: {reason}")
    assert refusal(root).startswith(f"--dataset={root}: {reason}")


def test_damaged_image_is_named_when_it_is_read(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    draw(tmp_path / "good.png")
    found = open_images(tmp_path, ImageFormat((8, 8), (8, 8), 3))
    found.read(1)
    with pytest.raises(UserError, match="bad.png: not an image"):
        found.read(0)


# The real sets.


@needs("camvid_pairs/camvid_pairs_128.zip")
def test_camvid_pairs_are_found_with_their_label_map():
    path = SHARED / "camvid_pairs" / "camvid_pairs_128.zip"
    images = ImageFormat((64, 64), (128, 128))
    found = open_folder(path, images, palette=CAMVID_PALETTE)
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
    turned = open_folder(path, images, palette=CAMVID_PALETTE, direction="BtoA")
    assert turned.palette_side == "input"


@needs("cifar10/cifar10_12k.zip")
def test_cifar_is_labelled():
    found = open_folder(SHARED / "cifar10" / "cifar10_12k.zip", ImageFormat((32, 32), (32, 32)))
    assert found.kind == "labelled"
    assert counts(found) == {"train": 10_000, "test": 2_000}
    assert found.class_names == (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    train = found.parts["train"]
    # By class, then by number, so that 999 is the last airplane and 1000 the first automobile.
    assert [int(train.read(i)["label"]) for i in (0, 999, 1000, 9999)] == [0, 0, 1, 9]
    assert train.read(0)["image"].shape == (32, 32, 3)


@needs("day2dusk/day2dusk_128.zip")
def test_day2dusk_is_unpaired():
    path = SHARED / "day2dusk" / "day2dusk_128.zip"
    found = open_folder(path, ImageFormat((128, 128), (128, 128)))
    assert found.kind == "unpaired"
    assert counts(found) == {"train_a": 300, "train_b": 200, "test_a": 60, "test_b": 48}

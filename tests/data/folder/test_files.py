"""Files of folders and zips: the same from both, and what is refused."""

import concurrent.futures
import pickle
import zipfile

import numpy as np
import pytest

from kgan.data.folder import files
from kgan.data.folder.files import image_names, open_files
from kgan.data.folder.reading import open_folder
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL, counts, numbered, pack, save, save_all


def refusal(path, read=False):
    """Opens, and perhaps reads, what cannot be opened or read; returns the message."""
    with pytest.raises(UserError) as caught:
        found, names = open_files(path, "--images")
        for name in names if read else ():
            found.read(name)
    line = str(caught.value)
    assert "\n" not in line and "right would" in line
    return line


def zip_of(path, *members, data=b"data", **attributes):
    """Writes a zip of members with names as they are given, and with attributes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return path


def test_names_have_a_natural_order():
    digits = "9" * 5000
    assert files.natural_key(f"a{digits}") > files.natural_key("a10")
    assert sorted(["b10", "b9", "b010", "a"], key=files.natural_key) == ["a", "b9", "b010", "b10"]


def test_hidden_files_and_those_of_operating_systems_are_no_images():
    names = ["a10.png", "a9.JPG", "x/.b.png", "__MACOSX/c.png", "Thumbs.db", "d.txt", "x/e.tif"]
    assert image_names(names) == ["a9.JPG", "a10.png", "x/e.tif"]


# Zips.


def test_zip_reads_like_the_folder_from_many_threads_and_after_pickling(tmp_path):
    rng = np.random.default_rng(5)
    for i in range(40):
        save(tmp_path / "set" / f"{i}.png", rng.integers(0, 256, (9, 9, 3), np.uint8))
    plain = open_folder(tmp_path / "set", SMALL).parts["train"]
    packed = open_folder(pack(tmp_path / "set", tmp_path / "set.zip"), SMALL)
    assert packed.name == "set"
    source = packed.parts["train"]
    order = rng.integers(0, len(source), 400).tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(source.read, order))
    for i, example in zip(order, found, strict=True):
        np.testing.assert_array_equal(example["image"], plain.read(i)["image"])
    for opened in (plain, source):
        copy = pickle.loads(pickle.dumps(opened))
        np.testing.assert_array_equal(copy.read(1)["image"], plain.read(1)["image"])


@pytest.mark.parametrize("form", ["{}\\{}.png", "./{}/{}.png"])
def test_zip_names_may_have_backslashes_or_begin_with_a_dot(tmp_path, form):
    data = save_all(tmp_path, ["a.png"]).joinpath("a.png").read_bytes()
    names = [form.format(folder, i) for folder in ("trainA", "trainB") for i in range(3)]
    found = open_folder(zip_of(tmp_path / "set.zip", *names, data=data), SMALL)
    assert counts(found) == {"train_a": 3, "train_b": 3}
    assert found.parts["train_b"].read(2)["image"].shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["../up.png", "/root.png", "a/../../b.png", "C:\\x.png", "..\\y"])
def test_zip_members_outside_of_the_zip_are_refused(tmp_path, name):
    line = refusal(zip_of(tmp_path / "bad.zip", name))
    assert "bad.zip/" in line and "is outside of the zip" in line


def patched(path, offset, value):
    """Overwrites bytes of the first entry in a zip's directory."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)


def test_links_encryption_and_large_members_of_a_zip_are_refused(tmp_path):
    path = zip_of(tmp_path / "s.zip", "x.png", external_attr=0o120777 << 16)
    assert "s.zip/x.png: a link" in refusal(path)
    patched(zip_of(path, "x.png"), 8, b"\x01")  # the flag of an encrypted member
    assert "s.zip/x.png: encrypted" in refusal(path)
    patched(zip_of(path, "x.png"), 24, (2**31).to_bytes(4, "little"))
    assert "s.zip/x.png: more than 256 MiB" in refusal(path)
    assert "unusual compression" in refusal(zip_of(path, "x.png", compress_type=zipfile.ZIP_LZMA))


def test_broken_zip_is_named(tmp_path):
    path = zip_of(tmp_path / "s.zip", *numbered("x", 5))
    path.write_bytes(path.read_bytes()[:-40])
    assert "s.zip: not a whole zip file" in refusal(path)
    (tmp_path / "notes.txt").write_text("no zip")
    assert "notes.txt: not a whole zip file" in refusal(tmp_path / "notes.txt")
    (tmp_path / "photo.JPG").write_bytes(b"")
    assert "photo.JPG: is a single image; right would be" in refusal(tmp_path / "photo.JPG")


def test_damaged_zip_member_is_named_when_read(tmp_path):
    path = zip_of(tmp_path / "s.zip", "x/0.png", data=b"some data")
    path.write_bytes(path.read_bytes().replace(b"some data", b"same data"))
    assert "s.zip/x/0.png: cannot be unpacked (Bad CRC-32" in refusal(path, read=True)


# Folders.


def test_missing_path_is_named(tmp_path):
    line = refusal(tmp_path / "nowhere")
    assert line.startswith(f"--images={tmp_path}/nowhere: no such folder or file")


def test_links_out_of_the_folder_are_followed(tmp_path):
    root = save_all(tmp_path / "set", numbered("x", 3))
    save_all(tmp_path / "elsewhere", [*numbered("y", 2), "a.png"])
    (root / "x" / "link.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (root / "more").symlink_to("../elsewhere/y")
    opened, names = open_files(root, "--images")
    assert image_names(names) == ["more/0.png", "more/1.png", *numbered("x", 3), "x/link.png"]
    assert opened.read("more/1.png") and opened.notes == []


def test_links_in_circles_end_and_are_named(tmp_path):
    root = save_all(tmp_path / "set", [*numbered("a", 2), *numbered("b", 1)])
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "b").symlink_to("../b")
    (root / "b" / "a").symlink_to("../a")
    (root / "self").symlink_to("self.png")
    (root / "self.png").symlink_to("self")
    with pytest.raises(UserError, match="set/self: a link to .*does not exist"):
        open_files(root, "--images")
    (root / "self").unlink()
    opened, names = open_files(root, "--images")
    found = image_names(names)
    assert sorted(found) == sorted(
        [*numbered("a", 2), "a/b/0.png", "b/0.png", *numbered("b/a", 2), "self.png"]
    )
    assert "a/up/ is a link to a folder that contains it, left out" in opened.notes
    assert "3 files found again through links, and counted each time" in opened.notes


def test_broken_link_to_a_folder_is_refused_and_one_to_an_image_is_named_when_read(tmp_path):
    root = save_all(tmp_path / "set", numbered("cat", 3))
    (root / "cat" / "9.png").symlink_to("/nowhere/9.png")
    opened, names = open_files(root, "--images")
    assert "cat/9.png" in names and opened.size("cat/9.png") == -1
    with pytest.raises(UserError, match="a link to /nowhere/9.png, which is missing"):
        opened.read("cat/9.png")
    (root / "dog").symlink_to("/nowhere/dog")
    with pytest.raises(UserError, match="set/dog: a link to /nowhere/dog, which does not exist"):
        open_files(root, "--images")


SYSTEM_FILES = """
@eaDir/1.png@SynoEAStream.png @eaDir/1.png #recycle/1.png .AppleDouble/1.png $RECYCLE.BIN/1.png
lost+found/1.png .ipynb_checkpoints/1.png __pycache__/1.png ._1.png ~$1.png .Trash-1000/1.png
#snapshot/1.png @Recycle/1.png RECYCLER/1.png .@__thumb/1.png @tmp/1.png __MACOSX/1.png
1.png.part 1.png~ 1.png.crdownload 1.png.tmp
"""


def test_files_of_systems_and_editors_are_neither_read_nor_counted(tmp_path):
    kept = [f"x/{n}" for n in ("1.png", "part.png", "tmp/2.png", "a~b.png", "recycle/3.png")]
    kept = save_all(tmp_path, kept) and kept
    for name in (*SYSTEM_FILES.split(), "System Volume Information/1.png", "x/@eaDir/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "x/1.png").read_bytes())
    _, names = open_files(tmp_path, "--images")
    assert sorted(name for name in names if not name.endswith("/")) == sorted(kept)
    _, names = open_files(pack(tmp_path, tmp_path / "x.zip"), "--images")
    assert sorted(image_names(names)) == sorted(kept)


def test_links_within_the_folder_are_followed(tmp_path):
    root = save_all(tmp_path / "real", numbered("trainA", 3))
    (root / "trainB").symlink_to(root / "trainA")
    (root / "trainA" / "9.png").symlink_to("0.png")
    (root / "trainA" / "loop").symlink_to(root)
    (tmp_path / "door").symlink_to(root)
    found = open_folder(tmp_path / "door", SMALL)
    assert found.name == "door"
    assert counts(found)["train_a"] == counts(found)["train_b"] >= 4


def test_link_to_nothing_is_named_when_read(tmp_path):
    (tmp_path / "c.png").symlink_to("gone.png")
    assert "c.png: cannot be read (a link to gone.png, which is missing" in refusal(
        tmp_path, read=True
    )


def test_unreadable_folder_names_the_flag_it_came_from(tmp_path, monkeypatch):
    root = save_all(tmp_path / "set", numbered("cat", 3))
    scandir = files.os.scandir

    def refuse(path):
        if str(path).endswith("cat"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    expected = f"--images={root}: {root}/cat cannot be read (Permission denied)"
    assert refusal(root).startswith(expected)

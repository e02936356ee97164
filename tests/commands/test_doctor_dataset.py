"""`kgan.doctor --dataset`: what there is, what is wrong, and what a training would do."""

import shutil

import numpy as np
import pytest

from tests.data.folder.images import double, numbered, plain, save, save_all
from tests.small_runs import command


def inspect(*flags):
    """Returns the status and, by subject, the marks and details of the findings."""
    outcome = command("doctor", *flags)
    assert outcome.err == ""
    found = {}
    for line in outcome.out.splitlines():
        found.setdefault(line[6:32].strip(), []).append((line[:5].strip(), line[32:]))
    return outcome.status, found


@pytest.fixture
def pairs(tmp_path):
    """Photographs and their maps in two folders, all of other bytes."""
    for number in range(30):
        save(tmp_path / f"set/images/{number}.jpg", plain((8 * number, 9, 200), (80, 60)))
        save(tmp_path / f"set/masks/{number}.png", plain((8 * number, 0, 0), (80, 60)))
    return tmp_path / "set"


def test_sound_data_and_what_a_training_would_do(pairs):
    status, found = inspect(f"--dataset={pairs}")
    assert status == 0
    assert {mark for lines in found.values() for mark, _ in lines} == {"ok", "note"}
    assert "A = images/, B = masks/" in found["layout"][0][1]
    assert found["unreadable"] == [("ok", "none of 60 images")]
    assert found["contents A"] == [("ok", "images of 3 channels of 8 bits, levels 0 to 255")]
    assert found["contents B"] == [("ok", "label maps of 21 colours")]
    assert found["kinds"][0][1] == "30 JPEG, colour, 30 PNG, colour"
    assert found["sizes, width x height"][0][1] == "80 x 60 (60)"
    assert found["models"][0][1] == "pix2pix"
    assert found["size"][0][1].startswith("--image_size=64x96,")
    assert found["length"][0][1].startswith("--steps=20000")
    assert f"--model=pix2pix --dataset={pairs} --dry_run" in found["next"][0][1]
    assert found["few images"][0][0] == "note"


def test_damage_and_copies_between_parts_are_wrong(tmp_path):
    for number in range(12):
        save(tmp_path / f"train/{number}.png", plain((number, 0, 0), (40, 40)))
    save(tmp_path / "train/upright.png", plain((9, 9, 9), (30, 60)))
    (tmp_path / "test").mkdir()
    shutil.copy(tmp_path / "train/3.png", tmp_path / "test/other.png")
    (tmp_path / "train/cut.png").write_bytes((tmp_path / "train/4.png").read_bytes()[:60])
    status, found = inspect(f"--dataset={tmp_path}", "--model=dcgan")
    assert status == 1
    assert "train/cut.png" in found["unreadable"][0][1]
    assert found["unreadable"][1][1].startswith("1 of 15 images")
    assert "--bad_limit=0.07" in found["unreadable"][1][1]
    assert "train/3.png = test/other.png" in found["copies in two parts"][0][1]
    assert found["aspect ratios"][0][1].startswith("0.50 to 1.00")


def test_bits_ranges_and_levels_that_are_no_numbers_are_said(tmp_path):
    for number in range(12):
        save(tmp_path / f"s/A/{number}.png", np.full((8, 8), 300 * number, np.uint16))
        save(tmp_path / f"s/B/{number}.tif", np.full((8, 8), number / 4, np.float32))
    holes = np.float32([[np.nan, 1.0]])
    save(tmp_path / "s/B/5.tif", holes)
    (tmp_path / "s/A/phone.heic").write_bytes(b"no image that is read")
    status, found = inspect(f"--dataset={tmp_path}/s")
    assert status == 1
    assert found["other kinds"][0][0] == "note" and "HEIC" in found["other kinds"][0][1]
    assert found["contents A"][0][1] == "grey images of 16 bits, levels 0 to 65535"
    assert found["contents B"][0][1] == "grey images of floating point, levels 0 to 2.75"
    assert "--value_range=0,4095" in found["contents"][0][1]
    assert "B/5.tif: 1 of 2 pixels are NaN or infinite" in found["unreadable"][0][1]
    for number in range(12):
        save(tmp_path / f"s/B/{number}.tif", holes)
    _, found = inspect(f"--dataset={tmp_path}/s")
    assert found["contents"][0][0] == "WRONG" and "are NaN or inf" in found["contents"][0][1]


def test_halves_classes_and_other_kinds_of_data(tmp_path):
    for number in range(20):
        save(tmp_path / f"wide/{number}.png", double((number, 0, 0), (0, number, 0), (200, 80)))
    _, found = inspect(f"--dataset={tmp_path}/wide")
    assert found["sizes, width x height"][0][1] == "100 x 80 (20)"
    save_all(tmp_path / "classes", numbered("cat", 30) + numbered("dog", 2) + numbered("eel", 2))
    status, found = inspect(f"--dataset={tmp_path}/classes")
    ((mark, classes),) = found["classes of train"]
    assert mark == "note" and "the rarest class has less than a tenth" in classes
    assert found["copies"][0][0] == "note" and "cgan" in found["models"][0][1]
    line = command("doctor", f"--dataset={tmp_path}/classes", "--model=pix2pix").error_line
    assert "contains labelled images; --model=pix2pix needs image pairs; pairs can be" in line
    # Of two maps of each photograph it is not known which one is meant.
    for number in range(12):
        save(tmp_path / f"city/images/{number}.jpg", plain((number, 9, 200), (20, 20)))
        for mark, level in (("labelIds", number % 4), ("color", (9, 90 * (number % 2), 0))):
            save(tmp_path / f"city/gtFine/{number}_gtFine_{mark}.png", plain(level, (20, 20)))
    _, found = inspect(f"--dataset={tmp_path}/city")
    ((mark, words),) = found["not taken as pairs"]
    assert mark == "note" and "have the same name" in words and "*_color.png" in words
    assert "--sides=a,b: is for --dataset=" in command("doctor", "--sides=a,b").error_line

"""`kgan.pair`: pairs of two folders by name."""

import numpy as np
import pytest
from PIL import Image

from kgan.data.registry import open_dataset
from tests.data.folder.images import SMALL, counts, pack, plain, save
from tests.small_runs import command


@pytest.fixture
def two(tmp_path):
    """Photographs and maps whose names differ in suffix and mark; two have no partner."""
    for number in range(20):
        part = "train" if number < 15 else "test"
        save(tmp_path / f"photos/{part}/{number}.jpg", plain((9 * number, 0, 0)))
        save(tmp_path / f"maps/{part}/{number}_mask.png", plain((0, 9 * number, 0)))
    save(tmp_path / "photos/train/alone.jpg", plain())
    save(tmp_path / "maps/test/99_mask.png", plain())
    return f"--a={tmp_path}/photos", f"--b={tmp_path}/maps"


@pytest.mark.parametrize("join", [False, True])
def test_pairs_are_read_as_they_were_made(two, join, tmp_path):
    out = tmp_path / "deep" / "pairs"
    outcome = command("pair", *two, f"--out={out}", *["--join"] * join)
    assert outcome.status == 0, outcome
    assert "15 train, 5 test pairs; 2 images without a partner left out" in outcome.out
    assert "without a partner: a/train/alone.jpg" in outcome.out
    assert "without a partner: b/test/99_mask.png" in outcome.out
    dataset = open_dataset(str(out), SMALL, kind="paired")
    assert sum(counts(dataset).values()) == 20 and counts(dataset)["test"] == 5
    for pair in (dataset.parts["test"].read(index) for index in range(5)):
        first, second = (int(pair[side].max()) for side in ("input", "target"))
        assert abs(first - second) <= 3 and pair["target"][..., 0].max() <= 2
    if not join:
        assert (out / "A/train/7.jpg").read_bytes() == (
            tmp_path / "photos/train/7.jpg"
        ).read_bytes()


def test_nothing_is_overwritten_and_refusals_leave_nothing(two, tmp_path):
    out = tmp_path / "pairs"
    save(out / "mine.png", plain())
    assert (
        "exists; right would be a folder that does not"
        in command("pair", *two, f"--out={out}").error_line
    )
    assert [path.name for path in out.iterdir()] == ["mine.png"]
    before = sorted(tmp_path.rglob("*"))
    save(tmp_path / "maps/train/3_mask.png", plain((0, 0, 9), (9, 9)))
    line = command("pair", *two, f"--out={tmp_path}/new", "--join").error_line
    assert line.startswith("--join: ") and "has 8x8 pixels and" in line and "9x9" in line
    save(tmp_path / "maps/train/3_mask.png", Image.fromarray(np.zeros((8, 8), np.uint16)))
    line = command("pair", *two, f"--out={tmp_path}/new", "--join").error_line
    assert "more than 8 bits" in line
    assert sorted(tmp_path.rglob("*")) == before
    packed = pack(tmp_path / "photos", tmp_path / "photos.zip")
    other = pack(out, tmp_path / "mine.zip")
    line = command("pair", f"--a={packed}", f"--b={other}", f"--out={tmp_path}/new").error_line
    assert f"--b={other}: has no image of the same name as one of --a={packed}" in line

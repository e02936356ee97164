"""Runs whose data were moved, renamed or changed, and data sets given by relative paths."""

import os
import pathlib
import re
import shutil

import pytest
from PIL import Image
from safetensors.numpy import load_file

from kgan.runs.folder import Run
from tests.data.folder.images import pack
from tests.small_runs import GAN, command, copy_of, pairs_folder, pix2pix_run, train_in

SHORT = ("--noexport", "--noevaluate", "--strategy=none")


@pytest.fixture
def moved(tmp_path):
    """A run, and a copy of its data under another name."""
    data = pathlib.Path(shutil.copytree(pairs_folder(), tmp_path / "elsewhere" / "renamed"))
    return copy_of(pix2pix_run(), tmp_path), data


def resume(run, data, *more):
    return command("train", f"--resume={run}", f"--dataset={data}", *SHORT, *more)


def test_moved_data_are_known_by_their_content_and_kept(moved, tmp_path, monkeypatch):
    run, data = moved
    stored = Run(run).spec().content
    assert stored["train"]["count"] == 12 and set(stored) == {"train", "validation", "test"}
    monkeypatch.chdir(data.parent)
    assert resume(run, "renamed").status == 0
    assert Run(run).settings().data.dataset == str(data)
    packed = pack(data, tmp_path / "packed.zip", prefix="within/a/folder/")
    assert resume(run, packed).status == 0
    outcome = command("evaluate", f"--run={run}", f"--dataset={data}")
    assert outcome.status == 0 and "l1" in outcome.out
    (data / "test" / "0.png").rename(data / "test" / "00.png")
    line = command("generate", f"--run={run}", "--part=test", f"--dataset={data}").error_line
    assert "test images, but of other names" in line
    (data / "test" / "00.png").rename(data / "test" / "0.png")
    out = tmp_path / "translated"
    given = (f"--run={run}", f"--out={out}", f"--dataset={data}")
    assert command("generate", "--part=test", *given).status == 0
    assert len(list(out.glob("*.png"))) == 5
    assert "is for --part=" in command("generate", *given).error_line
    line = command("export", f"--run={run}", f"--dataset={data}").error_line
    assert "is for --quantize=" in line


def test_other_data_are_refused_with_the_difference(moved, tmp_path):
    run, data = moved
    before = Run(run).flags.read_bytes()
    images = sorted((data / "train").iterdir())
    Image.open(images[3]).rotate(180).save(images[3], compress_level=0)
    line = resume(run, data).error_line
    assert line.startswith(f"--dataset={data}: other images than those of the run: train images of")
    assert "files of other sizes" in line and str(pairs_folder()) in line
    assert command("evaluate", f"--run={run}", f"--dataset={data}").status == 0  # the test part is
    images[3].rename(data / "train" / "new.png")
    assert "but of other names" in resume(run, data).error_line
    (data / "train" / "new.png").unlink()
    assert "11 train images, the run has 12" in resume(run, data).error_line
    (data / "test" / "0.png").unlink()
    line = command("evaluate", f"--run={run}", f"--dataset={data}").error_line
    assert "4 test images, the run has 5" in line
    assert "digits: contains labelled images" in resume(run, "digits").error_line
    assert "not a folder or zip" in resume(run, "facades").error_line
    shutil.rmtree(data)
    assert "no such folder or file, though" in resume(run, data).error_line
    assert Run(run).flags.read_bytes() == before


def test_run_that_did_not_store_its_content_says_so(moved):
    run, data = moved
    file = run / "dataset.json"
    file.write_text(re.sub(r',\s*"content": \{.*\}\s*\}\s*$', "}", file.read_text(), flags=re.S))
    assert Run(run).spec().content is None
    outcome = resume(run, data)
    assert outcome.status == 0 and "does not say what its data were" in outcome.out


@pytest.mark.parametrize("given", [".", "~/photos/photos/.."])
def test_run_is_named_after_its_folder_and_keeps_its_path(given, tmp_path, monkeypatch):
    root = tmp_path / "photos"
    for number in range(8):
        (root / "photos").mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), 30 * number).save(root / f"{number}.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(root)
    run = Run(train_in(tmp_path, *GAN, "--batch_size=4", f"--dataset={given}", "--steps=1", *SHORT))
    assert run.name == "gan-photos"
    assert run.settings().data.dataset == str(root)
    monkeypatch.chdir(os.sep)
    assert command("train", f"--resume={run.folder}", "--steps=2", *SHORT).status == 0


def test_bookkeeping_changed_on_resume_leaves_the_weights_as_they_are(tmp_path):
    plain = ("--steps=12", "--log_every=2", "--checkpoint_every=4", "--steps_per_execution=1")
    whole = train_in(tmp_path / "whole", *GAN, *plain, *SHORT)
    half = train_in(tmp_path / "half", *GAN, *plain, "--steps=6", *SHORT)
    other = "--log_every=5 --sample_every=3 --checkpoint_every=1 --keep_checkpoints=4 --bad_limit=1"
    other += " --bad_images=fail --cache_gb=0 --max_rollbacks=0 --validate_every=2"
    outcome = command("train", f"--resume={half}", "--steps=12", *other.split(), *SHORT)
    assert outcome.status == 0, outcome
    ends = [Run(run).latest() for run in (whole, half)]
    first, second = map(load_file, ends)
    for name, array in first.items():
        assert (array == second[name]).all(), name

"""Large folders of images of all kinds through `kgan.generate`, with broken files and kills."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tests.small_runs import CYCLEGAN, command, pix2pix_run, train_in, unpaired_folder

# By number: Pillow's mode, the suffix, and how the file is written.
KINDS = (
    *(("RGB", ".jpg", {}), ("RGB", ".png", {}), ("L", ".jpg", {}), ("L", ".png", {})),
    *(("RGBA", ".png", {}), ("LA", ".png", {}), ("P", ".png", {}), ("P", ".gif", {})),
    *(("1", ".png", {}), ("I;16", ".png", {}), ("I;16", ".tif", {}), ("CMYK", ".jpg", {})),
    *(("RGB", ".webp", {}), ("RGBA", ".webp", {"lossless": True}), ("RGB", ".bmp", {})),
    *(("RGB", ".tiff", {"compression": "tiff_lzw"}), ("L", ".pgm", {}), ("RGB", ".ppm", {})),
    ("RGB", ".JPEG", {"format": "JPEG", "progressive": True}),
)
FOLDERS = ("", "holiday/", "holiday/évening/", "日本 2024/", "a.b/c d/")


def mixed_images(folder: pathlib.Path, count: int, broken: int) -> list[str]:
    """Writes images of all kinds and many sizes; returns the names of the broken ones."""
    rng = np.random.default_rng(0)
    bad = set(rng.choice(count, broken, replace=False).tolist())
    names = []
    for number in range(count):
        mode, suffix, options = KINDS[number % len(KINDS)]
        size = tuple(int(side) for side in rng.integers(1, 200, 2))
        # Two images of one stem now and then.
        stem = f"{number - number % 2 if number % 50 < 2 else number:04}"
        place = folder / f"{FOLDERS[number % len(FOLDERS)]}{stem}{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8))
        if mode == "I;16":
            image = Image.fromarray(np.asarray(noise)[..., 0].astype(np.uint16) * 257)
        else:
            image = noise.convert("L").convert(mode) if mode == "LA" else noise.convert(mode)
        image.save(place, **options)
        if number in bad:
            content = place.read_bytes()
            damaged = (b"", content[: len(content) // 3], b"no image", b"\x89PNG\r\n\x1a\n")
            place.write_bytes(damaged[len(names) % len(damaged)])
            names.append(str(place.relative_to(folder)))
    return names


def outputs(out: pathlib.Path) -> list[pathlib.Path]:
    found = (path.relative_to(out) for path in out.rglob("*.png"))
    return [path for path in found if path.parts[0] != "index_files"]


def announced(out: pathlib.Path) -> Counter:
    """Counts how often each translation was begun, from the journal."""
    lines = (out / "translations.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return Counter(line["output"] for line in found if "input" in line)


def test_images_of_all_kinds_are_translated_but_for_the_broken_ones(tmp_path):
    bad = mixed_images(tmp_path / "in", 20, 2)
    flags = f"--run={pix2pix_run()}", f"--input={tmp_path}/in", f"--out={tmp_path}/out"
    outcome = command("generate", *flags, "--bad_limit=0.1")
    assert (outcome.status, outcome.err) == (0, ""), outcome
    assert "18 written, 2 skipped: " in outcome.out
    assert len(outputs(tmp_path / "out")) == 18
    listed = (tmp_path / "out" / "skipped.txt").read_text()
    assert all(name in listed for name in bad) and listed.count("\n") == 2


@pytest.mark.slow
def test_thousand_images_with_fifty_broken_survive_three_interruptions(tmp_path):
    bad = mixed_images(tmp_path / "in", 1000, 50)
    out = tmp_path / "out"
    words = [sys.executable, "-m", "kgan.generate", f"--run={pix2pix_run()}"]
    words += [f"--input={tmp_path}/in", f"--out={out}"]
    rng = random.Random(0)
    progress = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        wanted = (len(outputs(out)) if out.exists() else 0) + rng.randint(80, 250)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(words, **pipes, preexec_fn=_hear_interrupts)
        while process.poll() is None and (not out.exists() or len(outputs(out)) < wanted):
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate()
        assert process.returncode != 0 and "Traceback" not in err, err
        progress.append(len(outputs(out)))
    times = {path: os.stat(out / path).st_mtime_ns for path in outputs(out)}
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done
    print(f"after each interruption {progress}; then: {done.stdout}")
    assert progress == sorted(progress) and progress[0] > 0
    assert f"{950 - progress[-1]} written, {progress[-1]} were there already" in done.stdout
    assert len(outputs(out)) == 950
    # None twice: what was there is the same file, and nothing was begun more than once but what
    # an interruption hit.
    assert all(os.stat(out / path).st_mtime_ns == when for path, when in times.items())
    assert sum(announced(out).values()) <= 950 + 3
    listed = (out / "skipped.txt").read_text().splitlines()
    assert len(listed) == 50 and all(any(name in line for line in listed) for name in bad)
    assert not [*out.rglob("*.writing")]


def _hear_interrupts():
    """Undoes what a shell does to the commands that it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# Prints the largest memory of a command that it runs.
MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6)
sys.exit(status)
"""


@pytest.mark.slow
def test_photo_of_twelve_million_pixels_takes_less_than_two_gigabytes(tmp_path):
    # A quarter of the layers' weights would do; the maps have their full number of channels.
    flags = [flag for flag in CYCLEGAN if not flag.startswith(("--width", "--blocks"))]
    run = train_in(
        tmp_path, *flags, "--width=64", "--blocks=9", "--steps=1", "--noexport", "--pool_size=0",
        f"--dataset={unpaired_folder()}",
    )  # fmt: skip
    rows = np.linspace(0, 255, 3000, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    photo = np.broadcast_to(rows, (3000, 4000, 3)).copy()
    photo[::7, ::5] = 255
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    words = [sys.executable, "-m", "kgan.generate", f"--run={run}", "--output_size=input"]
    words += [f"--input={tmp_path}/photo.jpg", f"--out={tmp_path}/out.png"]
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True
    )
    gigabytes = float(done.stdout.splitlines()[-1])
    print(f"{gigabytes:.2f} GB, {time.monotonic() - start:.0f} s")
    assert Image.open(tmp_path / "out.png").size == (4000, 3000)
    assert gigabytes < 2

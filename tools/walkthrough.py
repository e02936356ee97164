"""Runs the commands of the guide to own images in their order and writes their times into it.

    python -m tools.walkthrough --work=FOLDER --images=camvid_pairs_128.zip

The guide is docs/own_images.md. Its blocks marked `sh` are a user's commands, one a line. They are
executed in the folder `walk` of --work, which at first holds what the guide says: `street/photos`
and `street/maps` made of --images, and `new_maps`. A server with TensorFlow Serving's interface
answers where the guide has started that one. Ends with the first command that fails; 10 minutes on
2 cores.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from kgan.cli import entry
from kgan.cli.values import parse_palette
from kgan.data.decode import split_sides
from kgan.utils.errors import UserError
from tools import command

PAGE = "own_images"
PAIRS, NEW = 120, 12  # pairs of the walk, and maps to be translated
SERVER = "http://127.0.0.1:8501"  # in the guide; the walk has a free port
ENDPOINT = command.ROOT / "tests" / "serving" / "endpoint.py"
# Of CamVid's maps: JPEG files there, whose colours are near these, and PNG files in the walk.
PALETTE = "808080,800000,C0C080,804080,3C28DE,808000,C08080,404080,400080,404000,0080C0,000000"


def main(arguments: Sequence[str]) -> None:
    """Makes the folder, runs the commands and writes the table."""
    given = command.parse("walkthrough", arguments, ("work", "images"), work=str, images=str)
    folder = pathlib.Path(given.work) / "walk"
    if folder.exists():
        raise UserError(f"--work={given.work}: {folder} exists; right would be an empty folder")
    write_images(given.images, folder)
    found = list(commands((command.DOCS / f"{PAGE}.md").read_text()))
    rows = []
    for line in found:
        with contextlib.ExitStack() as ends:
            executed = line
            if SERVER in line:
                address = ends.enter_context(serving(folder / "saved_models"))
                executed = line.replace(SERVER, address)
            seconds = run(executed, folder)
        rows.append(command.row(f"`{line}`", f"{seconds:.0f} s"))
    about = f"On {os.cpu_count()} cores, by `python -m tools.walkthrough`:\n\n"
    command.write(PAGE, about, command.columns("command", "time"), *rows)


def commands(page: str) -> Iterator[str]:
    """Yields the commands of a page: the lines of its blocks marked `sh`."""
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def write_images(pairs: str, folder: pathlib.Path) -> None:
    """Writes photographs and label maps of CamVid's pairs as two folders, and more label maps."""
    places = {"photos": ".jpg", "maps": ".png"}
    for place in (*(f"street/{name}" for name in places), "new_maps"):
        (folder / place).mkdir(parents=True)
    palette = np.array(parse_palette("palette", PALETTE), np.int32)
    with zipfile.ZipFile(pairs) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".jpg"))
        for number, name in enumerate(names[:: len(names) // (PAIRS + NEW)][: PAIRS + NEW]):
            image = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            photo, colours = split_sides(image)
            distances = np.square(np.asarray(colours, np.int32)[..., None, :] - palette).sum(-1)
            label_map = Image.fromarray(palette[distances.argmin(-1)].astype(np.uint8))
            stem = pathlib.PurePath(name).stem
            if number < PAIRS:
                photo.save(folder / "street" / "photos" / f"{stem}.jpg", quality=95)
                label_map.save(folder / "street" / "maps" / f"{stem}.png")
            else:
                label_map.save(folder / "new_maps" / f"{stem}.png")


def run(line: str, folder: pathlib.Path) -> float:
    """Runs a command of the guide; returns its seconds."""
    print(f"$ {line}", flush=True)
    words = shlex.split(line.partition("#")[0])
    words[0] = sys.executable
    start = time.time()
    if subprocess.run(words, cwd=folder, env=environment()).returncode:
        raise UserError(f"{line}: failed; right would be a guide whose commands all work")
    return time.time() - start


def environment() -> dict[str, str]:
    """Returns the environment of the commands, in which this kgan is found."""
    return {**os.environ, "PYTHONPATH": str(command.ROOT)}


@contextlib.contextmanager
def serving(models: pathlib.Path) -> Iterator[str]:
    """Serves the highest version of each model below a folder; yields the address."""
    words = [sys.executable, str(ENDPOINT)]
    for model in sorted(path for path in models.iterdir() if path.is_dir()):
        versions = sorted(int(path.name) for path in model.iterdir() if path.name.isdigit())
        words.append(f"{model.name}={model / str(versions[-1])}")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['http']}"
        process.stdin.close()  # which ends it


if __name__ == "__main__":
    entry.run(main)

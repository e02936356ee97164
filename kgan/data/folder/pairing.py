"""Pairs made of two folders: the files of equal names, as A/ and B/ or side by side."""

import dataclasses
import os
import pathlib
import shutil
import tempfile

import numpy as np
from PIL import Image

from kgan.data import decode
from kgan.data.folder import sides as two_sides
from kgan.data.folder.files import Folder, Zip, image_names, open_files
from kgan.data.folder.sides import Entry, Sides
from kgan.utils.atomic import report_write_errors
from kgan.utils.errors import UserError, printable


@dataclasses.dataclass(frozen=True)
class Paired:
    """What was paired.

    Args:
        counts: the number of pairs by part.
        alone: the images that have no partner, such as `a/7.jpg`.

    Example:
        >>> Paired({"train": 9}, ["a/7.jpg"]).counts
        {'train': 9}
    """

    counts: dict[str, int]
    alone: list[str]


def pair_folders(a: str, b: str, out: str, join: bool = False) -> Paired:
    """Writes the images of equal names of two folders into a new one, which trainings read.

    Names may differ in their suffix and in marks such as `_mask`. Folders named train, val and test
    stay parts. Files are copied as they are; nothing is overwritten, and `out` appears when it is
    complete.

    Args:
        a: folder or zip of the images A.
        b: folder or zip of the images B.
        out: a folder that does not exist yet or is empty.
        join: writes PNG files with A on the left and B on the right instead of A/ and B/.

    Raises:
        UserError: no names are equal, `out` is in use, or sizes differ where images are joined.
    """
    files, trees, labels = {}, {}, {}
    for side, path in (("A", a), ("B", b)):
        flag = f"--{side.lower()}"
        files[side], found = open_files(path, flag)
        entries = [Entry((name,), name) for name in image_names(found)]
        if not entries:
            raise UserError(f"{flag}={printable(path)}: contains no images; right would be some")
        trees[side] = two_sides.by_part(entries)
        labels[side] = f"{flag}={printable(path)}"
    tree, _, _ = two_sides.pair_up(Sides(trees, labels, False), labels["A"])
    if not tree:
        first = next(iter(next(iter(trees["A"].values())))).inner
        raise UserError(
            f"{labels['B']}: has no image of the same name as one of {labels['A']}, such as "
            f"{printable(first)}; right would be equal names but for suffixes and marks as in "
            "1.jpg and 1_mask.png"
        )
    place = pathlib.Path(os.path.abspath(os.path.expanduser(out)))
    if os.path.lexists(place) and not (place.is_dir() and not any(place.iterdir())):
        raise UserError(f"--out={printable(out)}: exists; right would be a folder that does not")
    with report_write_errors(f"--out={printable(out)}"):
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = pathlib.Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            for part, pairs in tree.items():
                inner = "" if set(tree) == {"train"} else part
                for pair in pairs:
                    _write(files, pair, draft, inner, join)
            if place.exists():
                place.rmdir()
            draft.chmod(0o755)
            draft.rename(place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    paired = {name for pairs in tree.values() for pair in pairs for name in pair.names}
    alone = [
        f"{side.lower()}/{entry.names[0]}"
        for side in "AB"
        for entries in trees[side].values()
        for entry in entries
        if entry.names[0] not in paired
    ]
    order = ("train", "validation", "test")
    return Paired({part: len(tree[part]) for part in order if part in tree}, alone)


def _write(files: dict[str, Folder | Zip], pair: Entry, draft, inner: str, join: bool) -> None:
    sides = [(side, files[side], name) for side, name in zip("AB", pair.names, strict=True)]
    if not join:
        for side, source, name in sides:
            path = draft / side / inner / f"{pair.inner}{os.path.splitext(name)[1].lower()}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read(name))
        return
    images = [decode.decode(source.read(name), source.label(name)) for _, source, name in sides]
    labels = [source.label(name) for _, source, name in sides]
    if images[0].size != images[1].size:
        sizes = [f"{image.width}x{image.height}" for image in images]
        raise UserError(
            f"--join: {labels[0]} has {sizes[0]} pixels and {labels[1]} {sizes[1]}; right would be "
            "equal sizes, or no --join, for which sizes may differ"
        )
    modes = {image.mode for image in images}
    mode = "L" if modes <= {"1", "L"} else "RGB"
    if any(image.mode.startswith(("I", "F")) for image in images):
        raise UserError(
            f"--join: {labels[0]} or {labels[1]} has more than 8 bits, which a joined image would "
            "lose; right would be no --join"
        )
    arrays = [np.asarray(image.convert(mode)) for image in images]
    # A folder named train shows that the images are double, wherever pairs are read.
    path = draft / (inner or "train") / f"{pair.inner}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(arrays, axis=1)).save(path)

"""Data sets in folders and zips of images."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from kgan.data import decode
from kgan.data.dataset import Dataset, ImageFormat, check_direction, plural
from kgan.data.file_kinds import unread_note
from kgan.data.folder import layouts, looking
from kgan.data.folder.content import content_of
from kgan.data.folder.files import Folder, Zip, image_names, is_ignored, open_files
from kgan.data.folder.sources import ImageSource, PairSource, read_sides
from kgan.data.preparation import Preparation
from kgan.data.splits import SPLIT_RULE
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError, printable

SURVEYED = 64  # images of a part from which their size is found
_CONTENTS = {
    "images": "images",
    "labelled": "labelled images",
    "paired": "pairs (left = A, right = B)",
    "paired_folders": "pairs of two files",
    "unpaired": "unpaired images",
}


def open_folder(
    path: str | os.PathLike,
    images: ImageFormat,
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    palette: np.ndarray | Ids | None = None,
    label_encoding: str = "auto",
    value_range: tuple[float, float] | None = None,
    stored: tuple[Preparation, Preparation] | None = None,
    kind: str | None = None,
    sides: Sequence[str] | None = None,
    split_rule: int = SPLIT_RULE,
    is_domain: bool = False,
) -> Dataset:
    """Opens a folder or a zip of images and recognises its layout.

    Args:
        path: a folder or a .zip, whose members are read without unpacking it to disk.
        images: size, channels and fit of all images.
        layout: one of `layouts.LAYOUTS`; `auto`: it is recognised.
        direction: `AtoB` (A, the left half, is the input) or `BtoA`.
        palette: uint8 [K, 3], colours of the label maps on one side of pairs, or `Ids`. None: they
            are recognised by few colours, or few small levels, in files of a lossless format.
        label_encoding, value_range: see `looking.Asked`.
        stored: the preparations of inputs and targets, or of domains A and B, with which a run was
            trained; nothing is recognised then.
        kind: what the model trains on, see `layouts.find_layout`.
        sides: folders or patterns of the files of A and B, see `layouts.find_layout`.
        split_rule: see `kgan.data.splits.hold_out`.
        is_domain: whether single images are one of two domains, and label maps recognised.

    Returns:
        A data set with class names in natural order. Label maps in pairs are resized by nearest
        neighbour.
    """
    check_direction(direction)
    files, names = open_files(path, "--dataset")

    def size_of(name: str) -> tuple[int, int]:
        return decode.image_size(files.read(name), files.label(name))

    where = f"--dataset={printable(str(path))}"
    found = layouts.find_layout(names, size_of, layout, where, kind, sides, split_rule)
    asked = looking.Asked.of(
        images, palette=palette, label_encoding=label_encoding, value_range=value_range
    )
    if found.name.startswith("paired"):
        known, notes = _open_pairs(files, images, found, direction, asked, stored)
    else:
        known, notes = _open_images(files, images, found, asked, stored, is_domain)
    channels = max((p.channels for p in known["preparations"] if not p.classes), default=0)
    left_out = unread_note(name for name in names if not is_ignored(name))
    notes = [*notes, *([left_out] if left_out else [])]
    place = pathlib.Path(os.path.abspath(os.path.expanduser(path)))
    contents = _CONTENTS[found.name]
    if found.class_names:
        contents += f" of {len(found.class_names)} classes"
    counts = [
        f"{len(entries)} {part.replace('_a', ' A').replace('_b', ' B')}"
        for part, entries in found.parts.items()
    ]
    counts += [plural(channels, "channel")] if channels else []
    line = ", ".join([f"{printable(place.name)}: {contents}", *counts])
    return Dataset(
        name=place.name if place.is_dir() else place.stem,
        description="; ".join([line, *found.notes, *files.notes, *notes]),
        class_names=found.class_names,
        content=content_of(files, found.parts),
        **known,
    )


@dataclasses.dataclass(frozen=True)
class Survey:
    """What is known of a folder without decoding its images.

    Args:
        files: the folder or zip.
        layout: its layout and parts.
        sizes: (height, width) of a sample, of each half of an image of double width.
        unreadable: messages on the images of the sample whose size cannot be read.
        left_out: a note on files of kinds that are not read; empty for none.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> for name in "abc":
        ...     Image.new("L", (9, 5)).save(root / f"{name}.png")
        >>> survey_folder(root).sizes
        [(5, 9), (5, 9), (5, 9)]
    """

    files: Folder | Zip
    layout: layouts.Layout
    sizes: list[tuple[int, int]]
    unreadable: list[str]
    left_out: str


def survey_folder(
    path: str | os.PathLike,
    *,
    layout: str = "auto",
    kind: str | None = None,
    sides: Sequence[str] | None = None,
    count: int | None = SURVEYED,
) -> Survey:
    """Recognises the layout of a folder or zip and reads the sizes of some of its images.

    Args:
        path: see `open_folder`.
        layout: see `open_folder`.
        kind: see `open_folder`.
        sides: see `open_folder`.
        count: images of each part that are looked at, at most; None: all.
    """
    files, names = open_files(path, "--dataset")

    def size_of(name: str) -> tuple[int, int]:
        return decode.image_size(files.read(name), files.label(name))

    where = f"--dataset={printable(str(path))}"
    found = layouts.find_layout(names, size_of, layout, where, kind, sides)
    sizes, unreadable = [], []
    for entries in found.parts.values():
        sample = entries if count is None else layouts.evenly(entries, count)
        for name in (name for entry in sample for name in entry.names):
            try:
                height, width = size_of(name)
            except UserError as error:
                unreadable.append(str(error))
                continue
            sizes.append((height, width // 2 if found.name == "paired" else width))
    left_out = unread_note(name for name in names if not is_ignored(name))
    return Survey(files, found, sizes, unreadable, left_out or "")


def open_images(
    path: str | os.PathLike, preparation: Preparation, flag: str = "--input"
) -> ImageSource:
    """Opens every image of a folder or zip, in natural order, whatever the layout.

    Args:
        path: a folder or a .zip.
        preparation: how the images become arrays.
        flag: the flag that `path` is the value of, for messages.

    Returns:
        A source whose `names` are the images' paths in the folder.
    """
    files, names = _open_names(path, flag)
    return ImageSource(files, names, preparation)


def find_preparation(
    path: str | os.PathLike, flag: str, value_range: tuple[float, float] | None = None
) -> tuple[Preparation, list[str]]:
    """Finds how the images of a folder or zip are read, whatever the layout, by some of them.

    Args:
        path: a folder or a .zip.
        flag: the flag that `path` is the value of, for messages.
        value_range: (low, high), the levels of black and white; None: those of the files, of
            floating point images the lowest and the highest.

    Returns:
        Their depth and range of values at any size, 1 channel if they are grey, else 3; and notes
        for the user.
    """
    files, names = _open_names(path, flag)

    def read(name):
        return _decode(files, name, deep=True), files.label(name)

    asked = looking.Asked(value_range=value_range)
    return looking.look_at_images(names, layouts.evenly(names), read, asked)


def _open_names(path, flag) -> tuple[Folder | Zip, list[str]]:
    files, found = open_files(path, flag)
    names = image_names(found)
    if not names:
        left_out = unread_note(name for name in found if not is_ignored(name))
        raise UserError(
            f"{flag}={printable(str(path))}: contains no images; right would be a folder or zip "
            "of JPEG, PNG, GIF, BMP, WebP or TIFF files" + (f"; {left_out}" if left_out else "")
        )
    return files, names


def _decode(files: Folder | Zip, name: str, deep: bool = False):
    return decode.decode(files.read(name), files.label(name), deep=deep)


def find_preparations(
    files: Folder | Zip, found: layouts.Layout, asked: looking.Asked, is_domain: bool = False
) -> tuple[tuple[Preparation, Preparation], list[str]]:
    """Finds how the images of a folder are prepared.

    Args:
        files: the folder or zip.
        found: its layout.
        asked: what the flags say.
        is_domain: see `open_folder`.

    Returns:
        The preparations of the sides A and B of pairs, of domains A and B, or twice that of all
        images; and notes for the user.
    """
    if not found.name.startswith("paired"):
        names = {part: [entry.names[0] for entry in found.parts[part]] for part in found.parts}
        return _look_at_images(files, names, asked, is_domain)

    def read(names):
        sides = read_sides(files, names, deep=(True, True))
        labels = [files.label(names[place]) for place in (0, -1)]
        return list(zip(sides, labels, strict=True))

    entries = [entry.names for part in found.parts.values() for entry in part]
    sample = [entry.names for part in found.parts.values() for entry in layouts.evenly(part)]
    return looking.look_at_pairs(entries, sample, read, asked)


def _look_at_images(files: Folder | Zip, names: Mapping, asked, is_domain: bool) -> tuple:
    """Finds the preparations of images A and B, or twice that of all images; and notes."""

    def read(name):
        return _decode(files, name, deep=True), files.label(name)

    found, notes = [], []
    for domain in ("_a", "_b") if "train_a" in names else ("",):
        parts = [listed for part, listed in names.items() if part.endswith(domain)]
        sample = [name for listed in parts for name in layouts.evenly(listed)]
        everything = [name for listed in parts for name in listed]
        one_hot = bool(domain) or is_domain
        preparation, own = looking.look_at_images(everything, sample, read, asked, one_hot)
        found.append(preparation)
        notes += own
    if is_domain:  # the other domain may be the one with the label maps
        return (found[0], found[-1]), notes
    if isinstance(asked.palette, Ids) and not any(shape.classes for shape in found):
        raise UserError(
            "--palette=ids: neither set has grey images in a lossless format; right would be grey "
            "PNG files whose levels are numbers of classes"
        )
    unpaired = "train_a" in names
    if unpaired and asked.palette is not None and not any(shape.nearest for shape in found):
        notes.append("neither set has the colours of the palette")
    if unpaired and asked.label_encoding == "one_hot" and not any(s.classes for s in found):
        raise UserError(
            "--label_encoding=one_hot: neither set has label maps; right would be their colours as "
            "--palette=RRGGBB,… or no --label_encoding"
        )
    most = max((shape.channels for shape in found if not shape.classes), default=0)
    found = [
        shape if shape.classes else dataclasses.replace(shape, channels=most) for shape in found
    ]
    return (found[0], found[-1]), notes


def _open_images(
    files: Folder | Zip, images, found: layouts.Layout, asked, stored, is_domain
) -> tuple:
    """Returns what a data set of single images consists of, its channels, and notes."""
    unpaired = found.name == "unpaired"
    if not (unpaired or is_domain) and (
        isinstance(asked.palette, Ids) or asked.label_encoding == "one_hot"
    ):
        flag = "palette=ids" if isinstance(asked.palette, Ids) else "label_encoding=one_hot"
        raise UserError(
            f"--{flag}: is for label maps, and these are {_CONTENTS[found.name]}; right would be a "
            f"folder of pairs, or no --{flag.partition('=')[0]}"
        )
    names = {part: [entry.names[0] for entry in found.parts[part]] for part in found.parts}
    notes = []
    if stored is None:
        stored, notes = find_preparations(files, found, asked, is_domain)
    parts = {}
    for part in names:
        labels = found.labels(part) if found.name == "labelled" else None
        shape = stored[0 if part.endswith("_a") else 1].of_size(images.size_of(part))
        parts[part] = ImageSource(files, names[part], shape, labels)
    return {"kind": found.name, "parts": parts, "preparations": stored}, notes


def _open_pairs(files, images, found, direction, asked, stored) -> tuple:
    """Returns what a data set of pairs consists of, and notes on its label maps."""
    notes = []
    if stored is None:
        shapes, notes = find_preparations(files, found, asked)
    else:
        shapes = stored if direction == "AtoB" else stored[::-1]
    parts = {
        part: PairSource(
            files,
            [entry.names for entry in listed],
            tuple(shape.of_size(images.size_of(part)) for shape in shapes),
            direction,
        )
        for part, listed in found.parts.items()
    }
    preparations = shapes if direction == "AtoB" else shapes[::-1]
    sides = dict(zip(("input", "target"), preparations, strict=True))
    maps = tuple(side for side, shape in sides.items() if shape.nearest)
    known = {"kind": "paired", "parts": parts, "preparations": preparations, "label_sides": maps}
    coloured = [side for side in maps if sides[side].palette]
    notes += [
        f"the {side} is a label map of {shape.classes} classes as numbers"
        for side, shape in sides.items()
        if shape.encoding == "ids"
    ]
    # Two label maps are both resized by nearest neighbour, but a data set has only one palette.
    if len(coloured) == 1:
        (side,) = coloured
        palette = np.array(sides[side].palette, np.uint8)
        known |= {"palette": palette, "palette_side": side}
        one_hot = ", one-hot" if sides[side].classes else ""
        notes += [f"the {side} is a label map of {len(palette)} colours{one_hot}"]
    elif isinstance(asked.palette, np.ndarray) and not maps:
        notes += ["neither side has the colours of the palette"]
    return known, notes

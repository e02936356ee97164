"""Data sets in folders and zips of images."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from kgan.data import decode, label_maps
from kgan.data.dataset import Dataset, ImageFormat, Source, as_pair, check_direction, plural
from kgan.data.decode import ImageShape
from kgan.data.folder import layouts
from kgan.data.folder.content import content_of
from kgan.data.folder.files import Folder, Zip, image_names, open_files
from kgan.utils.errors import UserError, printable

_CONTENTS = {
    "images": "images",
    "labelled": "labelled images",
    "paired": "pairs (left = A, right = B)",
    "paired_folders": "pairs of two files",
    "unpaired": "unpaired images",
}


@dataclasses.dataclass(frozen=True)
class ImageSource(Source):
    """Random access to single images in files.

    Args:
        files: the folder or zip.
        names: names of the files.
        shape: size and channels of the images.
        labels: numbers of the classes; None: there are none.

    Example:
        >>> import tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> Image.new("RGB", (9, 5), "white").save(root / "a.png")
        >>> ImageSource(Folder(root), ["a.png"], ImageShape((4, 6))).read(0)["image"].shape
        (4, 6, 3)
    """

    files: Folder | Zip
    names: Sequence[str]
    shape: ImageShape
    labels: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image` (uint8 or uint16 [H, W, C]) and, if there are any, `label` (int32)."""
        name = self.names[index]
        image = decode.read_image(self.files.read(name), self.files.label(name), self.shape)
        if self.labels is None:
            return {"image": image}
        return {"image": image, "label": np.int32(self.labels[index])}


@dataclasses.dataclass(frozen=True)
class PairSource(Source):
    """Random access to pairs, each in one double-width image or in two files, A and B.

    Args:
        files: the folder or zip.
        examples: for each pair, the name of its file, or of its two files.
        shapes: size and channels of the images of A and of B.
        direction: `AtoB` or `BtoA`.

    Example:
        >>> import tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> Image.new("L", (8, 4), "white").save(root / "a.png")
        >>> shapes = ImageShape((4, 4)), ImageShape((4, 4))
        >>> pair = PairSource(Folder(root), [("a.png",)], shapes, "AtoB").read(0)
        >>> pair["input"].shape, pair["target"].shape
        ((4, 4, 3), (4, 4, 3))
    """

    files: Folder | Zip
    examples: Sequence[tuple[str, ...]]
    shapes: tuple[ImageShape, ImageShape]
    direction: str

    def __len__(self) -> int:
        return len(self.examples)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, uint8 or uint16 [H, W, C]."""
        example = self.examples[index]
        label = self.files.label(example[0])
        sides = [
            decode.shape_image(side, label, shape)
            for side, shape in zip(self._sides(example), self.shapes, strict=True)
        ]
        return as_pair(*sides, self.direction)

    def _sides(self, example):
        """Decodes JPEGs as small as single images, see `ImageShape.smallest`."""
        smallest = [shape.smallest for shape in self.shapes]
        if len(example) == 1:
            smallest = [None if None in smallest else max(smallest)]
        return _sides(self.files, example, smallest)


def _sides(files: Folder | Zip, example: Sequence[str], smallest=(None, None)) -> Sequence:
    double = len(example) == 1
    images = [
        _decode(files, name, least, double) for name, least in zip(example, smallest, strict=False)
    ]
    # Split before resizing, so that no colour crosses the seam.
    return decode.split_sides(images[0]) if double else images


def _decode(files: Folder | Zip, name: str, smallest=None, double=False) -> Image.Image:
    return decode.decode(files.read(name), files.label(name), smallest, double)


def open_folder(
    path: str | os.PathLike,
    images: ImageFormat,
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    palette: np.ndarray | None = None,
    kind: str | None = None,
    sides: Sequence[str] | None = None,
) -> Dataset:
    """Opens a folder or a zip of images and recognises its layout.

    Args:
        path: a folder or a .zip, whose members are read without unpacking it to disk.
        images: size, channels and fit of all images.
        layout: one of `layouts.LAYOUTS`; `auto`: it is recognised.
        direction: `AtoB` (A, the left half, is the input) or `BtoA`.
        palette: uint8 [K, 3], colours of the label maps on one side of pairs. None: they are
            recognised by few colours in files of a lossless format.
        kind: what the model trains on, see `layouts.find_layout`.
        sides: folders or patterns of the files of A and B, see `layouts.find_layout`.

    Returns:
        A data set with class names in natural order. Label maps in pairs are resized by nearest
        neighbour.
    """
    check_direction(direction)
    files, names = open_files(path, "--dataset")

    def size_of(name: str) -> tuple[int, int]:
        return decode.image_size(files.read(name), files.label(name))

    where = f"--dataset={printable(str(path))}"
    found = layouts.find_layout(names, size_of, layout, where, kind, sides)
    if found.name.startswith("paired"):
        known, channels, notes = _open_pairs(files, images, found, direction, palette)
    else:
        known, channels, notes = _open_images(files, images, found)
    place = pathlib.Path(os.path.abspath(os.path.expanduser(path)))
    contents = _CONTENTS[found.name]
    if found.class_names:
        contents += f" of {len(found.class_names)} classes"
    counts = [
        f"{len(entries)} {part.replace('_a', ' A').replace('_b', ' B')}"
        for part, entries in found.parts.items()
    ]
    line = ", ".join([f"{printable(place.name)}: {contents}", *counts, plural(channels, "channel")])
    return Dataset(
        name=place.name if place.is_dir() else place.stem,
        description="; ".join([line, *found.notes, *files.notes, *notes]),
        class_names=found.class_names,
        content=content_of(files, found.parts),
        **known,
    )


def open_images(
    path: str | os.PathLike,
    images: ImageFormat,
    flag: str = "--input",
    *,
    nearest: bool | None = False,
    palette: Sequence[tuple[int, int, int]] | None = None,
) -> ImageSource:
    """Opens every image of a folder or zip, in natural order, whatever the layout.

    Args:
        path: a folder or a .zip.
        images: `size`, `channels` (not None) and `fit`.
        flag: the flag that `path` is the value of, for messages.
        nearest: whether they are label maps, which are resized by nearest neighbour; None: it is
            recognised.
        palette: RGB colours of label maps; None: they are recognised by few colours.

    Returns:
        A source whose `names` are the images' paths in the folder.
    """
    files, names = _open_names(path, flag)
    if nearest is None:
        nearest = _are_label_maps(files, names, palette)
    return ImageSource(files, names, images.shape_of("test", images.channels, nearest))


def find_channels(path: str | os.PathLike, flag: str) -> int:
    """Finds whether the images of a folder or zip are all grey (1) or not (3), by some of them.

    Args:
        path: a folder or a .zip.
        flag: the flag that `path` is the value of, for messages.
    """
    files, names = _open_names(path, flag)
    return _common_channels(files, layouts.evenly(names))


def _open_names(path, flag) -> tuple[Folder | Zip, list[str]]:
    files, found = open_files(path, flag)
    names = image_names(found)
    if not names:
        raise UserError(
            f"{flag}={printable(str(path))}: contains no images; right would be a folder or zip "
            "of JPEG, PNG, GIF, BMP, WebP or TIFF files"
        )
    return files, names


def _common_channels(files: Folder | Zip, names: Sequence[str]) -> int:
    """Returns 1 if all of these images are grey, else 3."""

    def is_grey(name):
        return decode.is_grey(_decode(files, name), files.label(name))

    return 1 if all(_readable(is_grey, names)) else 3


def _open_images(files: Folder | Zip, images: ImageFormat, found: layouts.Layout) -> tuple:
    """Returns what a data set of single images consists of, its channels, and no notes."""
    names = {part: [entry.names[0] for entry in found.parts[part]] for part in found.parts}
    channels = images.channels
    if channels is None:
        sample = [name for part in names for name in layouts.evenly(names[part])]
        channels = _common_channels(files, sample)
    parts = {}
    for part in names:
        labels = found.labels(part) if found.name == "labelled" else None
        parts[part] = ImageSource(files, names[part], images.shape_of(part, channels), labels)
    return {"kind": found.name, "parts": parts}, channels, ()


def _open_pairs(files, images, found, direction, palette) -> tuple:
    """Returns what a data set of pairs consists of, its channels, and notes on its palette."""
    sample = [entry.names for part in found.parts.values() for entry in layouts.evenly(part)]
    grey, nearest, palette_found = _look_at_pairs(files, sample, palette)
    channels = images.channels or (1 if grey else 3)
    parts = {}
    for part, entries in found.parts.items():
        shapes = tuple(images.shape_of(part, channels, side) for side in nearest)
        parts[part] = PairSource(files, [entry.names for entry in entries], shapes, direction)
    sides = ("input", "target") if direction == "AtoB" else ("target", "input")
    label_sides = tuple(side for side, found in zip(sides, nearest, strict=True) if found)
    known = {"kind": "paired", "parts": parts, "label_sides": label_sides}
    if palette_found is None:
        unused = palette is not None
        return known, channels, ["neither side has the colours of the palette"] if unused else []
    side = "input" if nearest[0] == (direction == "AtoB") else "target"
    known |= {"palette": palette_found, "palette_side": side}
    return known, channels, [f"the {side} is a label map of {len(palette_found)} colours"]


def _look_at_pairs(files, sample, palette) -> tuple:
    """Returns whether all images are grey, whether A and B are label maps, and the palette."""
    grey, sides = True, ([], [])
    for pair in _readable(lambda names: _sides(files, names), sample):
        for found, image in zip(sides, pair, strict=True):
            array = decode.shape_image(image, "", ImageShape())
            grey = grey and decode.is_grey_array(array)
            found.append(_label_evidence(array, palette))
    if palette is not None:
        shares = [float(np.mean(found)) for found in sides]
        fits = max(shares) >= label_maps.PALETTE_SHARE
        nearest = tuple(fits and side == int(np.argmax(shares)) for side in (0, 1))
        return grey, nearest, palette if fits else None
    palettes = [
        label_maps.common_palette(found) if _lossless([names[side] for names in sample]) else None
        for side, found in zip((0, -1), sides, strict=True)
    ]
    nearest = tuple(colours is not None for colours in palettes)
    # Two label maps are both resized by nearest neighbour, but a data set has only one palette.
    return grey, nearest, palettes[nearest.index(True)] if sum(nearest) == 1 else None


def _are_label_maps(files: Folder | Zip, names: Sequence[str], palette: Sequence | None) -> bool:
    sample = layouts.evenly(names)
    palette = None if palette is None else np.array(palette, np.uint8)
    found = [
        _label_evidence(decode.shape_image(image, "", ImageShape()), palette)
        for image in _readable(lambda name: _decode(files, name), sample)
    ]
    if palette is not None:
        return np.mean(found) >= label_maps.PALETTE_SHARE
    return _lossless(sample) and label_maps.common_palette(found) is not None


def _label_evidence(array: np.ndarray, palette: np.ndarray | None):
    """Returns the share of pixels near the palette; without one the colours, if they are few."""
    if palette is None:
        return label_maps.label_colours(array)
    return label_maps.share_near(array, palette)


def _lossless(names: Sequence[str]) -> bool:
    return all(name.lower().endswith(decode.LOSSLESS_SUFFIXES) for name in names)


def _readable(read: Callable, items: Sequence) -> Iterator:
    """Yields the result for each item, without those of damaged files unless all are damaged."""
    failure, passed = None, False
    for item in items:
        try:
            result = read(item)
        except UserError as error:
            failure = error
            continue
        passed = True
        yield result
    if failure and not passed:
        raise failure

"""A folder or zip of images as a collection."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from kgan.data import decode, label_maps
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import LOSSLESS_SUFFIXES, printable
from kgan.data.folder import layouts
from kgan.data.folder.files import Folder, Zip, image_names, open_files
from kgan.utils.errors import UserError

LABEL_SHARE = 0.9  # of a label map's pixels that must lie near a colour of the palette

_WORDS = {
    "images": "images",
    "labelled": "labelled images",
    "paired": "pairs (left = A, right = B)",
    "paired_folders": "pairs (A/ and B/)",
    "unpaired": "unpaired images",
}


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """Single images, with labels or without."""

    files: Folder | Zip
    names: Sequence[str]
    size: tuple[int, int]
    channels: int
    fit: str
    labels: Sequence[int] | None = None
    nearest: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image` (uint8 or uint16 [H, W, C]) and, if there are any, `label` (int32).

        Raises:
            UserError: the image is damaged.
        """
        name = self.names[index]
        data, label = self.files.read(name), self.files.label(name)
        image = decode.read_image(data, label, self.size, self.channels, self.fit, self.nearest)
        if self.labels is None:
            return {"image": image}
        return {"image": image, "label": np.int32(self.labels[index])}


@dataclasses.dataclass(frozen=True)
class PairSource:
    """Pairs, each from one double-width image or from two files, A and B."""

    files: Folder | Zip
    examples: Sequence[tuple[str, ...]]
    size: tuple[int, int]
    channels: int
    fit: str
    direction: str
    nearest: tuple[bool, bool]

    def __len__(self) -> int:
        return len(self.examples)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, uint8 or uint16 [H, W, C].

        Raises:
            UserError: an image is damaged.
        """
        example = self.examples[index]
        label = self.files.label(example[0])
        a, b = (
            decode.shape_image(side, label, self.size, self.channels, self.fit, nearest)
            for side, nearest in zip(_sides(self.files, example), self.nearest, strict=True)
        )
        return {"input": a, "target": b} if self.direction == "AtoB" else {"input": b, "target": a}


def _sides(files: Folder | Zip, example: Sequence[str]) -> Sequence[Image.Image]:
    images = [_decode(files, name) for name in example]
    # Cut before resizing, so that no colour crosses the seam.
    return images if len(images) == 2 else decode.split_sides(images[0])


def open_folder(
    path: str | os.PathLike,
    images: ImageFormat,
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    classes: Sequence[str] | None = None,
    palette: np.ndarray | None = None,
) -> Dataset:
    """Opens a folder or a zip of images, whose layout is found by looking.

    Args:
        path: a folder or a .zip, whose members are read without unpacking it to disk.
        images: size, channels and fit to bring every image to.
        layout: one of `layouts.LAYOUTS`, or `auto`.
        direction: `AtoB` (A, the left side, is the input) or `BtoA`.
        classes: class names to keep; labels are then numbered among these.
        palette: uint8 [K, 3], colours of the label map on one side of pairs. None takes them
            from a side that has few colours and is saved without loss.

    Returns:
        A Collection. Class names are in natural order. A side of pairs that is a label map is
        resized by nearest neighbour.

    Raises:
        UserError: nothing there, nothing usable, or not what `layout` says.
    """
    if direction not in ("AtoB", "BtoA"):
        raise UserError(f"--direction={direction}: unknown; right would be AtoB or BtoA")
    files, names = open_files(path, "--dataset")
    where = f"--dataset={printable(str(path))}"

    def size_of(name: str) -> tuple[int, int]:
        return decode.image_size(files.read(name), files.label(name))

    found = layouts.find_layout(names, size_of, layout, classes, where)
    place = pathlib.Path(os.path.abspath(os.path.expanduser(path)))
    if found.name.startswith("paired"):
        return _open_pairs(files, place, images, found, direction, palette)
    return _open_images(files, place, images, found)


def open_images(
    path: str | os.PathLike,
    images: ImageFormat,
    flag: str = "--input",
    *,
    as_in_pairs: bool = False,
    palette: Sequence[tuple[int, int, int]] | None = None,
) -> ImageSource:
    """Opens every image of a folder or zip, in natural order, whatever the layout.

    Args:
        path: a folder or a .zip.
        images: `size`, `channels` (not None) and `fit`.
        flag: as which it was given.
        as_in_pairs: whether label maps are resized by nearest neighbour, as a side of pairs is.
        palette: RGB colours by which label maps are known; None looks for few colours.

    Returns:
        A source whose `names` are the images' paths in the folder.

    Raises:
        UserError: nothing there, nothing readable, or no images.
    """
    files, found = open_files(path, flag)
    names = image_names(found)
    if not names:
        raise UserError(
            f"{flag}={printable(str(path))}: holds no images; right would be a folder or zip "
            "of JPEG, PNG, GIF, BMP, WebP or TIFF files"
        )
    nearest = as_in_pairs and _are_label_maps(files, names, palette)
    return ImageSource(files, names, images.size, images.channels, images.fit, nearest=nearest)


def _open_images(
    files: Folder | Zip, place: pathlib.Path, images: ImageFormat, found: layouts.Layout
) -> Dataset:
    names = {part: [entry.names[0] for entry in found.parts[part]] for part in found.parts}
    channels = images.channels
    if channels is None:
        sample = [name for part in names for name in layouts.evenly(names[part])]
        channels = 1 if all(_readable(lambda name: _is_grey(files, name), sample)) else 3
    parts = {
        part: ImageSource(
            files,
            names[part],
            images.size_of(part),
            channels,
            images.fit,
            found.labels(part) if found.name == "labelled" else None,
        )
        for part in names
    }
    description = _describe(place, found, channels)
    return Dataset(_name(place), found.name, parts, description, found.class_names)


def _open_pairs(
    files: Folder | Zip,
    place: pathlib.Path,
    images: ImageFormat,
    found: layouts.Layout,
    direction: str,
    palette: np.ndarray | None,
) -> Dataset:
    sample = [entry.names for part in found.parts.values() for entry in layouts.evenly(part)]
    seen = _look_at_pairs(files, sample, palette)
    channels = images.channels or seen.channels
    parts = {
        part: PairSource(
            files,
            [entry.names for entry in entries],
            images.size_of(part),
            channels,
            images.fit,
            direction,
            seen.nearest,
        )
        for part, entries in found.parts.items()
    }
    side = None
    if seen.palette is not None:
        side = "input" if seen.nearest[0] == (direction == "AtoB") else "target"
    description = _describe(place, found, channels)
    if side:
        description += f"; the {side} is a label map of {len(seen.palette)} colours"
    elif palette is not None:
        description += "; neither side has the colours of the palette"
    return Dataset(
        _name(place), "paired", parts, description, palette=seen.palette, palette_side=side
    )


def _name(place: pathlib.Path) -> str:
    return place.name if place.is_dir() else place.stem


class _Seen(NamedTuple):
    channels: int
    nearest: tuple[bool, bool]  # whether A and B are label maps
    palette: np.ndarray | None


def _look_at_pairs(
    files: Folder | Zip, sample: Sequence[tuple[str, ...]], palette: np.ndarray | None
) -> _Seen:
    grey = True
    maps: tuple[list, list] = ([], [])  # per side and image: near the palette, or its colours
    for sides in _readable(lambda example: _sides(files, example), sample):
        arrays = [decode.shape_image(side, "", None, 3) for side in sides]
        grey = grey and all((array == array[..., :1]).all() for array in arrays)
        for found, array in zip(maps, arrays, strict=True):
            if palette is not None:
                found.append(label_maps.share_near(array, palette))
            else:
                found.append(label_maps.label_colours(array))
    channels = 1 if grey else 3
    if palette is not None:
        shares = [float(np.mean(found)) for found in maps]
        best = int(np.argmax(shares))
        fits = shares[best] >= LABEL_SHARE
        nearest = (fits and best == 0, fits and best == 1)
        return _Seen(channels, nearest, palette if fits else None)
    lossless = [
        all(example[i].lower().endswith(LOSSLESS_SUFFIXES) for example in sample) for i in (0, -1)
    ]
    palettes = [
        label_maps.common_palette(found) if sure else None
        for found, sure in zip(maps, lossless, strict=True)
    ]
    nearest = tuple(colours is not None for colours in palettes)
    # Two label maps are both kept sharp, but a collection has one palette: neither is named.
    return _Seen(channels, nearest, palettes[nearest.index(True)] if sum(nearest) == 1 else None)


def _are_label_maps(files: Folder | Zip, names: Sequence[str], palette: Sequence | None) -> bool:
    sample = layouts.evenly(names)
    arrays = (
        decode.shape_image(image, "", None, 3)
        for image in _readable(lambda name: _decode(files, name), sample)
    )
    if palette is not None:
        colours = np.array(palette, np.uint8)
        return np.mean([label_maps.share_near(array, colours) for array in arrays]) >= LABEL_SHARE
    lossless = all(name.lower().endswith(LOSSLESS_SUFFIXES) for name in sample)
    return (
        lossless
        and label_maps.common_palette(list(map(label_maps.label_colours, arrays))) is not None
    )


def _decode(files: Folder | Zip, name: str, smallest: int | None = None) -> Image.Image:
    return decode.decode(files.read(name), files.label(name), smallest)


def _is_grey(files: Folder | Zip, name: str) -> bool:
    return decode.is_grey(_decode(files, name), files.label(name))


def _readable(function: Callable, items: Sequence) -> Iterator:
    """Yields what a function makes of each item, passing over damaged files unless all are."""
    failure, passed = None, False
    for item in items:
        try:
            result = function(item)
        except UserError as error:
            failure = error
            continue
        passed = True
        yield result
    if failure and not passed:
        raise failure


def _describe(place: pathlib.Path, found: layouts.Layout, channels: int) -> str:
    what = _WORDS[found.name]
    if found.class_names:
        what += f" of {len(found.class_names)} classes"
    counts = [
        f"{len(entries)} {part.replace('_a', ' A').replace('_b', ' B')}"
        for part, entries in found.parts.items()
    ]
    plural = "" if channels == 1 else "s"
    line = f"{printable(place.name)}: {what}, {', '.join(counts)}, {channels} channel{plural}"
    return "; ".join([line, *found.notes])

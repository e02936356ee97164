"""Preparations of the images of a folder, found from a sample of its files and the flags."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from kgan.data import label_maps, shaping
from kgan.data.dataset import ImageFormat
from kgan.data.file_kinds import is_lossless
from kgan.data.label_maps import Levels
from kgan.data.planes import Planes
from kgan.data.preparation import DEEP_VOID, VOID, Preparation
from kgan.utils import progress
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError

SMALL_SHARE = 0.5  # of the range of levels, below which a warning says how much is used
Decoded = Image.Image | Planes


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the flags say about how images are prepared.

    Args:
        channels: 1, 3 or 4; None: as the images have them.
        fit: `resize` or `crop`.
        palette: colours of label maps, uint8 [K, 3]; `Ids`: their levels are numbers of classes;
            None: they are recognised.
        label_encoding: `auto`: colours as RGB and numbers one-hot; `colours`: levels and colours as
            they are; `one_hot`: all label maps one-hot.
        value_range: (low, high), the levels that become -1 and 1; None: black and white, or those
            that are found in floating point images.

    Example:
        >>> Asked.of(ImageFormat((8, 8), (8, 8), fit="crop")).fit
        'crop'
    """

    channels: int | None = None
    fit: str = "resize"
    palette: np.ndarray | Ids | None = None
    label_encoding: str = "auto"
    value_range: tuple[float, float] | None = None

    @classmethod
    def of(cls, images: ImageFormat, **options) -> "Asked":
        """Makes it of the format of a data set, and of the other flags."""
        return cls(images.channels, images.fit, **options)


@dataclasses.dataclass(frozen=True)
class _Look:
    """What one image shows of itself.

    Args:
        grey: whether all its pixels are grey.
        depth: bits of a level; 32 where levels have no white.
        limits: its lowest and highest level.
        levels: those that could be numbers of classes; None: they could not.
        colours: what `label_maps.label_colours` or, with a palette, `share_near` returns.
        lossless: whether the file has a lossless format.
    """

    grey: bool
    depth: int
    limits: tuple[float, float]
    levels: Levels | None
    colours: object
    lossless: bool

    @classmethod
    def at(cls, image: Decoded, name: str, palette: np.ndarray | None) -> "_Look":
        """Looks at a decoded image, with the colours of label maps where they are known."""
        depth = depth_of(image)
        # Levels without white cannot be shaped yet, and cannot be colours of label maps either.
        own = Preparation(depth=16) if depth == 16 else Preparation()
        array = None if depth == 32 else shaping.shape_image(image, name, own)
        planes = image.planes[:3] if isinstance(image, Planes) else [image]
        limits = _extremes(image, name) if depth > 8 else (array.min(), array.max())
        if palette is None:
            colours = None if depth == 32 else label_maps.label_colours(array)
        else:
            colours = 0.0 if depth == 32 else label_maps.share_near(array, palette)
        levels = None
        if depth < 32 and is_lossless(name):
            try:
                levels = Levels.of(shaping.label_levels(image, name), depth)
            except UserError:
                levels = None
        grey = (len(planes) == 1) if depth == 32 else shaping.is_grey_array(array)
        return cls(grey, depth, tuple(map(float, limits)), levels, colours, is_lossless(name))


def depth_of(image: Decoded) -> int:
    """Returns the bits of a level of a decoded image: 8, 16, or 32 where there is no white."""
    if isinstance(image, Planes):
        return 32 if image.white is None else 16
    if image.mode == "F":
        return 32
    if not image.mode.startswith("I"):
        return 8
    low, high = image.getextrema() if image.mode != "I;16B" else (0, 0)
    return 32 if low < 0 or high > 65535 else 16


class _Side:
    """The images of one side of pairs, or all single images.

    Args:
        looks: of a sample of them.
        names: the names of all files.
        read: decodes the image of one file name.
        asked: what the flags say.
    """

    def __init__(self, looks: Sequence[_Look], names: Sequence, read: Callable, asked: Asked):
        self.looks, self.names, self.read, self.asked = looks, names, read, asked
        self.palette: np.ndarray | None = None
        self.is_ids = False
        self.notes: list[str] = []
        self._all_levels: Levels | None = None

    @property
    def grey(self) -> bool:
        """Whether all images are grey."""
        return all(look.grey for look in self.looks)

    @property
    def depth(self) -> int:
        """The largest depth of an image."""
        return max(look.depth for look in self.looks)

    @property
    def levels(self) -> Levels | None:
        """Those of all images, if all could be numbers of classes."""
        levels = [look.levels for look in self.looks]
        return None if None in levels else Levels.together(levels)

    @property
    def is_map(self) -> bool:
        """Whether it was found to consist of label maps."""
        return self.is_ids or self.palette is not None

    def find_ids(self) -> None:
        """Recognises numbers of classes; sets `is_ids`."""
        levels, asked = self.levels, self.asked
        if isinstance(asked.palette, Ids):
            self.is_ids = levels is not None
        elif asked.label_encoding != "colours" and self._look_like_ids:
            # A file that was not among the sample may have other levels.
            self.is_ids = self.all_levels().are_ids

    @property
    def _look_like_ids(self) -> bool:
        return self.grey and self.levels is not None and self.levels.are_ids

    def preparation(self, channels: int, value_range: tuple[float, float] | None) -> Preparation:
        """Returns how the images are prepared."""
        asked = self.asked
        if self.is_ids:
            classes = asked.palette.classes if isinstance(asked.palette, Ids) else None
            classes = classes or self.all_levels().classes
            void = VOID if classes <= VOID else DEEP_VOID
            return Preparation(None, classes, asked.fit, True, "ids", void)
        if self.palette is not None:
            palette = tuple(tuple(map(int, colour)) for colour in self.palette)
            one_hot = asked.label_encoding == "one_hot"
            own = (len(palette), "one_hot") if one_hot else (channels, "values")
            return Preparation(None, own[0], asked.fit, True, own[1], None, palette, 8)
        if self.depth == 32 and value_range is None:
            limits = np.array(self._each(_extremes))
            value_range = float(limits[:, 0].min()), float(limits[:, 1].max())
            if value_range[0] == value_range[1]:
                value_range = value_range[0], value_range[0] + 1.0
            self.notes.append(
                "floating point levels from {:g} to {:g}, as found (--value_range)".format(
                    *value_range
                )
            )
        elif value_range is not None:
            self.notes.append("levels from {:g} to {:g}".format(*value_range))
        else:
            self._check_use()
        return Preparation(
            None, channels, asked.fit, False, depth=self.depth, value_range=value_range
        )

    def _check_use(self):
        """Notes that the images use a small part of the range of levels."""
        white = 255 if self.depth == 8 else 65535
        deepest = [look.limits for look in self.looks if look.depth == self.depth]
        low, high = min(one for one, _ in deepest), max(one for _, one in deepest)
        if self.depth > 8 and high - low < SMALL_SHARE * white and high > low:
            close = 2 ** int(high).bit_length() - 1
            self.notes.append(
                f"the levels {low:g} to {high:g} fill {(high - low) / white:.1%} of 0 to {white}; "
                f"--value_range=0,{close} would use it"
            )
        elif self.depth == 8 and self._look_like_ids and not self.is_ids:
            self.notes.append(
                f"the levels {low:g} to {high:g} look like numbers of classes and are taken as "
                f"grey levels; --value_range=0,{high:g} would spread them"
            )

    def _each(self, look: Callable) -> list:
        """Calls a function with every readable image and its name."""
        shown = {"desc": "looking", "unit": "image", "delay": 2, "leave": False}
        names = progress.bar(self.names, **shown)
        return list(readable(lambda name: look(*self.read(name)), names))

    def all_levels(self) -> Levels:
        """Returns the levels of all files: a sample may lack classes."""
        if self._all_levels is None:
            found = self._each(
                lambda image, name: Levels.of(shaping.label_levels(image, name), depth_of(image))
            )
            self._all_levels = Levels.together(found)
        return self._all_levels


def _extremes(image: Decoded, name: str) -> tuple[float, float]:
    planes = image.planes[:3] if isinstance(image, Planes) else [image]
    numbers = [np.asarray(plane) for plane in planes]
    if image.mode == "F":
        shaping.check_finite(np.stack(numbers), name)
    return float(min(n.min() for n in numbers)), float(max(n.max() for n in numbers))


def choose_maps(sides: Sequence[_Side], asked: Asked) -> None:
    """Finds out which of the sides consist of label maps; sets their `palette` and `is_ids`.

    Args:
        sides: those of pairs.
        asked: what the flags say.

    Raises:
        UserError: numbers of classes were asked for, and no side can have them.
    """
    if isinstance(asked.palette, Ids):
        for side in _sides_with_ids(sides, asked.palette):
            side.is_ids = True
        return
    if asked.palette is not None:
        shares = [float(np.mean([look.colours for look in side.looks])) for side in sides]
        best = int(np.argmax(shares))
        if shares[best] >= label_maps.PALETTE_SHARE:
            sides[best].palette = asked.palette
        return
    for side in sides:
        side.find_ids()
        if side.is_ids:
            continue
        if all(look.lossless for look in side.looks):
            side.palette = label_maps.common_palette([look.colours for look in side.looks])


def _sides_with_ids(sides, ids):
    able = [side for side in sides if side.levels is not None]
    if ids.classes is not None:
        able = [side for side in able if side.levels.classes <= max(2, ids.classes)]
    if not able:
        most = "" if ids.classes is None else f" of 0 to {ids.classes - 1} (255: none)"
        raise UserError(
            "--palette=ids: neither side of the pairs has grey images in a lossless format with "
            f"levels{most} as numbers of classes; right would be grey PNG files, or the colours of "
            "the label maps as --palette=RRGGBB,…"
        )
    known = [side for side in able if side.levels.are_ids]
    return known or [min(able, key=lambda side: len(side.levels.found))]


def readable(read: Callable, items: Sequence) -> Iterator:
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


def look_at_images(
    names: Sequence[str], sample: Sequence[str], read: Callable, asked: Asked, one_hot: bool = False
) -> tuple[Preparation, list[str]]:
    """Finds how single images are prepared.

    Args:
        names: all files.
        sample: those that are looked at.
        read: decodes the image of a file; returns it with its name.
        asked: what the flags say.
        one_hot: whether label maps are recognised: those that are numbers of classes, which are
            given one-hot, and those that have the colours of a palette.

    Returns:
        The preparation, and notes for the user.
    """
    palette = asked.palette if one_hot and isinstance(asked.palette, np.ndarray) else None
    looks = list(readable(lambda name: _Look.at(*read(name), palette), sample))
    side = _Side(looks, names, read, asked)
    if palette is not None:
        if np.mean([look.colours for look in looks]) >= label_maps.PALETTE_SHARE:
            side.palette = palette
            side.notes.append(f"label maps of {len(palette)} colours")
    elif one_hot:
        side.find_ids()
        if side.is_ids:
            side.notes.append("label maps whose levels are numbers of classes, given one-hot")
    channels = asked.channels or (1 if side.grey else 3)
    value_range = None if side.is_map else asked.value_range
    return side.preparation(channels, value_range), side.notes


def look_at_pairs(
    examples: Sequence[tuple[str, ...]],
    sample: Sequence[tuple[str, ...]],
    read: Callable,
    asked: Asked,
) -> tuple[tuple[Preparation, Preparation], list[str]]:
    """Finds how the images A and B of pairs are prepared.

    Args:
        examples: all pairs, as the names of their files.
        sample: those that are looked at.
        read: decodes the images A and B of a pair; returns each with its name.
        asked: what the flags say.

    Returns:
        The preparations of A and of B, and notes for the user.
    """
    palette = asked.palette if isinstance(asked.palette, np.ndarray) else None
    pairs = list(
        readable(lambda names: [_Look.at(*image, palette) for image in read(names)], sample)
    )
    sides = []
    for place in (0, 1):
        looks = [pair[place] for pair in pairs]
        own = lambda names, place=place: read(names)[place]  # noqa: E731
        sides.append(_Side(looks, examples, own, asked))
    choose_maps(sides, asked)
    if asked.label_encoding == "one_hot" and not any(side.is_map for side in sides):
        raise UserError(
            "--label_encoding=one_hot: neither side of the pairs has label maps; right would be "
            "their colours as --palette=RRGGBB,… or no --label_encoding"
        )
    grey = all(side.grey for side in sides if not side.is_ids)
    channels = asked.channels or (1 if grey else 3)
    values = [side for side in sides if not side.is_map]
    deepest = max((side.depth for side in values), default=8)
    ranges = [
        asked.value_range if not side.is_map and side.depth == deepest else None for side in sides
    ]
    found = [side.preparation(channels, own) for side, own in zip(sides, ranges, strict=True)]
    return tuple(found), list(itertools.chain(*(side.notes for side in sides)))

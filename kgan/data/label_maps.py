"""Detection of label maps: images of few colours, or of few small levels, for classes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgan.data.preparation import DEEP_VOID, VOID

MOST_COLOURS = 64  # of a label map, unless it has large areas
MOST_COLOURS_IN_AREAS = 512
PALETTE_SHARE = 0.9  # of a label map's pixels that must be near a colour of the palette
DARK = 64  # levels that no image goes without: what is darker throughout has numbers of classes
COARSE = 8  # from this step between levels on, they are colours
MOST_IDS = {8: 240, 16: 4096}  # numbers of classes, by depth, that are recognised by their areas
APART = 50  # levels between the classes and 255, if that stands for none in 16 bits
AREAS = 0.6  # of the neighbouring pixels that are equal, in images of large areas


def label_colours(image: np.ndarray) -> np.ndarray | None:
    """Returns the colours of an image if they are so few that they must be labels.

    Args:
        image: uint8 [H, W, 1 or 3], of a file in a lossless format.

    Returns:
        uint8 [K, 3], sorted; None for more than 64 colours (512 in images of large areas), or for
        fewer than 16 pixels per colour on average: in an image of 8 by 8 pixels, few colours mean
        nothing.
    """
    if image.dtype != np.uint8:
        return None
    rgb = np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.uint32)
    pixels = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    seen = np.zeros(1 << 24, bool)  # faster than sorting millions of pixels
    seen[pixels] = True
    codes = np.flatnonzero(seen)
    most = MOST_COLOURS if len(codes) <= MOST_COLOURS else MOST_COLOURS_IN_AREAS
    if len(codes) > min(most, pixels.size / 16):
        return None
    if len(codes) > MOST_COLOURS and equal_neighbours(pixels) < AREAS:
        return None
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def equal_neighbours(levels: np.ndarray) -> float:
    """Returns the share of pixels [H, W] that are equal to their right neighbour."""
    if levels.shape[1] < 2:
        return 0.0
    return float((levels[:, 1:] == levels[:, :-1]).mean())


def common_palette(colours: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Returns the union of the colours of several label maps, uint8 [K, 3], sorted.

    Args:
        colours: what `label_colours` returns for each image.

    Returns:
        None if one of the images is no label map, if the union has one colour, or if it has more
        than 64 (512 where the images have most of their colours in common, as those with a palette
        of their own each have not).
    """
    if not colours or any(found is None for found in colours):
        return None
    palette = np.unique(np.concatenate(colours), axis=0)
    if len(palette) < 2 or len(palette) > MOST_COLOURS_IN_AREAS:
        return None
    shared = sum(map(len, colours)) >= 2 * len(palette)
    return palette if len(palette) <= MOST_COLOURS or shared else None


def share_near(image: np.ndarray, palette: np.ndarray, distance: float = 40.0) -> float:
    """Returns the share of pixels whose RGB distance to some palette colour is small enough.

    Args:
        image: uint8 [H, W, 1 or 3]; large images are subsampled.
        palette: uint8 [K, 3].
        distance: Euclidean, for channels from 0 to 255.
    """
    if image.dtype != np.uint8:
        return 0.0
    step = max(1, min(image.shape[:2]) // 128)
    image = image[::step, ::step]
    rgb = np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.int32)
    near = np.zeros(rgb.shape[:2], bool)
    for colour in palette.astype(np.int32):
        near |= np.square(rgb - colour).sum(axis=-1) <= distance**2
    return float(near.mean())


# Numbers of classes.


def _without_void(found: np.ndarray, depth: int) -> np.ndarray:
    """Leaves out the levels that stand for no class; sorted levels."""
    found = found[found != DEEP_VOID]
    # In 16 bits 255 may be a class, unless it lies far above all others.
    rest = found[found != VOID]
    apart = len(found) and found[-1] == VOID and (rest < VOID - APART).all()
    return rest if depth == 8 or apart else found


@dataclasses.dataclass(frozen=True)
class Levels:
    """What the levels of one or of several images say about numbers of classes.

    Args:
        found: the different levels, sorted, int [K]; without those that stand for no class.
        size: number of pixels.
        areas: share of neighbouring pixels that are equal.
        depth: 8 or 16.

    Example:
        >>> Levels.of(np.int32([[0, 0, 1, 255]]), 8).found.tolist()
        [0, 1]
    """

    found: np.ndarray
    size: int
    areas: float
    depth: int

    @classmethod
    def of(cls, levels: np.ndarray, depth: int) -> "Levels":
        """Looks at the levels int32 [H, W] of an image."""
        found = _without_void(np.unique(levels), depth)
        return cls(found, levels.size, equal_neighbours(levels), depth)

    @classmethod
    def together(cls, several: Sequence["Levels"]) -> "Levels":
        """Joins what several images say."""
        depth = max(each.depth for each in several)
        found = _without_void(np.unique(np.concatenate([each.found for each in several])), depth)
        areas = float(np.mean([each.areas for each in several]))
        size = sum(each.size for each in several)
        return cls(found, size, areas, depth)

    @property
    def classes(self) -> int:
        """One more than the largest number, and at least 2."""
        return max(2, int(self.found[-1]) + 1) if len(self.found) else 2

    @property
    def are_ids(self) -> bool:
        """Whether these must be numbers of classes and cannot be a picture's grey levels.

        Nearly black images, with their levels from 0 to 63, cannot be pictures. More classes are
        recognised by areas of one level each.
        """
        found = self.found
        if len(found) < 2 or found[0] < 0 or len(found) > self.size / 16:
            return False
        if np.gcd.reduce(found) >= COARSE:  # 0, 20, 40 …: grey levels that stand for colours
            return False
        if found[-1] < DARK:
            return len(found) > 2 or found[-1] < COARSE
        return found[-1] <= MOST_IDS[self.depth] and len(found) > 8 and self.areas >= AREAS

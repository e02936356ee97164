"""Detection of label maps: images of few colours, each of which stands for a class."""

from collections.abc import Sequence

import numpy as np

MOST_COLOURS = 64  # of a label map
PALETTE_SHARE = 0.9  # of a label map's pixels that must be near a colour of the palette


def label_colours(image: np.ndarray) -> np.ndarray | None:
    """Returns the colours of an image if they are so few that they must be labels.

    Args:
        image: uint8 [H, W, 1 or 3], of a file in a lossless format.

    Returns:
        uint8 [K, 3], sorted; None for more than 64 colours, or for fewer than 16 pixels per colour
        on average: in an image of 8 by 8 pixels, few colours mean nothing.
    """
    if image.dtype != np.uint8:
        return None
    rgb = np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.uint32)
    seen = np.zeros(1 << 24, bool)  # faster than sorting millions of pixels
    seen[(rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]] = True
    codes = np.flatnonzero(seen)
    if len(codes) > min(MOST_COLOURS, rgb[..., 0].size / 16):
        return None
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def common_palette(colours: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Returns the union of the colours of several label maps, uint8 [K, 3], sorted.

    Args:
        colours: what `label_colours` returns for each image.

    Returns:
        None if one of the images is no label map, or if the union has one colour or more than 64.
    """
    if not colours or any(found is None for found in colours):
        return None
    palette = np.unique(np.concatenate(colours), axis=0)
    return palette if 2 <= len(palette) <= MOST_COLOURS else None


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

"""How near translated pictures come to their targets, beside what trivial answers reach."""

import numpy as np


def l1(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each picture's mean absolute error.

    Args:
        answers: float32 [B, H, W, C] in [-1, 1].
        targets: the same shape and range.

    Returns:
        float64 [B], in [0, 2].
    """
    return np.abs(answers.astype(np.float64) - targets).mean(axis=(1, 2, 3))


def classes(pictures: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Finds the class of each pixel of label maps: that of the nearest palette colour.

    Nearest, because a translated map, or one that was stored as JPEG, has no exact colours.

    Args:
        pictures: float32 [B, H, W, 3] in [-1, 1].
        palette: uint8 [K, 3].

    Returns:
        uint8 [B, H, W], the index in the palette.
    """
    colours = palette.astype(np.float32) / 127.5 - 1.0
    # |p − c|² = |p|² − 2 p·c + |c|²; the first term is the same for all classes.
    found = np.empty(pictures.shape[:3], np.uint8)
    for place, picture in enumerate(pictures):
        distances = (colours**2).sum(axis=1) - 2.0 * picture @ colours.T
        found[place] = distances.argmin(axis=-1)
    return found


def constant_colour_l1(label_classes: np.ndarray, targets: np.ndarray) -> float:
    """Computes the L1 of the best answer that paints each class in one colour.

    The best colour is each class's median, taken from these very targets: no model that only
    looks the class up can do better on them.

    Args:
        label_classes: integers [B, H, W], the given label maps.
        targets: float32 [B, H, W, C] in [-1, 1].

    Returns:
        Mean absolute error in [0, 2].
    """
    total = 0.0
    for number in np.unique(label_classes):
        pixels = targets[label_classes == number]
        total += np.abs(pixels - np.median(pixels, axis=0)).sum(dtype=np.float64)
    return total / targets.size


def pixel_accuracy(answered: np.ndarray, wanted: np.ndarray) -> float:
    """Computes the share of pixels whose class is right; integers [B, H, W] both."""
    return float((answered == wanted).mean())


def commonest_class_share(wanted: np.ndarray) -> float:
    """Computes what always answering the commonest class would get; integers [B, H, W]."""
    return float(np.unique(wanted, return_counts=True)[1].max() / wanted.size)

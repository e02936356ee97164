"""How near translated images come to their targets, beside what trivial answers reach."""

import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW = 11  # pixels a side
# The mean squared error that rounding to 256 levels alone brings: a step of 2/255 gives errors
# uniform in ± half a step. Less than that says nothing about an image that was stored so.
ROUNDING_ERROR = (2 / 255) ** 2 / 12


def l1(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's mean absolute error.

    Args:
        answers: float32 [B, H, W, C] in [-1, 1].
        targets: the same shape and range.

    Returns:
        float64 [B], in [0, 2].
    """
    return np.abs(answers.astype(np.float64) - targets).mean(axis=(1, 2, 3))


def psnr(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's peak signal-to-noise ratio, 10 log₁₀(2² / mean squared error).

    Up to its limit it equals scikit-image's `peak_signal_noise_ratio(data_range=2)`. Errors below
    that of rounding to 256 levels count as that one, so a perfect answer has the limit and not
    infinity, and a mean over images stays finite.

    Args:
        answers: float32 [B, H, W, C] in [-1, 1].
        targets: the same shape and range.

    Returns:
        float64 [B] in decibels, in [0, 58.92].
    """
    errors = np.square(answers.astype(np.float64) - targets).mean(axis=(1, 2, 3))
    return 10.0 * np.log10(2.0**2 / np.maximum(errors, ROUNDING_ERROR))


def ssim(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's mean structural similarity.

    Of two windows with means μ, variances σ² and covariance σ₁₂, all weighted by a Gaussian,

        (2 μ₁ μ₂ + C₁) (2 σ₁₂ + C₂) / ((μ₁² + μ₂² + C₁) (σ₁² + σ₂² + C₂)),

    C₁ = (0.01 · 2)², C₂ = (0.03 · 2)² for a range of 2; the mean over all windows that lie within
    the image, then over channels. The formula compares amounts of light, so black must be 0:
    images are moved to [0, 2] first, and the values are those of 256 levels with a range of 255.

    Args:
        answers: float32 [B, H, W, C] in [-1, 1], no side below 11.
        targets: the same shape and range.

    Returns:
        float64 [B], in [-1, 1]; 1 for equal images.

    Raises:
        ValueError: on images smaller than the window.

    Reference: Wang et al. 2004, equations 13 to 17 and section III.C (the window of 11 by 11 with
        a deviation of 1.5).
    Differs from the paper: colour channels are measured one by one, the paper has grey images.
    """
    if min(targets.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            f"`targets` must have at least {SSIM_WINDOW} pixels a side. "
            f"Received: shape={targets.shape}"
        )
    found = [
        structural_similarity(
            answer + np.float64(1),
            target + np.float64(1),
            data_range=2.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            K1=0.01,
            K2=0.03,
        )
        for answer, target in zip(answers, targets, strict=True)
    ]
    return np.array(found)


def classes(images: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Finds the class of each pixel of label maps: that of the nearest palette colour.

    Nearest, because a translated map, or one that was stored as JPEG, has no exact colours.

    Args:
        images: float32 [B, H, W, 3] in [-1, 1].
        palette: uint8 [K, 3].

    Returns:
        uint8 [B, H, W], the index in the palette.
    """
    colours = palette.astype(np.float32) / 127.5 - 1.0
    # |p − c|² = |p|² − 2 p·c + |c|²; the first term is the same for all classes.
    found = np.empty(images.shape[:3], np.uint8)
    for place, image in enumerate(images):
        distances = (colours**2).sum(axis=1) - 2.0 * image @ colours.T
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


def class_accuracy(answered: np.ndarray, wanted: np.ndarray, count: int) -> float:
    """Computes the mean over classes of the share of a class's pixels that are right.

    (1 / K) Σᵢ nᵢᵢ / Σⱼ nᵢⱼ, where nᵢⱼ pixels of class i, in all images together, are answered by
    class j, and K counts the classes that are wanted somewhere.

    Args:
        answered: integers [B, H, W] in [0, count).
        wanted: the same shape and range.
        count: how many classes there are.

    Returns:
        Mean accuracy in [0, 1].

    Raises:
        ValueError: on a class of `count` or more.

    Reference: Long et al. 2015, section 5 (mean accuracy).
    Differs from the paper: classes of which no pixel is wanted are left out.
    """
    table = _pixels_by_class(answered, wanted, count)
    wanted_pixels = table.sum(axis=1)
    there = wanted_pixels > 0
    return float((table.diagonal()[there] / wanted_pixels[there]).mean())


def mean_iou(answered: np.ndarray, wanted: np.ndarray, count: int) -> float:
    """Computes the mean over classes of intersection over union.

    (1 / K) Σᵢ nᵢᵢ / (Σⱼ nᵢⱼ + Σⱼ nⱼᵢ - nᵢᵢ), where nᵢⱼ pixels of class i, in all images together,
    are answered by class j, and K counts the classes that are wanted or answered somewhere.

    Args:
        answered: integers [B, H, W] in [0, count).
        wanted: the same shape and range.
        count: how many classes there are.

    Returns:
        Mean intersection over union in [0, 1].

    Raises:
        ValueError: on a class of `count` or more.

    Reference: Long et al. 2015, section 5 (mean IU).
    Differs from the paper: classes that are neither wanted nor answered are left out.
    """
    table = _pixels_by_class(answered, wanted, count)
    both = table.diagonal()
    either = table.sum(axis=1) + table.sum(axis=0) - both
    return float((both[either > 0] / either[either > 0]).mean())


def _pixels_by_class(answered: np.ndarray, wanted: np.ndarray, count: int) -> np.ndarray:
    """Counts pixels by the class wanted (row) and answered (column); int64 [count, count]."""
    highest = max(answered.max(), wanted.max())
    if highest >= count:
        raise ValueError(f"`count` must be more than every class, {highest}. Received: {count}")
    table = np.zeros(count * count, np.int64)
    # One by one, because 64-bit integers of all images at once are many.
    for found, right in zip(answered, wanted, strict=True):
        pairs = right.astype(np.int64) * count + found
        table += np.bincount(pairs.ravel(), minlength=count * count)
    return table.reshape(count, count)

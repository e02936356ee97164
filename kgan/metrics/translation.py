"""Errors of translated images against their targets, and baselines of trivial translations.

`answers` and `targets` are float32 [B, H, W, C] in [-1, 1], of equal shapes; for `ssim` no side is
below 11 pixels. `predicted` and their `targets` are classes of pixels, integers [B, H, W] in
[0, count).
"""

import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW = 11  # side in pixels
# Mean squared error of rounding to 256 levels: a step of 2/255 gives errors uniform in ± half a
# step. Smaller errors are meaningless for an image that was stored with 256 levels.
ROUNDING_ERROR = (2 / 255) ** 2 / 12


def l1(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's mean absolute error.

    Returns:
        float64 [B], in [0, 2].
    """
    return np.abs(answers.astype(np.float64) - targets).mean(axis=(1, 2, 3))


def psnr(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's peak signal-to-noise ratio, 10 log₁₀(2² / mean squared error).

    Up to its limit it equals scikit-image's `peak_signal_noise_ratio(data_range=2)`. Errors smaller
    than that of rounding to 256 levels are replaced by it, so that means over images stay finite.

    Returns:
        float64 [B] in decibels, in [0, 58.92].
    """
    errors = np.square(answers.astype(np.float64) - targets).mean(axis=(1, 2, 3))
    return 10.0 * np.log10(2.0**2 / np.maximum(errors, ROUNDING_ERROR))


def ssim(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes each image's mean structural similarity.

    Of two windows with means μ, variances σ² and covariance σ₁₂, all weighted by a Gaussian,

        (2 μ₁ μ₂ + C₁) (2 σ₁₂ + C₂) / ((μ₁² + μ₂² + C₁) (σ₁² + σ₂² + C₂)),

    C₁ = (0.01 · 2)², C₂ = (0.03 · 2)² for a range of 2; the mean over all windows inside the image,
    then over channels. The formula needs 0 for black: images are shifted to [0, 2], and the values
    are those of 256 levels with a range of 255.

    Returns:
        float64 [B], in [-1, 1]; 1 for equal images.

    Reference: Wang et al. 2004, equations 13 to 17 and section III.C (the window of 11 by 11 with
        a deviation of 1.5).
    Differs from the paper: the mean over colour channels; the paper has grey images.
    """
    if min(targets.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            f"`targets` must have at least {SSIM_WINDOW} pixels a side. "
            f"Received: shape={targets.shape}"
        )
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    options |= dict(K1=0.01, K2=0.03, data_range=2.0, channel_axis=-1)
    pairs = zip(answers + np.float64(1), targets + np.float64(1), strict=True)
    return np.array([structural_similarity(*pair, **options) for pair in pairs])


def classes(images: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Computes the class of each pixel of label maps: that of the nearest palette colour.

    A translated map, or one that was stored as JPEG, has no exact colours.

    Args:
        images: float32 [B, H, W, 3] in [-1, 1].
        palette: uint8 [K, 3].

    Returns:
        uint8 [B, H, W], the index in the palette; uint16 for more than 256 colours.
    """
    colours = palette.astype(np.float32) / 127.5 - 1.0
    # |p − c|² = |p|² − 2 p·c + |c|²; the first term is the same for all classes.
    norms = (colours**2).sum(axis=1)
    found = [(norms - 2.0 * image @ colours.T).argmin(axis=-1) for image in images]
    return np.array(found, np.uint8 if len(palette) <= 256 else np.uint16)


def constant_colour_l1(label_classes: np.ndarray, targets: np.ndarray) -> float:
    """Computes the L1 of the best image with one colour per class.

    The best colours are the medians of the classes in these targets: no model that uses only the
    class of a pixel can do better on them.

    Args:
        label_classes: integers [B, H, W], the input label maps.
        targets: float32 [B, H, W, C] in [-1, 1].

    Returns:
        Mean absolute error in [0, 2].
    """
    total = 0.0
    for number in np.unique(label_classes):
        pixels = targets[label_classes == number]
        total += np.abs(pixels - np.median(pixels, axis=0)).sum(dtype=np.float64)
    return total / targets.size


def pixel_accuracy(predicted: np.ndarray, targets: np.ndarray) -> float:
    """Computes the fraction of pixels with the correct class; integers [B, H, W] both."""
    return float((predicted == targets).mean())


def commonest_class_share(targets: np.ndarray) -> float:
    """Computes the pixel accuracy of the most frequent class everywhere; integers [B, H, W]."""
    return float(np.unique(targets, return_counts=True)[1].max() / targets.size)


def class_accuracy(predicted: np.ndarray, targets: np.ndarray, count: int) -> float:
    """Computes the mean over classes of the fraction of a class's pixels that are correct.

    (1 / K) Σᵢ nᵢᵢ / Σⱼ nᵢⱼ, where nᵢⱼ pixels of class i, in all images together, are predicted as
    class j, and K is the number of classes in the targets.

    Returns:
        Mean accuracy in [0, 1].

    Reference: Long et al. 2015, section 5 (mean accuracy).
    Differs from the paper: classes without a pixel in the targets are left out.
    """
    table = _confusion(predicted, targets, count)
    sizes = table.sum(axis=1)
    present = sizes > 0
    return float((table.diagonal()[present] / sizes[present]).mean())


def mean_iou(predicted: np.ndarray, targets: np.ndarray, count: int) -> float:
    """Computes the mean over classes of intersection over union.

    (1 / K) Σᵢ nᵢᵢ / (Σⱼ nᵢⱼ + Σⱼ nⱼᵢ - nᵢᵢ), with nᵢⱼ as in `class_accuracy`, and K the number of
    classes in the targets or the predictions.

    Returns:
        Mean intersection over union in [0, 1].

    Reference: Long et al. 2015, section 5 (mean IU).
    Differs from the paper: classes that are neither in the targets nor predicted are left out.
    """
    table = _confusion(predicted, targets, count)
    both = table.diagonal()
    either = table.sum(axis=1) + table.sum(axis=0) - both
    return float((both[either > 0] / either[either > 0]).mean())


def _confusion(predicted: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """Counts pixels by target class (row) and predicted class (column); int64 [count, count]."""
    highest = max(predicted.max(), targets.max())
    if highest >= count:
        raise ValueError(f"`count` must be more than every class, {highest}. Received: {count}")
    table = np.zeros(count * count, np.int64)
    # One by one, because 64-bit integers of all images at once need much memory.
    for found, target in zip(predicted, targets, strict=True):
        pairs = target.astype(np.int64) * count + found
        table += np.bincount(pairs.ravel(), minlength=count * count)
    return table.reshape(count, count)

"""Mode coverage: modes of a known mixture that points reach, and the fraction of good points."""

import dataclasses

import numpy as np

from kgan.data.builtin.mixtures import Mixture

RADIUS = 3.0  # standard deviations within which a point is of high quality
BLOCK = 10_000  # points at a time


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """Counts of modes and of points of high quality.

    Args:
        points: number of points.
        modes: modes with at least one point within 3 standard deviations.
        high_quality: fraction of points within 3 standard deviations of a mode. Real points have
            0.9889; more indicates generated modes that are too narrow.
        high_quality_standard_error: of that fraction.

    Example:
        >>> two = Mixture(centres=((0.0, 0.0), (9.0, 0.0)), deviation=1.0)
        >>> found = mode_coverage(np.array([[0.0, 2.0], [0.0, 4.0]]), two)
        >>> found.modes, found.high_quality
        (1, 0.5)
    """

    points: int
    modes: int
    high_quality: float
    high_quality_standard_error: float


def mode_coverage(points: np.ndarray, mixture: Mixture) -> ModeCoverage:
    """Counts modes and points of high quality; the papers use 2,500 points.

    Args:
        points: float [N, 2].
        mixture: the distribution of the real points.

    Reference: Srivastava et al. 2017 (VEEGAN), section 4.1; Lin et al. 2018 (PacGAN), section 4.1.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"`points` must be [N, 2]. Received: shape {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("`points` must be finite. Received: NaN or infinity")
    centres = np.array(mixture.centres)
    counts = np.zeros(len(centres), np.int64)
    for start in range(0, len(points), BLOCK):
        offsets = points[start : start + BLOCK, None] - centres
        distances = np.sqrt((offsets**2).sum(axis=-1))
        nearest = distances.argmin(axis=1)
        near = distances.min(axis=1) <= RADIUS * mixture.deviation
        counts += np.bincount(nearest[near], minlength=len(centres))
    share = counts.sum() / len(points)
    error = float(np.sqrt(share * (1 - share) / len(points)))
    return ModeCoverage(len(points), int((counts > 0).sum()), float(share), error)

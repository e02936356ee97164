"""Precision, recall, density and coverage by balls around the nearest neighbours of features."""

import math
from collections.abc import Iterator

import numpy as np
from sklearn import neighbors

from kgan.metrics import arrays

ROWS = 512  # of the distance matrix at a time: 40 MB for 10,000 columns


def precision_recall(
    generated: np.ndarray, reference: np.ndarray, *, k: int = 3
) -> tuple[float, float]:
    """Computes the fraction of each set that is in the estimated support of the other.

    The support of a set is the union of the closed balls around its vectors that reach to their
    k-th nearest neighbour in the set. Precision is the fraction of generated vectors in the support
    of the reference (quality), recall the fraction of reference vectors in the support of the
    generated ones (diversity). An outlier has a large ball and increases either; `density_coverage`
    is more robust. Equal distributions have less than 1, depending on F and k.

    Args:
        generated: floats [N, F], N above k.
        reference: floats [M, F], M above k.
        k: at least 1.

    Returns:
        Precision and recall, in [0, 1].

    Reference: Kynkäänniemi et al. 2019, equations 1 and 2. Differs from the paper: nothing.
    """
    _check_k(k)
    generated, reference = arrays.as_feature_pair(generated, reference, least=k + 1)
    slack = _slack(generated, reference)
    generated_reach = _squared_radii(generated, k) + slack
    reference_reach = _squared_radii(reference, k) + slack
    precise = np.zeros(len(generated), bool)
    recalled = np.zeros(len(reference), bool)
    for rows, distances in _squared_distances(generated, reference):
        precise[rows] = (distances <= reference_reach).any(axis=1)
        recalled |= (distances <= generated_reach[rows, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())


def density_coverage(
    generated: np.ndarray, reference: np.ndarray, *, k: int = 5
) -> tuple[float, float]:
    """Computes how densely generated vectors fill the balls of the reference, and how many balls.

    The balls are those of `precision_recall`, around reference vectors only. Density is the mean
    number of balls that contain a generated vector, over k: equal distributions have 1 on average,
    generated vectors that are concentrated where the reference is dense have more. Coverage is the
    fraction of balls that contain a generated vector; equal distributions: `expected_coverage`.

    Args:
        generated: floats [N, F].
        reference: floats [M, F], M above k.
        k: at least 1.

    Returns:
        Density, in [0, M / k], and coverage, in [0, 1].

    Reference: Naeem et al. 2020, section 3.2.
    Differs from the paper: nothing; its published code excludes the edge of a ball, which matters
        only for exact copies.
    """
    _check_k(k)
    generated, reference = arrays.as_feature_pair(generated, reference)
    arrays.as_features("reference", reference, least=k + 1)
    reach = _squared_radii(reference, k) + _slack(generated, reference)
    pairs, covered = 0, np.zeros(len(reference), bool)
    for _, distances in _squared_distances(generated, reference):
        inside = distances <= reach
        pairs += int(np.count_nonzero(inside))
        covered |= inside.any(axis=0)
    return pairs / (k * len(generated)), float(covered.mean())


def expected_coverage(generated_count: int, reference_count: int, *, k: int = 5) -> float:
    """Computes the coverage that equal continuous distributions have on average.

    1 − (M − 1)⋯(M − k) / ((M + N − 1)⋯(M + N − k)) for N generated and M reference vectors: a ball
    is empty if the k nearest of all other vectors are reference vectors. 0.969 for N = M, k = 5.

    Reference: Naeem et al. 2020, section 3.3.
    """
    _check_k(k)
    if generated_count < 1 or reference_count <= k:
        raise ValueError(
            "`generated_count` must be at least 1 and `reference_count` above `k`. "
            f"Received: {generated_count}, {reference_count} and k={k}"
        )
    others = reference_count + generated_count
    return 1.0 - math.prod((reference_count - i) / (others - i) for i in range(1, k + 1))


def _check_k(k: int):
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: k={k}")


def _squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """Computes each vector's squared distance to its k-th nearest other vector, float64 [N]."""
    # Brute force: trees are slower from about 15 features on.
    index = neighbors.NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features)
    return index.kneighbors()[0][:, -1] ** 2


def _squared_distances(points, centres) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields slices of rows of `points` and their squared distances to all `centres`, [R, M]."""
    # |p − c|² = |p|² + |c|² − 2 p·c
    norms = (centres**2).sum(axis=1)
    for start in range(0, len(points), ROWS):
        rows = slice(start, start + ROWS)
        distances = points[rows] @ (-2.0 * centres.T)
        distances += norms
        distances += (points[rows] ** 2).sum(axis=1, keepdims=True)
        yield rows, distances


def _slack(*sets: np.ndarray) -> float:
    """Computes a tolerance of squared distances, so that copies are in the balls of the originals.

    A hundred times the rounding error of |p|² + |c|² − 2 p·c, far below meaningful distances.
    """
    return 1e-13 * max(float((features**2).sum(axis=1).max()) for features in sets)

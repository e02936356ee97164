"""How far two sets of feature vectors cover each other, by balls around nearest neighbours."""

import math
from collections.abc import Iterator

import numpy as np
from sklearn import neighbors

from kgan.metrics import arrays

# Rows of the distance matrix in memory at a time: 40 MB beside 10,000 columns.
ROWS = 512


def precision_recall(
    generated: np.ndarray,
    reference: np.ndarray,
    *,
    k: int = 3,
) -> tuple[float, float]:
    """Computes the shares of each set that lie within the estimated support of the other.

    The support of a set is the union of the balls around its vectors that reach to their k-th
    nearest neighbour in the set, edge included. Precision is the share of generated vectors in the
    support of the reference (are they good?), recall the share of reference vectors in the support
    of the generated ones (is nothing missing?). One outlier has a large ball and flatters either:
    see `density_coverage`. Equal distributions reach less than 1, how much depends on F and k.

    Args:
        generated: floats [N, F], N above k.
        reference: floats [M, F], M above k.
        k: at least 1.

    Returns:
        Precision and recall, in [0, 1].

    Raises:
        ValueError: on other shapes, values that are not finite, or k below 1.

    Reference:
        Kynkäänniemi et al. 2019, eq. 1 and 2. Differs from the paper: nothing.
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
    generated: np.ndarray,
    reference: np.ndarray,
    *,
    k: int = 5,
) -> tuple[float, float]:
    """Computes how densely generated vectors fill the balls of the reference, and how many balls.

    The balls are those of `precision_recall`, around reference vectors only. Density is the number
    of balls that a generated vector lies in, averaged and over k: 1 is expected of equal
    distributions, more says that the generated vectors keep to where the reference is dense.
    Coverage is the share of balls with a generated vector in them; what to expect of equal
    distributions says `expected_coverage`.

    Args:
        generated: floats [N, F].
        reference: floats [M, F], M above k.
        k: at least 1.

    Returns:
        Density, in [0, M / k], and coverage, in [0, 1].

    Raises:
        ValueError: on other shapes, values that are not finite, or k below 1.

    Reference:
        Naeem et al. 2020, section 3.2. Differs from the paper: nothing; its published code leaves
        the edge of a ball out, which matters only to exact copies.
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
    is empty when the k nearest of all other vectors are of the reference. 0.969 for N = M, k = 5.

    Raises:
        ValueError: unless N is at least 1, k at least 1 and M above k.

    Reference:
        Naeem et al. 2020, section 3.3.
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
    # Brute force, because trees are slower from about 15 features on.
    index = neighbors.NearestNeighbors(n_neighbors=k, algorithm="brute").fit(features)
    return index.kneighbors()[0][:, -1] ** 2


def _squared_distances(
    points: np.ndarray,
    centres: np.ndarray,
) -> Iterator[tuple[slice, np.ndarray]]:
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
    """Computes what squared distances may be wrong by, that copies lie in the balls of originals.

    A hundred times the rounding error of |p|² + |c|² − 2 p·c, far below distances that mean
    something.
    """
    return 1e-13 * max(float((features**2).sum(axis=1).max()) for features in sets)

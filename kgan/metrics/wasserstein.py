"""The exact Wasserstein distance of two sets of points, and a critic's estimate of it.

A critic with Lipschitz constant K estimates at most K times the distance; with a weight clip or a
gradient penalty K is known only roughly, so that the slope of the critic is measured here, too.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from kgan import losses
from kgan.metrics import arrays

MOST_POINTS = 4000  # for the exact distance
BATCH = 1000  # points that a critic scores at a time
# Pairs closer than this fraction of the farthest pair are ignored: the rounding error of float32
# scores, 10⁻⁷ of them, would be more than a thousandth of the quotient.
NEAREST = 1e-4


@dataclasses.dataclass(frozen=True)
class Slopes:
    """Slopes of a critic f; both largest ones are lower bounds of its Lipschitz constant.

    Args:
        largest_gradient: the largest ‖∇f(x)‖.
        mean_gradient: the mean ‖∇f(x)‖, which a gradient penalty keeps near 1.
        largest_quotient: the largest |f(a) - f(b)| / ‖a - b‖.

    Example:
        >>> critic = keras.Sequential([keras.Input([1]), keras.layers.Rescaling(3.0)])
        >>> zero, one = np.zeros((1, 1)), np.ones((1, 1))
        >>> lipschitz_estimate(critic, zero, one, pairs=4, seed=0).mean_gradient
        3.0
    """

    largest_gradient: float
    mean_gradient: float
    largest_quotient: float


def exact(points_a: np.ndarray, points_b: np.ndarray) -> float:
    """Computes the 1-Wasserstein distance between two sets of equally many points.

    min over permutations s of (1 / N) Σᵢ ‖aᵢ - b_s(i)‖: for equal weights, one of the optimal plans
    is a permutation. It is the distance of the sets, not of the distributions that they are sampled
    from: two samples of 1,000 from one normal distribution in 16 dimensions have a distance of 3.2.

    Time grows with N³: on one core 1,000 points in the plane take 1 s, 4,000 take 45 s (in 16
    dimensions 5 s), and 0.3 GB.

    Args:
        points_a: float [N, ...], at most 4,000 points.
        points_b: the same shape.

    Returns:
        Mean Euclidean distance, all axes but the first flattened; 0 or more.

    Reference: Peyré and Cuturi 2019, equation 2.2 and proposition 2.1.
    """
    if points_a.shape != points_b.shape:
        raise ValueError(
            "`points_a` and `points_b` must have the same shape. "
            f"Received: {points_a.shape} and {points_b.shape}"
        )
    if not 1 <= len(points_a) <= MOST_POINTS:
        raise ValueError(
            f"`points_a` must have 1 to {MOST_POINTS} points. Received: {len(points_a)}"
        )
    distances = cdist(_flat(points_a), _flat(points_b))
    return float(distances[linear_sum_assignment(distances)].mean())


def critic_estimate(critic: keras.Model, points_a: np.ndarray, points_b: np.ndarray) -> float:
    """Computes a critic's estimate of the distance: mean f(a) - mean f(b).

    Args:
        critic: from float32 [N, ...] to scores [N, 1]; called as at inference.
        points_a: float [N, ...]; the real ones, if real points have the higher scores.
        points_b: float [M, ...].

    Returns:
        The estimate; negative if the second set has the higher scores.

    Reference: Arjovsky et al. 2017, equation 2 (at most K times it, for a Lipschitz constant K).
    """
    return float(_scores(critic, points_a).mean() - _scores(critic, points_b).mean())


def lipschitz_estimate(
    critic: keras.Model, points_a: np.ndarray, points_b: np.ndarray, pairs: int, seed: int
) -> Slopes:
    """Measures the slopes of a critic between two sets of points.

    Each pair (a, b) is sampled independently and uniformly, with repetition. The gradient is that
    at x = a + t (b - a), t uniform in [0, 1); the quotient is that of a and b.

    Args:
        critic: from float32 [N, ...] to scores [N, 1], which must not depend on other examples;
            called as at inference.
        points_a: float [N, ...].
        points_b: float [M, ...], points of the same shape.
        pairs: number of pairs, at least 1.
        seed: of the pairs.

    Returns:
        Slopes, with norms over all axes but the first. Pairs of (nearly) equal points are left out
        of the quotient; it is 0 if there are no others.

    Reference: Gulrajani et al. 2017, section 4 and algorithm 1, lines 4 and 6.
    """
    if points_a.shape[1:] != points_b.shape[1:]:
        raise ValueError(
            "`points_a` and `points_b` must contain points of the same shape. "
            f"Received: {points_a.shape} and {points_b.shape}"
        )
    if min(pairs, len(points_a), len(points_b)) < 1:
        raise ValueError(
            "`pairs` and the number of points in each set must be 1 or more. "
            f"Received: pairs={pairs}, {len(points_a)} and {len(points_b)} points"
        )
    rng = np.random.default_rng(seed)
    chosen_a, chosen_b = (rng.integers(len(points), size=pairs) for points in (points_a, points_b))
    shares = rng.uniform(size=pairs)
    norms, rises, distances = [], [], []
    for start in range(0, pairs, BATCH):
        part = slice(start, start + BATCH)
        a, b = (
            points[chosen[part]].astype(np.float32)
            for points, chosen in ((points_a, chosen_a), (points_b, chosen_b))
        )
        share = shares[part].reshape([-1] + [1] * (a.ndim - 1))
        norms.append(_slopes(critic, (a + share * (b - a)).astype(np.float32)))
        rises.append(np.abs(_scores(critic, a) - _scores(critic, b)))
        distances.append(np.linalg.norm(_flat(a) - _flat(b), axis=1))
    norms, rises, distances = map(np.concatenate, (norms, rises, distances))
    apart = distances > NEAREST * distances.max()
    return Slopes(
        largest_gradient=float(norms.max()),
        mean_gradient=float(norms.mean()),
        largest_quotient=float((rises[apart] / distances[apart]).max(initial=0.0)),
    )


def _flat(points: np.ndarray) -> np.ndarray:
    """Flattens points to float64 [N, D]."""
    return points.reshape(len(points), -1).astype(np.float64)


def _scores(critic: keras.Model, points: np.ndarray) -> np.ndarray:
    """Computes a critic's scores in batches; float64 [N]."""

    def score(part):
        return tf.cast(critic(part, training=False), tf.float64).numpy()

    return arrays.map_batches(score, points.astype(np.float32), BATCH)[:, 0]


def _slopes(critic: keras.Model, points: np.ndarray) -> np.ndarray:
    """Computes ‖∇f(x)‖ at each point of one batch; float64 [N]."""
    squares = losses.squared_gradient_norm(lambda x: critic(x, training=False), tf.constant(points))
    return np.sqrt(squares.numpy().astype(np.float64))

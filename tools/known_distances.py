"""Pairs of distributions whose Wasserstein distance is known in closed form."""

import numpy as np


def between_parallel_lines(theta: float) -> float:
    """Computes the 1-Wasserstein distance of (0, Z) and (θ, Z), Z uniform in [0, 1]: |θ|.

    Their Jensen-Shannon divergence is log 2 for every θ except 0, so that its gradient is 0.

    Reference: Arjovsky et al. 2017, section 2, example 1.
    """
    return abs(float(theta))


def sample_shifted_gaussians(
    count: int, shift: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Samples a standard normal distribution and, independently, a shifted one.

    Args:
        count: number of points from each.
        shift: float [D], the difference of the means; its norm is the 1-Wasserstein distance.
        seed: of the points.

    Returns:
        Two float32 [count, D], the second shifted.
    """
    shift = np.asarray(shift, np.float64)
    first, second = np.random.default_rng(seed).normal(size=(2, count, len(shift)))
    return first.astype(np.float32), (second + shift).astype(np.float32)


def sample_parallel_lines(count: int, theta: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples (0, Z) and, independently, (θ, Z), with Z uniform in [0, 1).

    Args:
        count: number of points from each.
        theta: distance of the lines.
        seed: of the points.

    Returns:
        Two float32 [count, 2], the second on the line at θ.

    Reference: Arjovsky et al. 2017, section 2, example 1.
    """
    heights = np.random.default_rng(seed).uniform(size=(2, count)).astype(np.float32)
    lines = zip((0.0, theta), heights, strict=True)
    return tuple(np.stack([np.full_like(height, x), height], axis=1) for x, height in lines)

"""Likelihoods of examples: importance-weighted estimates, bits per dimension, mixture densities.

All functions return float64; logarithms are natural, in nats, unless stated otherwise.
"""

import numpy as np


def log_mean_exp(log_weights: np.ndarray) -> np.ndarray:
    """Computes ln (1/K) Σₖ exp(wₖ), the estimate of ln p(x) by K importance samples.

    Its expectation is a lower bound of ln p(x), which rises with K and is the evidence lower bound
    for K = 1.

    Args:
        log_weights: float [N, K], ln p(x, zₖ) − ln q(zₖ|x) with zₖ sampled from q(z|x).

    Returns:
        float64 [N].

    Reference: Burda et al. 2016, equation 8.
    """
    log_weights = np.asarray(log_weights, np.float64)
    # Without overflow: the largest term is exp(0) = 1.
    largest = log_weights.max(axis=1)
    rest = np.exp(log_weights - largest[:, np.newaxis])
    return largest + np.log(rest.mean(axis=1))


def bits_per_dimension(log_densities: np.ndarray, dimensions: int, levels: int = 256) -> np.ndarray:
    """Computes −log₂ of the probability of an image's levels, per dimension.

    The density of level + u in [0, levels], with u uniform in [0, 1), gives a lower bound of the
    probability of the levels; scaled to [0, 1] it is `levels` times as large in each dimension. A
    uniform density has 8 bits for 256 levels.

    Args:
        log_densities: float [N], ln p of images in [0, 1].
        dimensions: of an image: height · width · channels.
        levels: number of values in each dimension.

    Returns:
        float64 [N].

    Reference: Theis et al. 2016, section 3.1.
    """
    log_densities = np.asarray(log_densities, np.float64)
    return np.log2(levels) - log_densities / (dimensions * np.log(2))


def logit_log_slopes(images: np.ndarray, margin: float) -> np.ndarray:
    """Computes ln |det| of the Jacobian of y = logit(λ + (1 − 2λ) x), summed over an image.

    It converts densities in logit space to densities of images in [0, 1]: ln p(x) = ln p(y) + it.

    Args:
        images: float [N, …] in [0, 1].
        margin: λ, in [0, ½).

    Returns:
        float64 [N].

    Reference: Papamakarios et al. 2017, appendix E.2.
    """
    squeezed = margin + (1 - 2 * margin) * np.asarray(images, np.float64)
    slopes = np.log(1 - 2 * margin) - np.log(squeezed) - np.log1p(-squeezed)
    return slopes.reshape(len(slopes), -1).sum(axis=1)


def mixture_log_densities(points: np.ndarray, centres: np.ndarray, deviation: float) -> np.ndarray:
    """Computes the log-density of a mixture of isotropic Gaussians with equal weights.

    Args:
        points: float [N, D].
        centres: float [K, D].
        deviation: standard deviation of each in every direction.

    Returns:
        float64 [N].
    """
    points, centres = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    squares = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2) / deviation**2
    return log_mean_exp(-0.5 * squares) - points.shape[1] * np.log(np.sqrt(2 * np.pi) * deviation)

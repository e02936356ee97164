"""The Fréchet distance of two sets of feature vectors: FID, for features of Inception."""

import dataclasses

import numpy as np

from kgan.metrics import arrays


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Mean and covariance of a set of feature vectors.

    Args:
        mean: float64 [F].
        covariance: float64 [F, F], divided by `count` − 1.
        count: the number N of feature vectors, at least 2.

    Raises:
        ValueError: on shapes that do not match, values that are not finite, or a count below 2.

    Example:
        >>> Statistics.from_features(np.array([[0.0], [2.0], [4.0]])).covariance.tolist()
        [[4.0]]
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    def __post_init__(self):
        if self.mean.ndim != 1 or self.covariance.shape != 2 * self.mean.shape:
            raise ValueError(
                "`mean` and `covariance` must be [F] and [F, F]. "
                f"Received: {list(self.mean.shape)} and {list(self.covariance.shape)}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.covariance).all()):
            raise ValueError(
                "`mean` and `covariance` must be finite. Received: NaN or infinite values"
            )
        if self.count < 2:
            raise ValueError(
                f"`count` must be at least 2, else there is no covariance. Received: {self.count}"
            )

    @classmethod
    def from_features(cls, features: np.ndarray) -> "Statistics":
        """Computes the statistics of feature vectors, floats [N, F] with N at least 2."""
        features = arrays.as_features("features", features, least=2)
        covariance = np.cov(features, rowvar=False).reshape(2 * features.shape[1:])
        return cls(features.mean(axis=0), covariance, len(features))


def frechet_distance(generated: Statistics, reference: Statistics) -> float:
    """Computes the squared Fréchet distance of the Gaussians with these means and covariances.

    |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½)

    The last trace is computed as the sum of the singular values of C₁^½ C₂^½: no matrix root can
    become complex, and directions without variance (a feature that is always 0) lose no precision.

    The distance of finite samples is biased upwards, by an amount that falls as 1/N and grows with
    F: only distances of equal counts and of the same features can be compared.

    Args:
        generated, reference: statistics of F features, each of at least F + 1 vectors.

    Returns:
        The distance, at least 0, in squared units of the features.

    Raises:
        ValueError: on different F, or a sample that is too small for a covariance of full rank.

    Reference: Heusel et al. 2017, equation 6; Dowson and Landau 1982.
    Differs from the paper: nothing.
    """
    _check(generated, reference)
    product = _root(generated.covariance).T @ _root(reference.covariance)
    overlap = np.linalg.svd(product, compute_uv=False).sum()
    shift = generated.mean - reference.mean
    traces = np.trace(generated.covariance) + np.trace(reference.covariance)
    # Equal statistics leave a rounding error of either sign.
    return max(0.0, float(shift @ shift + traces - 2.0 * overlap))


def frechet_error(generated: np.ndarray, reference: Statistics) -> float:
    """Computes the standard error of the Fréchet distance due to the generated sample.

    First-order error propagation (the delta method). The influence of a vector x is

        2 (m₁ − m₂)·(x − m₁) + (x − m₁)ᵀ (I − T) (x − m₁),  T = C₁^−½ (C₁^½ C₂ C₁^½)^½ C₁^−½,

    up to a constant, where I − T is the derivative of the distance with respect to C₁; the error is
    the influences' standard deviation over √N. A bootstrap would add the bias of the distance a
    second time, need a seed, and cost a decomposition per resample. For equal distributions the
    first order vanishes, and the result is too large (in trials 1.1 to 1.6 times the true value).

    The reference is treated as fixed, as it is in comparisons of models. The error does not include
    the bias that all samples of one size share.

    Args:
        generated: floats [N, F], N above F.
        reference: statistics of F features.

    Returns:
        The standard error, at least 0, in squared units of the features.

    Raises:
        ValueError: as `frechet_distance`.

    Reference: T: Olkin and Pukelsheim 1982; the derivative: Bhatia, Jain and Lim 2019.
    """
    generated = arrays.as_features("generated", generated)
    own = Statistics.from_features(generated)
    _check(own, reference)
    centred = generated - own.mean
    variances, axes = np.linalg.eigh(own.covariance)
    # (x − m₁) is 0 in a direction without variance, but T would divide by zero there.
    kept = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
    axes, deviations = axes[:, kept], np.sqrt(variances[kept])
    inner = deviations[:, None] * (axes.T @ reference.covariance @ axes) * deviations
    squares, directions = np.linalg.eigh(inner)
    whitened = centred @ (axes / deviations) @ directions
    influence = (
        2.0 * centred @ (own.mean - reference.mean)
        + (centred**2).sum(axis=1)
        - whitened**2 @ np.sqrt(squares.clip(min=0.0))
    )
    return float(influence.std(ddof=1) / np.sqrt(own.count))


def _check(generated: Statistics, reference: Statistics):
    """Raises ValueError if the distance of two samples is undefined or meaningless."""
    arrays.check_equal_widths(generated.mean, reference.mean)
    for name, statistics in (("generated", generated), ("reference", reference)):
        features = len(statistics.mean)
        if statistics.count <= features:
            raise ValueError(
                f"`{name}` must have more samples than features, at least {features + 1} and "
                f"better {10 * features}, else its covariance is singular. "
                f"Received: {statistics.count} samples of {features} features"
            )


def _root(covariance: np.ndarray) -> np.ndarray:
    """Computes R with C = R Rᵀ for a symmetric C [F, F] without negative eigenvalues."""
    values, vectors = np.linalg.eigh(covariance)
    # Rounding makes eigenvalues of 0 negative.
    return vectors * np.sqrt(values.clip(min=0.0))

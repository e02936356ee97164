"""The Fréchet distance of two sets of feature vectors (FID, where Inception made the features)."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from kgan.metrics import arrays


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What the Fréchet distance knows of a set of feature vectors.

    Attributes:
        mean: float64 [F].
        covariance: float64 [F, F], divided by `count` − 1.
        count: the number N of feature vectors, at least 2.

    Raises:
        ValueError: on shapes that do not belong together, values that are not finite, or a count
            below 2.
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
        return cls.from_batches([features])

    @classmethod
    def from_batches(cls, batches: Iterable[np.ndarray]) -> "Statistics":
        """Computes the statistics of feature vectors that come in batches and need not be kept.

        Each batch is centred on its own mean and then merged (Chan, Golub & LeVeque 1983): the
        difference of two large sums of squares would lose the small variances.

        Args:
            batches: floats [B, F] each, B may differ, F may not.

        Raises:
            ValueError: on a batch of another shape, values that are not finite, or fewer than two
                vectors in all.
        """
        count, mean, scatter = 0, 0.0, 0.0
        for batch in batches:
            batch = arrays.as_features("features", batch)
            if count and batch.shape[1:] != mean.shape:
                raise ValueError(
                    f"`features` must be [N, {len(mean)}] as in the batches before. "
                    f"Received: {list(batch.shape)}"
                )
            own_mean = batch.mean(axis=0)
            centred = batch - own_mean
            step, total = own_mean - mean, count + len(batch)
            scatter = scatter + centred.T @ centred
            scatter += np.outer(step, step) * (count * len(batch) / total)
            mean = mean + step * (len(batch) / total)
            count = total
        if count < 2:
            raise ValueError(
                f"`features` must have at least 2 vectors, else there is no covariance. "
                f"Received: {count}"
            )
        return cls(mean, scatter / (count - 1), count)


def frechet_distance(generated: Statistics, reference: Statistics) -> float:
    """Computes the squared Fréchet distance of the Gaussians with these means and covariances.

    |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½)

    The last trace is computed as the sum of the singular values of C₁^½ C₂^½, which is the same
    number: no matrix root can turn complex, and directions without variance (a feature that is
    always 0) cost no digits.

    The distance of finite samples is too large on average, by an amount that falls as 1/N and grows
    with F: only distances of equal counts, and of the same features, can be compared.

    Args:
        generated, reference: statistics of F features, each of at least F + 1 vectors.

    Returns:
        The distance, at least 0, in squared units of the features.

    Raises:
        ValueError: on different F, or where a sample is too small for its covariance to have full
            rank.

    Reference:
        Heusel et al. 2017, eq. 6; Dowson & Landau 1982. Differs from the paper: nothing.
    """
    _check(generated, reference)
    product = _root(generated.covariance).T @ _root(reference.covariance)
    overlap = np.linalg.svd(product, compute_uv=False).sum()
    shift = generated.mean - reference.mean
    traces = np.trace(generated.covariance) + np.trace(reference.covariance)
    # Equal statistics leave a rounding error of either sign.
    return max(0.0, float(shift @ shift + traces - 2.0 * overlap))


def frechet_error(generated: np.ndarray, reference: Statistics) -> float:
    """Computes the standard error of the Fréchet distance that comes from the generated sample.

    First-order error propagation (the delta method). A vector x moves the distance by its
    influence

        2 (m₁ − m₂)·(x − m₁) + (x − m₁)ᵀ (I − T) (x − m₁),  T = C₁^−½ (C₁^½ C₂ C₁^½)^½ C₁^−½,

    up to a constant, where I − T is the derivative of the distance by C₁; the error is the
    influences' standard deviation over √N. Chosen over a bootstrap, because resampling adds a
    second helping of the bias that the distance has, needs a seed, and costs a decomposition a
    resample. Where the two distributions are equal the first order vanishes, and what is computed
    errs to the safe side (in trials 1.1 to 1.6 times the true value).

    The reference counts as fixed, as it is when models are compared on the same one. The error
    says nothing of the bias that all samples of one size share.

    Args:
        generated: floats [N, F], N above F.
        reference: statistics of F features.

    Returns:
        The standard error, at least 0, in squared units of the features.

    Raises:
        ValueError: as `frechet_distance`.

    Reference:
        T: Olkin & Pukelsheim 1982; the derivative: Bhatia, Jain & Lim 2019.
    """
    generated = arrays.as_features("generated", generated)
    own = Statistics.from_features(generated)
    _check(own, reference)
    centred = generated - own.mean
    variances, axes = np.linalg.eigh(own.covariance)
    # A direction without variance has no part in (x − m₁), but T would divide by zero there.
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
    """Raises where the distance of two samples is undefined or means nothing."""
    if generated.mean.shape != reference.mean.shape:
        raise ValueError(
            "`generated` and `reference` must have the same number of features. "
            f"Received: {len(generated.mean)} and {len(reference.mean)}"
        )
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
    # Rounding turns eigenvalues of 0 negative.
    return vectors * np.sqrt(values.clip(min=0.0))

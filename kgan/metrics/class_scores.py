"""Scores of generated samples by their class probabilities: class score, counts, divergence."""

import numpy as np
from scipy import special

SUM_TOLERANCE = 2e-3  # rounding error of the sum of a softmax in float16


def class_score(probabilities: np.ndarray, *, splits: int = 10, seed: int) -> tuple[float, float]:
    """Computes the class score (the Inception score if Inception is the classifier).

    exp(mean_x KL(p(y|x) ‖ p(y))), where p(y) is the mean of p(y|x): high if every sample is clearly
    of one class and the classes are balanced. The shuffled samples are split into parts of nearly
    equal size, each with its own p(y); the score is the mean over the parts. Small parts score
    lower, so that only scores of equal N and `splits` can be compared.

    Args:
        probabilities: floats [N, K] in [0, 1], rows add up to 1; N at least 2 `splits`.
        splits: number of parts, at least 2.
        seed: of the shuffling.

    Returns:
        The score, in [1, K], and its standard error: the parts' standard deviation over √splits.

    Reference: Salimans et al. 2016, section 4.
    Differs from the paper: samples are shuffled; the paper reports the standard deviation itself.
    """
    if splits < 2:
        raise ValueError(f"`splits` must be at least 2. Received: splits={splits}")
    probabilities = _as_probabilities(probabilities, least=2 * splits)
    order = np.random.default_rng(seed).permutation(len(probabilities))
    scores = []
    for part in np.array_split(order, splits):
        given = probabilities[part]
        divergences = special.rel_entr(given, given.mean(axis=0)).sum(axis=1)
        scores.append(np.exp(divergences.mean()))
    return float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(splits))


def class_counts(probabilities: np.ndarray) -> np.ndarray:
    """Counts the samples of each most probable class.

    Args:
        probabilities: floats [N, K] in [0, 1], rows add up to 1.

    Returns:
        int64 [K] with sum N. Of equally probable classes the first one counts.
    """
    probabilities = _as_probabilities(probabilities)
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])


def modes_found(counts: np.ndarray, *, least: int = 1) -> int:
    """Counts the classes that have at least `least` samples.

    Args:
        counts: integers [K], at least 0: the samples of each class.
        least: at least 1.

    Returns:
        The number of classes, in [0, K].
    """
    if least < 1:
        raise ValueError(f"`least` must be at least 1. Received: least={least}")
    return int(np.count_nonzero(_as_counts("counts", counts) >= least))


def class_divergence(counts: np.ndarray, reference: np.ndarray | None = None) -> float:
    """Computes KL(frequencies of the classes ‖ frequencies in the reference).

    For N samples of the reference itself it is about (K − 1) / 2N on average, not 0: a value well
    below that indicates an error.

    Args:
        counts: integers [K], at least 0, not all 0.
        reference: numbers [K], at least 0, not all 0 (counts or frequencies); None: all equal.

    Returns:
        The divergence in nats, at least 0; infinite if a class was found that the reference does
        not have. At most log K for a reference of equal frequencies.
    """
    counts = _as_counts("counts", counts)
    reference = np.ones(len(counts)) if reference is None else _as_counts("reference", reference)
    if reference.shape != counts.shape:
        raise ValueError(
            "`counts` and `reference` must have the same number of classes. "
            f"Received: {len(counts)} and {len(reference)}"
        )
    for name, value in (("counts", counts), ("reference", reference)):
        if not value.any():
            raise ValueError(f"`{name}` must not be all 0. Received: {len(value)} zeros")
    divergence = special.rel_entr(counts / counts.sum(), reference / reference.sum()).sum()
    # Equal frequencies leave a rounding error of either sign.
    return max(0.0, float(divergence))


def _as_probabilities(value: np.ndarray, *, least: int = 1) -> np.ndarray:
    """Checks floats [N, K] of rows that add up to 1, N at least `least`; returns float64."""
    value = np.asarray(value)
    if value.dtype.kind != "f" or value.ndim != 2 or len(value) < least or value.shape[1] < 2:
        raise ValueError(
            f"`probabilities` must be floats [N, K] with N at least {least} and K at least 2. "
            f"Received: {value.dtype} {list(value.shape)}"
        )
    value = value.astype(np.float64, copy=False)
    # In this form NaN fails, too.
    if not (value.min() >= 0.0 and np.abs(value.sum(axis=1) - 1.0).max() <= SUM_TOLERANCE):
        sums = value.sum(axis=1)
        raise ValueError(
            "`probabilities` must be at least 0 and add up to 1 in each row. Received: values from "
            f"{value.min():g}, sums from {sums.min():g} to {sums.max():g}"
        )
    return value


def _as_counts(name: str, value: np.ndarray) -> np.ndarray:
    """Checks numbers [K], finite and at least 0."""
    value = np.asarray(value)
    if value.dtype.kind not in "iuf" or value.ndim != 1 or not len(value):
        raise ValueError(
            f"`{name}` must be numbers [K]. Received: {value.dtype} {list(value.shape)}"
        )
    if not (np.isfinite(value).all() and value.min() >= 0):
        raise ValueError(
            f"`{name}` must be finite and at least 0. "
            f"Received: values from {value.min()} to {value.max()}"
        )
    return value

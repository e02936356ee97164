"""The kernel distance of two sets of feature vectors: KID, for features of Inception."""

import numpy as np

from kgan.metrics import arrays

ROWS = 512  # of the kernel matrix at a time: 40 MB for 10,000 columns


def squared_mmd(generated: np.ndarray, reference: np.ndarray) -> float:
    """Computes the unbiased squared maximum mean discrepancy under the cubic kernel.

    mean_{i≠j} k(xᵢ, xⱼ) + mean_{i≠j} k(yᵢ, yⱼ) − 2 mean_{i,j} k(xᵢ, yⱼ),  k(x, y) = (x·y/F + 1)³

    Its expectation does not depend on the counts: for equal distributions it is 0, and about half
    of the values are negative. Memory grows with N + M, time with (N + M)².

    Args:
        generated: floats [N, F], N at least 2.
        reference: floats [M, F], M at least 2.

    Returns:
        The estimate, of either sign.

    Reference: Gretton et al. 2012, equation 3; the kernel: Bińkowski et al. 2018, section 4.
    Differs from the papers: nothing.
    """
    generated, reference = arrays.as_feature_pair(generated, reference, least=2)
    return (
        _mean_of_pairs(generated)
        + _mean_of_pairs(reference)
        - 2.0 * _sum(generated, reference) / (len(generated) * len(reference))
    )


def kernel_distance(
    generated: np.ndarray, reference: np.ndarray, *, blocks: int = 10, seed: int
) -> tuple[float, float]:
    """Computes the kernel distance and its standard error.

    Both sets are shuffled and split into `blocks` parts of nearly equal size; the distance is the
    mean of the parts' `squared_mmd`. No vector is in two parts, so that the parts are independent
    and their standard deviation over √blocks is the error of the mean; with overlapping subsets it
    would be too small. With 10 blocks the error itself is uncertain by about a quarter.

    Args:
        generated: floats [N, F], N at least 2 `blocks`; usually about 1,000 per block.
        reference: floats [M, F], M at least 2 `blocks`.
        blocks: number of parts, at least 2.
        seed: of the shuffling.

    Returns:
        The estimate, of either sign, and its standard error.

    Reference: Bińkowski et al. 2018, section 4; blocks: Zaremba, Gretton and Blaschko 2013.
    Differs from the first: disjoint parts instead of random subsets.
    """
    if blocks < 2:
        raise ValueError(f"`blocks` must be at least 2. Received: blocks={blocks}")
    generated, reference = arrays.as_feature_pair(generated, reference, least=2 * blocks)
    rng = np.random.default_rng(seed)
    parts = (np.array_split(rng.permutation(s), blocks) for s in (generated, reference))
    values = [squared_mmd(*pair) for pair in zip(*parts, strict=True)]
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(blocks))


def _mean_of_pairs(features: np.ndarray) -> float:
    """Averages the kernel over all pairs of two different vectors of one set."""
    count, width = features.shape
    with_themselves = (((features**2).sum(axis=1) / width + 1.0) ** 3).sum()
    return float((_sum(features, features) - with_themselves) / (count * (count - 1)))


def _sum(first: np.ndarray, second: np.ndarray) -> float:
    """Sums the kernel over all pairs of one vector from each set."""
    total = 0.0
    for start in range(0, len(first), ROWS):
        base = first[start : start + ROWS] @ second.T / first.shape[1] + 1.0
        # Products: a general power takes ten times as long.
        total += float(np.vdot(base, base * base))
    return total

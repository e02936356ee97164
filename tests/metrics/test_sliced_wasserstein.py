"""Sliced Wasserstein distance of known shifts, of small sets by hand, and of unequal counts."""

import math

import numpy as np
import pytest
import scipy.stats

from kgan.metrics import sliced_wasserstein as module
from kgan.metrics.sliced_wasserstein import sliced_wasserstein


def column(*values):
    return np.array(values, float)[:, None]


@pytest.mark.parametrize(
    "features, power, mean",
    [
        # Means of |cos| over the circle and the sphere; roots of the means of cos².
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 2 / math.pi),
        (3, 1, 1 / 2),
        (3, 2, 1 / math.sqrt(3)),
        (5, 2, 1 / math.sqrt(5)),
    ],
)
def test_shift_is_averaged_over_directions(features, power, mean):
    rng = np.random.default_rng(0)
    points, shift = rng.standard_normal((20, features)), rng.standard_normal(features)
    found = sliced_wasserstein(
        rng.permutation(points) + shift, points, directions=5000, power=power, seed=1
    )
    assert found == pytest.approx(mean * np.linalg.norm(shift), rel=0.02)


def test_ranks_are_paired_by_hand():
    # 0, 1, 5 against 2, 2, 2: 2 + 1 + 3 and 4 + 1 + 9 over 3.
    sets = column(5, 0, 1), column(2, 2, 2)
    assert sliced_wasserstein(*sets, seed=0) == pytest.approx(2)
    assert sliced_wasserstein(*sets, power=2, seed=0) == pytest.approx(math.sqrt(14 / 3))


def test_unequal_counts_by_hand():
    # Quantiles of 0, 6 change at ½, those of 0, 3, 6 at ⅓ and ⅔: 0 on [0, ⅓], |0 − 3| on [⅓, ½],
    # |6 − 3| on [½, ⅔], 0 beyond.
    sets = column(0, 6), column(0, 3, 6)
    for first, second in (sets, sets[::-1]):
        assert sliced_wasserstein(first, second, seed=0) == pytest.approx(1)
        assert sliced_wasserstein(first, second, power=2, seed=0) == pytest.approx(math.sqrt(3))


def test_unequal_counts_are_those_of_repeated_vectors():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((6, 3)), rng.standard_normal((4, 3))
    repeated = sliced_wasserstein(
        np.repeat(first, 2, axis=0), np.repeat(second, 3, axis=0), power=2, seed=0
    )
    assert sliced_wasserstein(first, second, power=2, seed=0) == pytest.approx(repeated)


def test_line_distance_is_scipy_s():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal(70), rng.gamma(2.0, size=31)
    expected = scipy.stats.wasserstein_distance(first, second)
    assert sliced_wasserstein(first[:, None], second[:, None], seed=0) == pytest.approx(expected)


def test_blocks_of_directions_give_the_mean_of_all(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 30, 3))
    found = [
        sliced_wasserstein(first, second, directions=20, seed=0)
        for block in (16, 3, 100)
        if not monkeypatch.setattr(module, "DIRECTIONS", block)
    ]
    np.testing.assert_allclose(found, found[0], rtol=1e-12)
    assert found[0] > 0


def test_a_set_has_distance_0_from_itself_in_any_order():
    points = np.random.default_rng(0).standard_normal((40, 3))
    assert sliced_wasserstein(points, points[::-1], seed=0) == pytest.approx(0, abs=1e-12)


def test_seed_determines_the_directions():
    first, second = np.random.default_rng(0).standard_normal((2, 30, 3))
    once, again, other = (
        sliced_wasserstein(first, second, directions=8, seed=seed) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_other_numbers_are_refused():
    points = np.zeros((3, 2))
    with pytest.raises(ValueError, match="`power` must be 1 or 2. Received: power=3"):
        sliced_wasserstein(points, points, power=3, seed=0)
    with pytest.raises(ValueError, match="`directions` must be at least 1. Received: directions=0"):
        sliced_wasserstein(points, points, directions=0, seed=0)

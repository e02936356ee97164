"""Tests of counted modes against shares that are known."""

import numpy as np
import pytest

from kgan.data.builtin.mixtures import MIXTURES, Mixture
from kgan.metrics.mode_coverage import modes_found

# Within 3 standard deviations of a round Gaussian in the plane: 1 − exp(−9 / 2).
REAL_SHARE = 0.988891


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_real_points_find_all_modes_and_98_9_percent_are_of_high_quality(name):
    mixture = MIXTURES[name]
    shares = []
    for seed in range(20):
        found = modes_found(mixture.sample(2500, (seed,)), mixture)
        assert found.modes == len(mixture.centres)
        shares.append(found.high_quality)
    # One share of 2,500 points has a standard error of 0.0021.
    assert np.mean(shares) == pytest.approx(REAL_SHARE, abs=3 * 0.0021 / np.sqrt(20))
    assert np.std(shares) == pytest.approx(0.0021, rel=0.6)
    assert found.high_quality_standard_error == pytest.approx(0.0021, rel=0.3)


def test_a_point_counts_up_to_three_deviations_and_no_further():
    mixture = Mixture(((0.0, 0.0), (10.0, 0.0)), 1.0)
    points = [[2.99, 0], [0, -2.99], [0, 3.01], [2.2, 2.2], [5.0, 0]]  # 2.2² + 2.2² = 9.68
    found = modes_found(np.array(points), mixture)
    assert (found.points, found.modes, found.high_quality) == (5, 1, 0.4)


def test_points_of_one_mode_find_one():
    mixture = MIXTURES["grid"]
    found = modes_found(np.tile(mixture.centres[7], (30, 1)), mixture)
    assert (found.modes, found.high_quality) == (1, 1.0)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros((0, 2)), np.full((2, 2), np.nan)])
def test_points_of_another_shape_and_nan_are_refused(wrong):
    with pytest.raises(ValueError, match="points"):
        modes_found(wrong, MIXTURES["ring"])

"""Mode coverage against known fractions."""

import numpy as np
import pytest

from kgan.data.builtin.mixtures import MIXTURES, Mixture
from kgan.metrics.mode_coverage import mode_coverage

# Within 3 standard deviations of a round Gaussian in the plane: 1 − exp(−9 / 2).
REAL_FRACTION = 0.988891


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_real_points_find_all_modes_and_98_9_percent_are_of_high_quality(name):
    mixture = MIXTURES[name]
    fractions = []
    for seed in range(20):
        found = mode_coverage(mixture.sample(2500, (seed,)), mixture)
        assert found.modes == len(mixture.centres)
        fractions.append(found.high_quality)
    # The fraction of 2,500 points has a standard error of 0.0021.
    assert np.mean(fractions) == pytest.approx(REAL_FRACTION, abs=3 * 0.0021 / np.sqrt(20))
    assert np.std(fractions) == pytest.approx(0.0021, rel=0.6)
    assert found.high_quality_standard_error == pytest.approx(0.0021, rel=0.3)


def test_a_point_counts_within_three_deviations():
    mixture = Mixture(((0.0, 0.0), (10.0, 0.0)), 1.0)
    points = [[2.99, 0], [0, -2.99], [0, 3.01], [2.2, 2.2], [5.0, 0]]  # 2.2² + 2.2² = 9.68
    found = mode_coverage(np.array(points), mixture)
    assert (found.points, found.modes, found.high_quality) == (5, 1, 0.4)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros((0, 2)), np.full((2, 2), np.nan)])
def test_points_of_another_shape_and_nan_are_refused(wrong):
    with pytest.raises(ValueError, match="points"):
        mode_coverage(wrong, MIXTURES["ring"])

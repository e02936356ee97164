"""Fréchet distance against Gaussians by hand, its error against repeated samples."""

import numpy as np
import pytest
import scipy.linalg

from kgan.metrics import fid
from kgan.metrics.fid import Statistics

MANY = 10**6


def gaussian(mean, covariance):
    return Statistics(np.array(mean, float), np.array(covariance, float), MANY)


def correlated(seed, count, features):
    """Samples vectors whose features are correlated and differ in scale."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((features, features)) * rng.uniform(0.1, 3.0, features)
    return rng.standard_normal((count, features)) @ mixing + rng.standard_normal(features)


def test_statistics_are_mean_and_covariance_over_count_minus_one():
    # Deviations from the mean (2, 1): (-2, 1), (0, -1), (2, 0).
    found = Statistics.from_features(np.array([[0, 2], [2, 0], [4, 1]], np.float32))
    assert found.count == 3
    np.testing.assert_allclose(found.mean, [2, 1])
    np.testing.assert_allclose(found.covariance, [[4, -1], [-1, 1]])
    assert found.mean.dtype == found.covariance.dtype == np.float64


def test_statistics_are_mean_and_covariance():
    features = correlated(0, 100, 5)
    whole = Statistics.from_features(features)
    assert whole.count == 100
    np.testing.assert_allclose(whole.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.covariance, np.cov(features.T), rtol=1e-11)


def test_small_variance_far_from_zero_is_not_lost():
    # Values 10⁸ ± 0.5: the variance is 0.25 · 4/3, the squares are 10¹⁶.
    found = Statistics.from_features(1e8 + np.array([[0.5], [-0.5], [0.5], [-0.5]]))
    assert found.covariance[0, 0] == pytest.approx(1 / 3, rel=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Statistics.from_features(np.zeros((1, 4))), r"N at least 2.*Received: .*\[1, 4\]"),
        (lambda: Statistics(np.zeros(2), np.eye(3), 10), r"Received: \[2\] and \[3, 3\]"),
        (lambda: Statistics(np.array([0, np.nan]), np.eye(2), 10), "must be finite"),
        (lambda: Statistics(np.zeros(2), np.eye(2), 1), "`count` must be at least 2.*Received: 1"),
    ],
)
def test_statistics_that_do_not_match_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # |m|² = 9 + 16; each axis adds (σ₁ − σ₂)²: (1 − 3)² + (2 − 0.5)².
        (([0, 0], [[1, 0], [0, 4]]), ([3, -4], [[9, 0], [0, 0.25]]), 25 + 4 + 2.25),
        # For 2x2, tr √M = √(tr M + 2 √det M). Here M = C₁C₂ = [[2, 4], [1, 8]] has the trace 10 and
        # the determinant 4 · 3 = 12. tr C₁ + tr C₂ = 5 + 4.
        (
            ([0, 0], [[1, 0], [0, 4]]),
            ([0, 0], [[2, 1], [1, 2]]),
            9 - 2 * np.sqrt(10 + 2 * np.sqrt(12)),
        ),
    ],
)
def test_distance_of_gaussians_by_hand(first, second, expected):
    first, second = gaussian(*first), gaussian(*second)
    assert fid.frechet_distance(first, second) == pytest.approx(expected)
    assert fid.frechet_distance(second, first) == pytest.approx(expected)


def test_distance_is_that_of_the_matrix_square_root():
    first, second = (Statistics.from_features(correlated(seed, 60, 12)) for seed in (1, 2))
    root = scipy.linalg.sqrtm(first.covariance @ second.covariance)
    shift = first.mean - second.mean
    expected = shift @ shift + np.trace(first.covariance + second.covariance - 2 * root.real)
    assert expected > 1
    assert fid.frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_equal_statistics_have_distance_0():
    statistics = Statistics.from_features(correlated(0, 50, 20))
    distance = fid.frechet_distance(statistics, statistics)
    assert 0 <= distance < 1e-10 * np.trace(statistics.covariance)


def test_directions_without_variance_change_nothing():
    # The same features twice, and five that are always 0: twice the distance.
    first, second = correlated(1, 60, 6), correlated(2, 60, 6)
    dead = np.zeros((60, 5))
    once = fid.frechet_distance(*map(Statistics.from_features, (first, second)))
    twice = fid.frechet_distance(
        *(Statistics.from_features(np.hstack([x, dead, x])) for x in (first, second))
    )
    assert twice == pytest.approx(2 * once, rel=1e-9)


def test_distance_of_a_collapsed_sample_by_hand():
    # A point has σ = 0: |m|² + tr C = 4 + 5, and its samples do not vary.
    reference = gaussian([0, 0], [[1, 0], [0, 4]])
    points = np.array([[2.0, 0.0]] * 5)
    distance = fid.frechet_distance(Statistics.from_features(points), reference)
    assert distance == pytest.approx(9)
    assert fid.frechet_error(points, reference) == 0


@pytest.mark.parametrize("count", [3, 4])
def test_too_few_samples_are_refused(count):
    few, enough = correlated(0, count, 4), correlated(1, 5, 4)
    own, other = Statistics.from_features(few), Statistics.from_features(enough)
    message = (
        "must have more samples than features, at least 5 and better 40, else its covariance is "
        f"singular. Received: {count} samples of 4 features"
    )
    with pytest.raises(ValueError, match=f"`generated` {message}"):
        fid.frechet_distance(own, other)
    with pytest.raises(ValueError, match=f"`reference` {message}"):
        fid.frechet_distance(other, own)
    with pytest.raises(ValueError, match=f"`generated` {message}"):
        fid.frechet_error(few, other)
    assert fid.frechet_distance(other, other) < 1e-8


def test_different_features_are_refused():
    with pytest.raises(ValueError, match="same number of features. Received: 1 and 2"):
        fid.frechet_distance(gaussian([0], [[1]]), gaussian([0, 0], np.eye(2)))


@pytest.mark.parametrize(
    ("sample", "reference", "expected"),
    [
        # F = 1, and the reference has the variance 26 / 3 of the sample, whose mean is 3: T = 1, so
        # that the influence is 2 (m₁ − m₂)(x − m₁).
        ([0, 1, 5, 6], ([1], [[26 / 3]]), 2 * 2 * np.sqrt(26 / 3 / 4)),
        # Equal means, σ₁² = 8/3, σ₂ = 2 σ₁: T = 2, the influence is −(x − m₁)²: −4, 0, 0, −4.
        ([-2, 0, 0, 2], ([0], [[4 * 8 / 3]]), np.std([4, 0, 0, 4], ddof=1) / 2),
    ],
)
def test_error_by_hand(sample, reference, expected):
    sample = np.array(sample, float)[:, None]
    assert fid.frechet_error(sample, gaussian(*reference)) == pytest.approx(expected)


def test_error_is_that_of_the_jackknife():
    # The jackknife uses no derivatives. The axes of the two sets differ, and the sample is far
    # from a Gaussian, whose whitened vectors are isotropic.
    sample = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (1000, 3), p=[0.05, 0.9, 0.05])
    other = gaussian([0, 0, 0], [[5, 4, 4], [4, 5, 4], [4, 4, 5]])
    left = [
        fid.frechet_distance(Statistics.from_features(np.delete(sample, i, axis=0)), other)
        for i in range(1000)
    ]
    jackknife = np.sqrt(999 / 1000 * np.sum((left - np.mean(left)) ** 2))
    assert fid.frechet_error(sample, other) == pytest.approx(jackknife, rel=0.01)


@pytest.mark.parametrize(
    "shift, scale, low, high",
    [
        (0.3, 1.3, 0.85, 1.25),
        # Equal distributions: too large by √2 in first order, never too small.
        (0.0, 1.0, 1.1, 1.7),
    ],
)
def test_error_is_the_deviation_between_samples(shift, scale, low, high):
    rng = np.random.default_rng(0)
    turn = scipy.linalg.qr(rng.standard_normal((4, 4)))[0]
    reference = gaussian(np.zeros(4), turn @ np.diag([0.1, 1, 2, 4]) @ turn.T)
    root = turn @ np.diag(np.sqrt([0.1, 1, 2, 4]))
    distances, errors = [], []
    for _ in range(300):
        sample = rng.standard_normal((400, 4)) * scale @ root.T + shift
        distances.append(fid.frechet_distance(Statistics.from_features(sample), reference))
        errors.append(fid.frechet_error(sample, reference))
    assert low < np.sqrt(np.mean(np.square(errors))) / np.std(distances) < high

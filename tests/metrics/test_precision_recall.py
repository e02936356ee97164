"""Precision, recall, density and coverage of known overlaps and of points by hand."""

import numpy as np
import pytest
from scipy.spatial import distance

from kgan.metrics import precision_recall


def column(*values):
    return np.array(values, float)[:, None]


def test_balls_by_hand():
    # k = 1. Reference 0, 1, 5 has the balls [-1, 1], [0, 2], [1, 9]; generated 1.5, 8, 20 has
    # [-5, 8], [1.5, 14.5], [8, 32].
    reference, generated = column(0, 1, 5), column(1.5, 8, 20)
    precision, recall = precision_recall.precision_recall(generated, reference, k=1)
    # 1.5 and 8 are in balls of the reference; 0, 1 and 5 all in the first generated one.
    assert (precision, recall) == (pytest.approx(2 / 3), 1.0)
    density, coverage = precision_recall.density_coverage(generated, reference, k=1)
    # 1.5 lies in two balls, 8 in one; the ball of 0 is empty.
    assert (density, coverage) == (pytest.approx(3 / 3), pytest.approx(2 / 3))


def test_k_widens_the_balls_and_divides_the_density():
    # k = 2: the balls of 0, 1, 5 are [-5, 5], [-3, 5], [0, 10].
    density, coverage = precision_recall.density_coverage(column(1.5, 8, 20), column(0, 1, 5), k=2)
    assert (density, coverage) == (pytest.approx((3 + 1) / (2 * 3)), 1.0)


def test_precision_and_recall_are_not_symmetric():
    # On a line a point is in no ball when the three gaps beyond its neighbour on either side are
    # together shorter than its way to that neighbour: (1/2)³ on each side, so that 63/64 of a
    # support are found. One binomial deviation of 2,500 points is 0.0025 there, 0.01 at a half.
    rng = np.random.default_rng(0)
    wide, narrow = rng.uniform(0, 2, (2500, 1)), rng.uniform(0, 1, (2500, 1))
    precision, recall = precision_recall.precision_recall(narrow, wide)
    assert precision == pytest.approx(63 / 64, abs=0.01)
    assert recall == pytest.approx(63 / 128, abs=0.04)
    assert precision_recall.precision_recall(wide, narrow) == (recall, precision)


def test_squares_that_overlap_by_half_have_half_the_precision_and_recall():
    # Holes and the rim of 0.02 beyond the edge (the radius of 3 of 2,500 points) about cancel.
    rng = np.random.default_rng(0)
    reference, generated = rng.uniform(0, 1, (2, 2500, 2))
    generated[:, 0] += 0.5
    found = precision_recall.precision_recall(generated, reference)
    np.testing.assert_allclose(found, 0.5, atol=0.05)
    density, coverage = precision_recall.density_coverage(generated, reference)
    # Where generated vectors are, they are as dense as the reference.
    assert density == pytest.approx(0.5, abs=0.05)
    assert coverage == pytest.approx(0.5 * 0.969, abs=0.05)


@pytest.mark.parametrize("generated, reference, k", [(300, 300, 5), (150, 450, 3)])
def test_equal_distributions_have_the_expected_density_and_coverage(generated, reference, k):
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((generated + reference, 3)) for _ in range(30)]
    found = [precision_recall.density_coverage(x[:generated], x[generated:], k=k) for x in sets]
    expected = 1.0, precision_recall.expected_coverage(generated, reference, k=k)
    error = np.std(found, axis=0) / np.sqrt(30)
    assert (np.abs(np.mean(found, axis=0) - expected) < 3 * error).all()
    assert (error < 0.02).all()


def test_expected_coverage_by_hand():
    # N = M = 3, k = 2: empty with (2/5)(1/4); N = 2, M = 4, k = 1: empty with 3/5.
    assert precision_recall.expected_coverage(3, 3, k=2) == pytest.approx(0.9)
    assert precision_recall.expected_coverage(2, 4, k=1) == pytest.approx(0.4)
    # Naeem et al.: 1 − 2^−k for large N = M.
    assert precision_recall.expected_coverage(10**6, 10**6) == pytest.approx(1 - 2**-5, abs=1e-5)


def test_copies_are_in_the_balls_of_their_originals():
    # Each of 50 closed balls contains its own vector and its k nearest neighbours: k + 1, also far
    # from 0, where rounding errors are large.
    vectors = np.random.default_rng(0).standard_normal((50, 4)) + 100
    assert precision_recall.precision_recall(vectors, vectors.copy()) == (1.0, 1.0)
    assert precision_recall.density_coverage(vectors, vectors.copy()) == (6 / 5, 1.0)
    assert precision_recall.density_coverage(vectors[::-1], vectors, k=2) == (3 / 2, 1.0)


def test_collapsed_generator_is_precise_and_recalls_nothing():
    reference = np.random.default_rng(0).standard_normal((100, 3))
    generated = np.repeat(reference[:1] + 1e-3, 100, axis=0)
    assert precision_recall.precision_recall(generated, reference) == (1.0, 0.0)


def test_measures_are_those_of_all_distances_whatever_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    generated, reference = rng.standard_normal((40, 3)) + 0.5, rng.standard_normal((50, 3))
    own, other, between = (
        distance.cdist(*pair)
        for pair in ((generated,) * 2, (reference,) * 2, (generated, reference))
    )
    own_radii, radii = np.sort(own)[:, 4], np.sort(other)[:, 4]
    inside = between <= radii
    expected = inside.any(axis=1).mean(), (between <= own_radii[:, None]).any(axis=0).mean()
    for rows in (512, 7):
        monkeypatch.setattr(precision_recall, "ROWS", rows)
        assert precision_recall.precision_recall(generated, reference, k=4) == pytest.approx(
            expected
        )
        assert precision_recall.density_coverage(generated, reference, k=4) == pytest.approx(
            (inside.sum() / (4 * 40), inside.any(axis=0).mean())
        )


@pytest.mark.parametrize(
    ("function", "arguments", "k", "message"),
    [
        ("precision_recall", (np.zeros((3, 2)), np.zeros((4, 2))), 3, "`generated` .* at least 4"),
        ("density_coverage", (np.zeros((4, 2)), np.zeros((3, 2))), 3, "`reference` .* at least 4"),
        ("expected_coverage", (5, 3), 3, "Received: 5, 3 and k=3"),
        ("precision_recall", (np.zeros((4, 2)), np.zeros((4, 2))), 0, "`k` .* Received: k=0"),
        ("density_coverage", (np.zeros((4, 2)), np.zeros((4, 2))), 0, "`k` .* Received: k=0"),
        ("expected_coverage", (4, 4), 0, "`k` must be at least 1. Received: k=0"),
    ],
)
def test_too_few_vectors_and_k_below_1_are_refused(function, arguments, k, message):
    with pytest.raises(ValueError, match=message):
        getattr(precision_recall, function)(*arguments, k=k)

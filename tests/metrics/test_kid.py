"""The unbiased kernel distance by hand, over all splits of one set, and against moments."""

import itertools

import numpy as np
import pytest

from kgan.metrics import kid


def column(*values):
    return np.array(values, float)[:, None]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # k(x, y) = (xy + 1)³. Own pairs: k(0, 1) = 1, k(1, 2) = 27. Cross: 1, 1, 8, 27, mean 37/4.
        (column(0, 1), column(1, 2), 1 + 27 - 2 * 37 / 4),
        # k((1, 3), (1, 1)) = (4/2 + 1)³; own pairs (1 + 9 over 2) + 1 = 6 and 2, cubed.
        (np.array([[1.0, 3.0]] * 2), np.array([[1.0, 1.0]] * 2), 6**3 + 2**3 - 2 * 27),
        # Unequal counts. Own pairs: k(0, 1) = 1; k(1, 1) = 8, k(1, −1) = 0 twice, mean 8/3. Cross:
        # 0 gives 1, 1, 1 and 1 gives 8, 8, 0, mean 19/6.
        (column(0, 1), column(1, 1, -1), 1 + 8 / 3 - 2 * 19 / 6),
    ],
)
def test_estimate_by_hand(first, second, expected):
    assert kid.squared_mmd(first, second) == pytest.approx(expected)


def test_estimate_is_unbiased_over_all_splits_of_one_set():
    # Each pair is as often within a half as across, so that the mean over all splits is exactly 0.
    points = np.random.default_rng(0).standard_normal((6, 2)) * 2 + 1
    values = []
    for own in itertools.combinations(range(6), 3):
        mask = np.isin(np.arange(6), own)
        values.append(kid.squared_mmd(points[mask], points[~mask]))
    assert np.mean(values) == pytest.approx(0, abs=1e-10 * np.max(values))
    assert min(values) < 0 < max(values)


def test_blocks_of_rows_give_the_sum_of_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((50, 3)), rng.standard_normal((41, 3))
    whole = kid.squared_mmd(first, second)
    monkeypatch.setattr(kid, "ROWS", 7)
    assert kid.squared_mmd(first, second) == pytest.approx(whole, rel=1e-12)


def test_distance_is_that_of_the_moments():
    # (xy + 1)³ compares the first three moments: 3 (Δm₁)² + 3 (Δm₂)² + (Δm₃)². From N(0, 1) to
    # N(0.5, 1) they grow by 0.5, 0.25 and 3 · 0.5 + 0.125.
    expected = 3 * 0.5**2 + 3 * 0.25**2 + 1.625**2
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((20_000, 1)), rng.standard_normal((20_000, 1)) + 0.5
    found, error = kid.kernel_distance(first, second, blocks=40, seed=0)
    assert abs(found - expected) < 3 * error < 0.6


def test_equal_distributions_are_0_on_average_and_the_error_is_true():
    rng = np.random.default_rng(0)
    results = [
        kid.kernel_distance(*rng.standard_normal((2, 80, 2)), blocks=4, seed=seed)
        for seed in range(400)
    ]
    values, errors = np.transpose(results)
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(400)
    assert 0.3 < (values < 0).mean() < 0.8
    assert 0.85 < np.sqrt((errors**2).mean()) / values.std() < 1.15


def test_blocks_are_a_shuffled_partition_of_each_set(monkeypatch):
    seen = []

    def numbered(*sets):
        seen.append([block[:, 0] for block in sets])
        return float(len(seen))

    monkeypatch.setattr(kid, "squared_mmd", numbered)
    first, second = column(*range(20)), column(*range(31))
    found, error = kid.kernel_distance(first, second, blocks=3, seed=0)
    # 1, 2, 3: mean 2, deviation 1.
    assert (found, error) == (2, pytest.approx(1 / np.sqrt(3)))
    for given, blocks in zip((first, second), zip(*seen, strict=True), strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate(blocks)), given[:, 0])
        assert np.ptp([len(block) for block in blocks]) <= 1
        # Of a sorted set each block sees small and large.
        assert all(np.ptp(block) > len(given) / 2 for block in blocks)


def test_seed_determines_the_blocks():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 40, 2))
    once, again, other = (
        kid.kernel_distance(first, second, blocks=4, seed=seed) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_too_few_blocks_or_vectors_are_refused():
    with pytest.raises(ValueError, match="`blocks` must be at least 2. Received: blocks=1"):
        kid.kernel_distance(np.zeros((9, 2)), np.zeros((9, 2)), blocks=1, seed=0)
    for counts in ((1, 2), (2, 1)):
        with pytest.raises(ValueError, match="N at least 2"):
            kid.squared_mmd(*(np.zeros((count, 3)) for count in counts))
    with pytest.raises(ValueError, match="`reference` must be .* N at least 8"):
        kid.kernel_distance(np.zeros((8, 2)), np.zeros((7, 2)), blocks=4, seed=0)

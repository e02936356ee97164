"""Scores and divergences of a few classes, worked out by hand."""

import functools
import math

import numpy as np
import pytest

from kgan.metrics import class_scores


def one_hot(labels, number):
    return np.eye(number, dtype=np.float32)[labels]


@pytest.mark.parametrize("rows", [np.full((40, 5), 0.2, np.float32), one_hot([2] * 40, 5)])
def test_uncertain_classifier_and_single_class_have_score_1(rows):
    np.testing.assert_allclose(class_scores.class_score(rows, seed=0), (1, 0), atol=1e-6)


def test_score_by_hand():
    # Of three a and one b, one half is a a (score 1), the other a b (score 2), whatever the seed.
    for seed in range(5):
        score, error = class_scores.class_score(one_hot([0, 0, 0, 1], 2), splits=2, seed=seed)
        assert score == pytest.approx(1.5)
        assert error == pytest.approx(0.5)  # deviation √½ over √2


def test_score_of_probabilities_by_hand():
    # Equally many rows (0.9, 0.1) and (0.1, 0.9): exp(log 2 − H(0.9)), in nearly balanced parts.
    rows = np.tile([[0.9, 0.1], [0.1, 0.9]], (20_000, 1))
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    score, error = class_scores.class_score(rows, seed=0)
    assert score == pytest.approx(2 * math.exp(-entropy), abs=2e-3)
    assert error < 1e-3


def test_samples_are_shuffled_by_the_seed():
    # Ten parts in the order given would have one class each, score 1.
    score, _ = class_scores.class_score(one_hot(np.repeat(np.arange(10), 100), 10), seed=0)
    assert 9 < score <= 10
    labels = np.random.default_rng(0).integers(0, 5, 100)
    once, again, other = (
        class_scores.class_score(one_hot(labels, 5), seed=seed) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_error_is_the_deviation_between_samples():
    rng = np.random.default_rng(0)
    samples = [rng.dirichlet([0.3, 0.3, 0.6], 200) for _ in range(300)]
    found = np.array([class_scores.class_score(s, seed=n) for n, s in enumerate(samples)])
    ratio = np.sqrt((found[:, 1] ** 2).mean()) / found[:, 0].std()
    assert 0.85 < ratio < 1.15


@pytest.mark.parametrize(
    "rows, received",
    [
        ([[0.5, 0.6]], "values from 0.5, sums from 1.1 to 1.1"),
        ([[1.5, -0.5]], "values from -0.5, sums from 1 to 1"),
        ([[np.nan, 0.5]], "values from nan, sums from nan to nan"),
    ],
)
def test_rows_that_are_not_probabilities_are_refused(rows, received):
    rows = np.array([[0.5, 0.5]] * 3 + rows)
    score = functools.partial(class_scores.class_score, splits=2, seed=0)
    for function in (class_scores.class_counts, score):
        with pytest.raises(ValueError, match="`probabilities` must be at least 0 and add up") as e:
            function(rows)
        assert received.partition(",")[0] in str(e.value)


@pytest.mark.parametrize(
    "value", [np.ones(4), np.ones((4, 1)), np.ones((0, 3)), np.eye(4, dtype=int)]
)
def test_other_shapes_and_labels_are_refused(value):
    with pytest.raises(ValueError, match=r"`probabilities` must be floats \[N, K\]"):
        class_scores.class_counts(value)


def test_too_few_splits_or_samples_are_refused():
    rows = np.full((19, 2), 0.5)
    with pytest.raises(ValueError, match="`splits` must be at least 2. Received: splits=1"):
        class_scores.class_score(rows, splits=1, seed=0)
    with pytest.raises(ValueError, match="N at least 20"):
        class_scores.class_score(rows, seed=0)


def test_counts_are_of_the_most_probable_class():
    rows = np.array([[0.4, 0.3, 0.3, 0], [0.1, 0.2, 0.7, 0], [0.5, 0.1, 0.4, 0]], np.float32)
    np.testing.assert_array_equal(class_scores.class_counts(rows), [2, 0, 1, 0])


def test_a_mode_needs_the_requested_number_of_samples():
    counts = np.array([0, 1, 2, 5, 0])
    assert [class_scores.modes_found(counts, least=least) for least in (1, 2, 3, 6)] == [3, 2, 1, 0]
    assert class_scores.modes_found(counts) == 3
    with pytest.raises(ValueError, match="`least` must be at least 1. Received: least=0"):
        class_scores.modes_found(counts, least=0)


@pytest.mark.parametrize(
    ("counts", "reference", "expected"),
    [
        # Frequencies ¾, ¼, 0, 0 against ¼ each: ¾ log 3 + ¼ log 1.
        ([3, 1, 0, 0], None, 0.75 * math.log(3)),
        ([0, 9, 0, 0], None, math.log(4)),
        ([7, 7, 7], None, 0),
        # The rounded sum is −3e-17.
        ([7, 6, 5, 3], [1, 6 / 7, 5 / 7, 3 / 7], 0),
        # ½, ½ against ¾, ¼, as counts or frequencies; reversed it would be ¾ log 3/2 + ¼ log ½.
        ([4, 4], [3, 1], 0.5 * math.log(2 / 3) + 0.5 * math.log(2)),
        ([4, 4], [0.75, 0.25], 0.5 * math.log(2 / 3) + 0.5 * math.log(2)),
        # A class that the reference does not have, and one that is not found.
        ([1, 1], [1, 0], math.inf),
        ([1, 0], [1, 1], math.log(2)),
    ],
)
def test_divergence_by_hand(counts, reference, expected):
    reference = None if reference is None else np.array(reference)
    found = class_scores.class_divergence(np.array(counts), reference)
    assert found == pytest.approx(expected, rel=1e-12, abs=0) and found >= 0


def test_perfect_generator_has_the_divergence_of_its_finite_sample():
    # Stacked MNIST's protocol, 26,000 samples of 1,000 even classes: 999 / 52,000 on average.
    rng = np.random.default_rng(0)
    found = [
        class_scores.class_divergence(rng.multinomial(26_000, np.full(1000, 1e-3)))
        for _ in range(50)
    ]
    assert np.mean(found) == pytest.approx(999 / 52_000, rel=0.03)


@pytest.mark.parametrize(
    "counts, reference, message",
    [
        ([[1, 2]], None, r"`counts` must be numbers \[K\]. Received: int64 \[1, 2\]"),
        ([1, -2], None, "`counts` must be finite and at least 0. Received: values from -2 to 1"),
        ([1, np.inf], None, "`counts` must be finite and at least 0"),
        ([0, 0], None, "`counts` must not be all 0. Received: 2 zeros"),
        ([1, 2], [0.0, 0.0], "`reference` must not be all 0"),
        ([1, 2], [1.0, np.nan], "`reference` must be finite"),
        ([1, 2], [1, 2, 3], "same number of classes. Received: 2 and 3"),
    ],
)
def test_values_that_are_not_counts_are_refused(counts, reference, message):
    reference = None if reference is None else np.array(reference)
    with pytest.raises(ValueError, match=message):
        class_scores.class_divergence(np.array(counts), reference)

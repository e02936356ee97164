"""Exact distances by hand, and critics of known slope."""

import keras
import numpy as np
import pytest

from kgan.metrics import wasserstein
from tools import known_distances


class Critic(keras.Model):
    """A function of points as a critic, which records its batches."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.given = []

    def call(self, points):
        self.given.append(keras.ops.convert_to_numpy(points))
        return self.function(points)


def linear(*weights, bias=0.0):
    critic = keras.Sequential([keras.Input([len(weights)]), keras.layers.Dense(1)])
    critic.set_weights([np.reshape(weights, (-1, 1)), np.array([bias])])
    return critic


def half_square():
    """½ ‖x‖², whose gradient is x."""
    return Critic(lambda x: keras.ops.sum(keras.ops.reshape(x, (len(x), -1)) ** 2, 1)[:, None] / 2)


def points(*values):
    return np.array(values, np.float32)


class TestExactDistance:
    def test_of_shifted_copies_is_the_length_of_the_shift(self):
        cloud = np.random.default_rng(0).normal(size=(200, 3))
        # √(4 + 9 + 36) = 7
        assert wasserstein.exact(cloud, cloud + [2, -3, 6]) == pytest.approx(7, rel=1e-12)

    def test_is_optimal_for_all_points_together(self):
        first = np.array([[3, 0], [0, 0], [0, 4]])
        second = np.array([[2, 0], [7, 0], [3, 8]])
        # Nearest first: 1 for (3, 0), then 7 for (0, 0) and 5 for (0, 4). Best: 4 + 2 + 5.
        assert wasserstein.exact(first, second) == pytest.approx(11 / 3, rel=1e-12)

    def test_is_symmetric_and_does_not_depend_on_the_order(self):
        rng = np.random.default_rng(0)
        first, second = rng.normal(size=(2, 60, 2))
        expected = wasserstein.exact(first, second)
        found = wasserstein.exact(rng.permutation(second), rng.permutation(first))
        assert found == pytest.approx(expected, rel=1e-12)
        assert wasserstein.exact(first, rng.permutation(first)) == 0

    def test_in_one_dimension_pairs_the_sorted_points(self):
        first, second = np.random.default_rng(0).normal(size=(2, 100, 1))
        expected = np.abs(np.sort(first, axis=0) - np.sort(second, axis=0)).mean()
        assert wasserstein.exact(first, second) == pytest.approx(expected, rel=1e-12)

    def test_of_images_takes_all_axes_together(self):
        dark, light = np.zeros((3, 2, 4, 2), np.float32), np.full((3, 2, 4, 2), 0.5, np.float32)
        assert wasserstein.exact(dark, light) == pytest.approx(2)  # √(16 · 0.25)

    def test_of_float32_points_is_computed_in_float64(self):
        far = points([1e4, 1e4])
        assert wasserstein.exact(far, np.nextafter(far, np.float32(2e4))) == pytest.approx(
            np.sqrt(2) / 1024, rel=1e-9
        )

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            (((3, 2), (4, 2)), "must have the same shape. Received:"),
            (((3, 2), (3, 3)), "must have the same shape. Received:"),
            (((0, 1), (0, 1)), "must have 1 to 4000 points. Received: 0"),
            (((4001, 1), (4001, 1)), "must have 1 to 4000 points. Received: 4001"),
        ],
    )
    def test_of_other_shapes_and_counts_is_refused(self, shapes, message):
        with pytest.raises(ValueError, match=message):
            wasserstein.exact(*map(np.zeros, shapes))


class TestKnownDistances:
    @pytest.mark.parametrize("theta", [0.25, -0.25])
    def test_of_parallel_lines_is_the_distance_of_the_lines(self, theta):
        assert known_distances.between_parallel_lines(theta) == 0.25

    def test_samples_of_gaussians_are_independent_and_differ_only_in_their_mean(self):
        first, second = known_distances.sample_shifted_gaussians(4000, [3, -4], seed=1)
        assert first.dtype == second.dtype == np.float32
        assert first.shape == second.shape == (4000, 2)
        # Standard errors are 0.016 for means, 0.011 for deviations, 0.016 for correlations.
        np.testing.assert_allclose(first.mean(axis=0), [0, 0], atol=0.06)
        np.testing.assert_allclose(second.mean(axis=0), [3, -4], atol=0.06)
        correlations = np.corrcoef(np.concatenate([first, second], axis=1).T)
        np.testing.assert_allclose(correlations, np.eye(4), atol=0.06)
        np.testing.assert_allclose([first.std(axis=0), second.std(axis=0)], 1, atol=0.05)

    def test_samples_of_lines_are_independent_and_lie_on_them(self):
        first, second = known_distances.sample_parallel_lines(4000, -0.5, seed=1)
        assert first.dtype == second.dtype == np.float32
        assert first.shape == second.shape == (4000, 2)
        assert (first[:, 0] == 0).all() and (second[:, 0] == -0.5).all()
        for heights in (first[:, 1], second[:, 1]):
            tenths = np.histogram(heights, 10, (0, 1))[0]
            assert tenths.sum() == 4000  # none is outside
            np.testing.assert_allclose(tenths, 400, atol=95)  # five standard deviations
        assert abs(np.corrcoef(first[:, 1], second[:, 1])[0, 1]) < 0.08

    def test_samples_have_the_distance_of_their_distributions(self):
        gaussians = known_distances.sample_shifted_gaussians(500, [3, 4], seed=0)
        assert wasserstein.exact(*gaussians) == pytest.approx(5, abs=0.2)
        lines = known_distances.sample_parallel_lines(500, 0.5, seed=0)
        # Each point moves to the other line, and a little along it.
        assert 0.5 <= wasserstein.exact(*lines) < 0.51

    @pytest.mark.parametrize(
        "sample",
        [
            lambda seed: known_distances.sample_shifted_gaussians(5, [1, 2], seed),
            lambda seed: known_distances.sample_parallel_lines(5, 1, seed),
        ],
    )
    def test_samples_are_a_function_of_the_seed(self, sample):
        np.testing.assert_array_equal(sample(3), sample(3))
        assert not np.array_equal(sample(3), sample(4))


class TestCriticEstimate:
    def test_is_the_difference_of_the_mean_scores(self):
        first, second = points([1, 0], [3, 2]), points([0, 1])
        # Scores 2 + 7 and 6 - 2 + 7, 10 on average, and -1 + 7.
        critic = linear(2, -1, bias=7)
        assert wasserstein.critic_estimate(critic, first, second) == pytest.approx(4)
        assert wasserstein.critic_estimate(critic, second, first) == pytest.approx(-4)

    def test_is_the_distance_for_the_critic_that_falls_along_the_shift(self):
        cloud = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
        moved = cloud + points(3, 4)
        found = wasserstein.critic_estimate(linear(-0.6, -0.8), cloud, moved)
        assert found == pytest.approx(wasserstein.exact(cloud, moved), rel=1e-5)

    def test_counts_every_point_in_batches_of_1000(self):
        critic = Critic(lambda x: x)
        first = np.arange(2345, dtype=np.float32)[:, None]
        assert wasserstein.critic_estimate(critic, first, points([2])) == 1172 - 2
        assert [len(batch) for batch in critic.given] == [1000, 1000, 345, 1]

    def test_is_that_of_inference(self):
        critic = keras.Sequential([keras.Input([2]), keras.layers.Dropout(0.5), linear(1, 1)])
        cloud = np.ones((500, 2), np.float32)
        assert wasserstein.critic_estimate(critic, cloud, 0 * cloud) == 2


class TestSlopes:
    def test_of_a_linear_critic_are_the_norm_of_its_weights_at_inference(self):
        critic = keras.Sequential([keras.Input([2]), keras.layers.Dropout(0.5), linear(3, 4)])
        first, second = points([0, 0]), points([3, 4], [6, 8])  # along the weights
        found = wasserstein.lipschitz_estimate(critic, first, second, 20, seed=0)
        slopes = (found.largest_gradient, found.mean_gradient, found.largest_quotient)
        assert slopes == pytest.approx((5, 5, 5), rel=1e-6)

    def test_quotient_is_that_of_a_point_of_one_set_and_one_of_the_other(self):
        # Within a set scores differ; from (0, 0) and (3, 4) to (-4, 3) and (-1, 7), no more than
        # between the opposite corners of this square: 25 over √50.
        first, second = points([0, 0], [3, 4]), points([-4, 3], [-1, 7])
        found = wasserstein.lipschitz_estimate(linear(3, 4), first, second, 100, seed=0)
        assert found.largest_quotient == pytest.approx(25 / np.sqrt(50), rel=1e-6)
        assert found.largest_gradient == pytest.approx(5, rel=1e-6)

    def test_of_a_half_square_are_sampled_along_the_whole_line(self):
        found = wasserstein.lipschitz_estimate(
            half_square(), points([0, 0]), points([3, 4]), 2500, seed=0
        )
        # The gradient grows evenly from 0 to 5; its mean has a standard error of 0.03.
        assert 4.98 < found.largest_gradient < 5
        assert found.mean_gradient == pytest.approx(2.5, abs=0.15)
        assert found.largest_quotient == pytest.approx(12.5 / 5, rel=1e-6)

    def test_of_a_bent_critic_are_those_of_its_pieces(self):
        ramp = Critic(lambda x: 2 * keras.ops.relu(x))
        found = wasserstein.lipschitz_estimate(ramp, points([-1]), points([3]), 2500, seed=0)
        # 2 on three quarters of the line, 0 on the others; 6 over 4 from end to end.
        assert found.largest_gradient == 2
        assert found.mean_gradient == pytest.approx(1.5, abs=0.1)
        assert found.largest_quotient == 1.5

    def test_of_images_take_all_axes_together(self):
        dark, light = np.zeros((4, 2, 4, 2), np.float32), np.ones((4, 2, 4, 2), np.float32)
        found = wasserstein.lipschitz_estimate(half_square(), dark, light, 2500, seed=0)
        # ‖x‖ is 4 at the white end, which only one weight per image reaches.
        assert 3.98 < found.largest_gradient < 4
        assert found.mean_gradient == pytest.approx(2, abs=0.12)
        assert found.largest_quotient == pytest.approx(8 / 4, rel=1e-6)

    def test_are_sampled_from_all_points_of_both_sets(self):
        first, second = points([0], [0], [0], [-9]), points([1], [1], [7])
        found = wasserstein.lipschitz_estimate(half_square(), first, second, 5000, seed=0)
        assert 8.9 < found.largest_gradient < 9
        # ½ (81 - 1) / 10 = 4 from -9 to 1; from 0 to 7 it is 3.5, from -9 to 7 it is 1.
        assert found.largest_quotient == pytest.approx(4, rel=1e-6)

    def test_are_computed_in_batches_of_1000(self):
        critic = half_square()
        wasserstein.lipschitz_estimate(critic, points([0]), points([1]), 1500, seed=0)
        assert [len(batch) for batch in critic.given] == [1000] * 3 + [500] * 3
        between = np.concatenate([critic.given[0], critic.given[3]])
        assert len(np.unique(between)) > 1490  # each batch has its own points

    def test_of_equal_points_have_no_quotient(self):
        same = points([1, 2])
        found = wasserstein.lipschitz_estimate(linear(3, 4), same, same, 5, seed=0)
        assert found == wasserstein.Slopes(5.0, 5.0, 0.0)

    def test_of_points_too_close_for_float32_have_no_quotient(self):
        # Near 1,000 scores are 6.1e-5 apart, so that 4e-5 is rounded up: 1.5 times the slope.
        critic = linear(1, bias=1000)
        near, both = points([4e-5]), points([4e-5], [1])
        found = wasserstein.lipschitz_estimate(critic, points([0]), near, 50, seed=0)
        assert found.largest_quotient > 1.5
        found = wasserstein.lipschitz_estimate(critic, points([0]), both, 50, seed=0)
        assert found.largest_quotient == 1

    def test_are_a_function_of_the_seed(self):
        first, second = np.random.default_rng(0).normal(size=(2, 50, 3))
        found = [
            wasserstein.lipschitz_estimate(half_square(), first, second, 20, seed)
            for seed in (3, 3, 4)
        ]
        assert found[0] == found[1] != found[2]

    @pytest.mark.parametrize(
        ("shapes", "pairs", "message"),
        [
            (((3, 1), (3, 2)), 5, "points of the same shape. Received: "),
            (((0, 1), (3, 1)), 5, "1 or more. Received: pairs=5, 0 and 3"),
            (((3, 1), (0, 1)), 5, "1 or more. Received: pairs=5, 3 and 0"),
            (((3, 1), (3, 1)), 0, "1 or more. Received: pairs=0"),
        ],
    )
    def test_of_other_shapes_and_empty_sets_are_refused(self, shapes, pairs, message):
        with pytest.raises(ValueError, match=message):
            wasserstein.lipschitz_estimate(linear(1), *map(np.zeros, shapes), pairs, seed=0)

"""Penalties on gradients, against functions whose gradient is known."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import losses

POINTS = tf.constant([[[[3.0], [4.0]]], [[[0.0], [0.0]]]])  # [2, 1, 2, 1]


def squares(points):
    """‖x‖² has the gradient 2x."""
    return tf.reduce_sum(tf.square(points), axis=[1, 2, 3])[:, None]


def slope(value):
    return lambda points: value * tf.reduce_sum(points, axis=[1, 2, 3])[:, None]


def test_squared_norm_is_that_of_each_example_alone():
    found = losses.squared_gradient_norm(squares, POINTS)
    np.testing.assert_allclose(found, [100.0, 0.0])  # (2·3)² + (2·4)²


def test_penalty_is_zero_for_unit_gradient():
    found = losses.gradient_penalty(slope(1 / np.sqrt(2)), POINTS)
    np.testing.assert_allclose(found, [0.0, 0.0], atol=1e-10)


def test_penalty_is_the_square_of_what_the_norm_is_off_one():
    np.testing.assert_allclose(losses.gradient_penalty(squares, POINTS), [81.0, 1.0], rtol=1e-5)


def test_penalty_at_a_gradient_of_zero_has_a_gradient_itself():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.gradient_penalty(lambda x: weight * x[:, 0, 0], POINTS))
    assert np.isfinite(tape.gradient(loss, weight))


def test_zero_centred_penalty_is_half_the_square():
    np.testing.assert_allclose(losses.zero_centred_penalty(squares, POINTS), [50.0, 0.0])


def test_points_between_lie_on_the_lines_one_share_an_example():
    reals, fakes = tf.ones([2, 1, 2, 1]), -tf.ones([2, 1, 2, 1])
    found = losses.interpolate_images(reals, fakes, tf.constant([0.25, 1.0]))
    np.testing.assert_allclose(found[:, 0, :, 0], [[-0.5, -0.5], [1.0, 1.0]])


def test_points_around_are_as_far_out_as_the_image_spreads():
    reals = tf.constant([[[[1.0], [-1.0]]], [[[2.0], [2.0]]]])  # standard deviations 1 and 0
    noise = tf.constant([[[[1.0], [2.0]]], [[[1.0], [2.0]]]])
    found = losses.perturb_images(reals, tf.constant([0.5, 0.5]), noise)
    np.testing.assert_allclose(found[:, 0, :, 0], [[1.25, -0.5], [2.0, 2.0]])


@pytest.mark.parametrize(
    ("name", "value"),
    [("unit_slope", (2 * np.sqrt(2) - 1) ** 2), ("r1", 4.0), ("dragan", (2 * np.sqrt(2) - 1) ** 2)],
)
def test_penalties_are_found_by_name(name, value):
    chances = {"shares": tf.constant([0.3, 0.6]), "noise": tf.zeros_like(POINTS)}
    found = losses.penalty(name, slope(2.0), POINTS, -POINTS, chances)
    np.testing.assert_allclose(found, [value, value], rtol=1e-5)


def test_unknown_penalty_is_refused():
    with pytest.raises(ValueError, match="^`penalty` must be one of"):
        losses.penalty("l2", squares, POINTS, POINTS, {})

"""Losses and gradient penalties: values by hand, extremes, gradients, identities of the theory."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import losses

LOG2 = 0.693147180559945
LOG3 = 1.098612288668110

# At a logit of log 3, σ = 3/4: −log σ = log 4 − log 3 and −log(1 − σ) = log 4; at 0 both are log 2.
VALUES = {
    losses.bce_discriminator_real_loss: [LOG2, 2 * LOG2 - LOG3, 2 * LOG2],
    losses.bce_discriminator_fake_loss: [LOG2, 2 * LOG2, 2 * LOG2 - LOG3],
    losses.non_saturating_generator_loss: [LOG2, 2 * LOG2 - LOG3, 2 * LOG2],
    losses.minimax_generator_loss: [-LOG2, -2 * LOG2, LOG3 - 2 * LOG2],
    losses.least_squares_discriminator_real_loss: [1.0, (LOG3 - 1) ** 2, (LOG3 + 1) ** 2],
    losses.least_squares_discriminator_fake_loss: [0.0, LOG3**2, LOG3**2],
    losses.least_squares_generator_loss: [1.0, (LOG3 - 1) ** 2, (LOG3 + 1) ** 2],
    losses.wasserstein_critic_real_loss: [0.0, -LOG3, LOG3],
    losses.wasserstein_critic_fake_loss: [0.0, LOG3, -LOG3],
    losses.wasserstein_generator_loss: [0.0, -LOG3, LOG3],
    losses.hinge_discriminator_real_loss: [1.0, 0.0, 1 + LOG3],
    losses.hinge_discriminator_fake_loss: [1.0, 1 + LOG3, 0.0],
    losses.hinge_generator_loss: [0.0, -LOG3, LOG3],
}  # for the scores 0, log 3 and −log 3

each_loss = pytest.mark.parametrize("loss", VALUES, ids=lambda loss: loss.__name__)


@each_loss
def test_each_example_has_its_value_and_a_map_of_patches_its_mean(loss):
    zero, high, low = VALUES[loss]
    values = loss(tf.constant([[0.0], [LOG3], [-LOG3]]))
    np.testing.assert_allclose(values, VALUES[loss], rtol=1e-6, atol=1e-7)
    maps = np.zeros((2, 2, 2, 1), np.float32)
    maps[1, :, :, 0] = [[0.0, LOG3], [LOG3, -LOG3]]
    values = loss(tf.constant(maps))
    assert values.shape == (2,)
    np.testing.assert_allclose(values, [zero, (zero + 2 * high + low) / 4], rtol=1e-6, atol=1e-7)
    # float32 in, float32 out, and float16 in, too.
    assert values.dtype == loss(tf.constant([[0.0], [1.0]], tf.float16)).dtype == tf.float32


@pytest.mark.parametrize(
    ("loss", "at_1000", "at_minus_1000"),
    [
        (losses.bce_discriminator_real_loss, 0.0, 1000.0),
        (losses.bce_discriminator_fake_loss, 1000.0, 0.0),
        (losses.non_saturating_generator_loss, 0.0, 1000.0),
        (losses.minimax_generator_loss, -1000.0, 0.0),
    ],
)
def test_large_logits_give_finite_values_and_gradients(loss, at_1000, at_minus_1000):
    logits = tf.constant([[1000.0], [-1000.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = loss(logits)
    np.testing.assert_array_equal(values, [at_1000, at_minus_1000])
    assert np.isfinite(tape.gradient(values, logits)).all()


def test_minimax_gradient_vanishes_where_non_saturating_does_not():
    # d/dl log(1 − σ(l)) = −σ(l) and d/dl (−log σ(l)) = σ(l) − 1: at l = −20, where the
    # discriminator is certain of a fake, −2.06e-9 and −1.
    logits = tf.constant([[-20.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        minimax = losses.minimax_generator_loss(logits)
        non_saturating = losses.non_saturating_generator_loss(logits)
    np.testing.assert_allclose(tape.gradient(minimax, logits), [[-2.0611537e-9]], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(non_saturating, logits), [[-1.0]], rtol=1e-6)


def test_every_generator_loss_falls_with_the_logit():
    logits = tf.constant([[0.5]])
    for loss in losses.ADVERSARIAL_LOSSES.values():
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss.generator(logits)
        assert tape.gradient(value, logits)[0, 0] < 0


def test_absolute_error_is_the_mean_over_an_example():
    predictions = np.zeros((2, 1, 2, 2), np.float32)
    targets = np.float32([[[[1, -1], [0.5, 0]]], [[[0, 0], [0, -0.2]]]])
    np.testing.assert_allclose(
        losses.absolute_error(predictions, targets), [2.5 / 4, 0.2 / 4], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        ("bce", 0.313262, 1.313262, 0.313262),
        ("minimax", 0.313262, 1.313262, -1.313262),
        ("least_squares", 0.0, 1.0, 0.0),
        ("wasserstein", -1.0, 1.0, -1.0),
        ("hinge", 0.0, 2.0, -1.0),
    ],
)
def test_a_name_gives_its_three_parts(name, real, fake, generator):
    # At a score of 1: log(1 + e⁻¹) = 0.313262, log(1 + e) = 1.313262.
    parts = losses.ADVERSARIAL_LOSSES[name]
    values = [
        part(tf.constant([[1.0]]))[0]
        for part in (parts.discriminator_real, parts.discriminator_fake, parts.generator)
    ]
    np.testing.assert_allclose(values, [real, fake, generator], atol=1e-6)


def gaussian(x, mean, deviation):
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def expected_discriminator_loss(logits, data, model, width):
    """∫ p_data · real loss + p_model · fake loss over a grid."""
    scores = tf.reshape(tf.cast(logits, tf.float32), [-1, 1])
    real = losses.bce_discriminator_real_loss(scores)
    fake = losses.bce_discriminator_fake_loss(scores)
    return (
        tf.reduce_sum(tf.cast(data, tf.float32) * real + tf.cast(model, tf.float32) * fake) * width
    )


GRID, WIDTH = np.linspace(-8, 8, 801, retstep=True)


def test_best_discriminator_of_two_densities_is_the_ratio():
    data, model = gaussian(GRID, -0.5, 1.0), gaussian(GRID, 0.7, 1.3)
    # Descent is slow where a density is nearly 0, because the best logit is large: cut there.
    near = np.minimum(data, model) > 1e-2
    data, model = data[near], model[near]
    logits = tf.Variable(tf.zeros(len(data)))
    for _ in range(400):
        with tf.GradientTape() as tape:
            loss = expected_discriminator_loss(logits, data, model, WIDTH)
        # Each point is a convex problem of its own; its curvature is at most (p + q) / 4.
        step = 4 / ((data + model) * WIDTH)
        logits.assign_sub(tape.gradient(loss, logits) * step.astype(np.float32))
    best = tf.sigmoid(logits).numpy()
    np.testing.assert_allclose(best, data / (data + model), atol=1e-4)


@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_objective_is_minus_log_4_plus_twice_the_jensen_shannon_divergence(centre):
    # The discriminator maximises E log D(x) + E log(1 − D(G(z))): minus its loss.
    data, model = gaussian(GRID, -centre, 1.0), gaussian(GRID, centre, 1.0)
    middle = (data + model) / 2
    divergence = 0.5 * WIDTH * np.sum(data * np.log(data / middle) + model * np.log(model / middle))
    loss = expected_discriminator_loss(np.log(data / model), data, model, WIDTH)
    np.testing.assert_allclose(-loss, -1.3862944 + 2 * divergence, atol=1e-5)


# Gradient penalties.

POINTS = tf.constant([[[[3.0], [4.0]]], [[[0.0], [0.0]]]])  # [2, 1, 2, 1]


def squares(points):
    """‖x‖² has the gradient 2x."""
    return tf.reduce_sum(tf.square(points), axis=[1, 2, 3])[:, None]


def slope(value):
    return lambda points: value * tf.reduce_sum(points, axis=[1, 2, 3])[:, None]


@pytest.mark.parametrize(
    ("function", "scores", "expected"),
    [
        (losses.squared_gradient_norm, squares, [100.0, 0.0]),  # (2·3)² + (2·4)²
        (losses.zero_centred_penalty, squares, [50.0, 0.0]),  # half of it
        (losses.gradient_penalty, squares, [81.0, 1.0]),  # (10 − 1)² and (0 − 1)²
        (losses.gradient_penalty, slope(1 / np.sqrt(2)), [0.0, 0.0]),  # norm 1
    ],
)
def test_penalty_is_that_of_each_example_alone(function, scores, expected):
    np.testing.assert_allclose(function(scores, POINTS), expected, rtol=1e-5, atol=1e-9)


def test_penalty_at_a_gradient_of_zero_has_a_gradient_itself():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.gradient_penalty(lambda x: weight * x[:, 0, 0], POINTS))
    assert np.isfinite(tape.gradient(loss, weight))


def test_interpolated_images_have_one_weight_per_example():
    reals, fakes = tf.ones([2, 1, 2, 1]), -tf.ones([2, 1, 2, 1])
    found = losses.interpolate_images(reals, fakes, tf.constant([0.25, 1.0]))
    np.testing.assert_allclose(found[:, 0, :, 0], [[-0.5, -0.5], [1.0, 1.0]])


def test_perturbation_is_scaled_by_the_deviation_of_the_image():
    reals = tf.constant([[[[1.0], [-1.0]]], [[[2.0], [2.0]]]])  # standard deviations 1 and 0
    noise = tf.constant([[[[1.0], [2.0]]], [[[1.0], [2.0]]]])
    found = losses.perturb_images(reals, tf.constant([0.5, 0.5]), noise)
    np.testing.assert_allclose(found[:, 0, :, 0], [[1.25, -0.5], [2.0, 2.0]])


@pytest.mark.parametrize(
    ("name", "value"),
    [("unit_slope", (2 * np.sqrt(2) - 1) ** 2), ("r1", 4.0), ("dragan", (2 * np.sqrt(2) - 1) ** 2)],
)
def test_penalties_are_found_by_name(name, value):
    noise = {"shares": tf.constant([0.3, 0.6]), "noise": tf.zeros_like(POINTS)}
    found = losses.penalty(name, slope(2.0), POINTS, -POINTS, noise)
    np.testing.assert_allclose(found, [value, value], rtol=1e-5)


def test_unknown_penalty_is_refused():
    with pytest.raises(ValueError, match="^`penalty` must be one of"):
        losses.penalty("l2", squares, POINTS, POINTS, {})

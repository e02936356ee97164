"""Tests of kgan's own layers, against numpy."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import layers, randomness


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.5, 2.0, shape).astype(np.float32)


def normalised(images, axes, gamma, beta, epsilon=1e-5):
    """(x − mean) / √(variance + ε) · γ + β, in double precision."""
    images = images.astype(np.float64)
    mean = images.mean(axes, keepdims=True)
    variance = ((images - mean) ** 2).mean(axes, keepdims=True)
    return (images - mean) / np.sqrt(variance + epsilon) * gamma + beta


def live_norm(channels, **arguments):
    layer = layers.LiveBatchNormalization(**arguments)
    layer.build((None, None, None, channels))
    gamma, beta = 1 + 0.3 * np.arange(channels), 0.5 - 0.2 * np.arange(channels)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    return layer, gamma, beta


@pytest.mark.parametrize(("training", "axes"), [(True, (0, 1, 2)), (False, (1, 2))])
def test_live_norm_is_over_the_batch_in_training_and_over_a_image_afterwards(training, axes):
    layer, gamma, beta = live_norm(3)
    images = normal(4, 5, 6, 3)
    np.testing.assert_allclose(
        layer(images, training=training), normalised(images, axes, gamma, beta), atol=1e-5
    )


def test_live_norm_of_one_image_is_the_same_in_training_and_afterwards():
    layer, *_ = live_norm(3)
    image = normal(1, 5, 6, 3)
    np.testing.assert_allclose(layer(image, training=True), layer(image, training=False), atol=1e-6)


def test_live_norm_at_inference_does_not_see_batch_mates():
    layer, *_ = live_norm(3)
    images = normal(3, 5, 6, 3)
    mates = images.copy()
    mates[1:] = 9 * normal(2, 5, 6, 3, seed=1)
    np.testing.assert_array_equal(layer(images)[0], layer(mates)[0])
    assert np.abs(layer(images, training=True)[0] - layer(mates, training=True)[0]).max() > 0.1


def test_live_norm_adds_epsilon_to_the_variance():
    # Values ±1 about 0 have variance 1: with ε = 3 they come out as ±1/2.
    layer = layers.LiveBatchNormalization(epsilon=3.0)
    images = np.float32([1, -1, 1, -1]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(layer(images), images / 2, atol=1e-7)


def test_live_norm_keeps_half_precision_outside_and_float32_inside():
    # In float16 the squares of these deviations would overflow.
    layer = layers.LiveBatchNormalization(dtype="mixed_float16")
    images = tf.constant(300 * normal(2, 4, 4, 1), tf.float16)
    outputs = layer(images)
    assert outputs.dtype == tf.float16
    expected = normalised(images.numpy(), (1, 2), 1.0, 0.0)
    np.testing.assert_allclose(outputs, expected, atol=5e-3)


def test_live_norm_on_two_replicas_matches_one(two_replicas):
    images, weights = normal(4, 3, 3, 2), normal(4, 3, 3, 2, seed=1)

    def step(layer, images, weights):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            total = tf.reduce_sum(outputs * weights)
        gradients = tape.gradient(total, [images, *[v.value for v in layer.trainable_variables]])
        return outputs, gradients

    alone, *_ = live_norm(2)
    outputs, (to_images, *to_weights) = step(alone, tf.constant(images), weights)

    with two_replicas.scope():
        layer, *_ = live_norm(2)

    @tf.function
    def run():
        def local():
            rows = tf.distribute.get_replica_context().replica_id_in_sync_group * 2
            part = [tf.constant(array)[rows : rows + 2] for array in (images, weights)]
            return step(layer, *part)

        return two_replicas.run(local)

    split_outputs, (split_to_images, *split_to_weights) = run()
    parts = two_replicas.experimental_local_results
    np.testing.assert_allclose(np.concatenate(parts(split_outputs)), outputs, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(parts(split_to_images)), to_images, atol=1e-5)
    for split, whole in zip(split_to_weights, to_weights, strict=True):
        np.testing.assert_allclose(sum(parts(split)), whole, atol=1e-4)


def test_live_norm_has_two_weights_a_channel_and_its_config_makes_it_again():
    gamma = keras.initializers.RandomNormal(mean=1.0, stddev=0.02, seed=3)
    layer = layers.LiveBatchNormalization(epsilon=1e-3, gamma_initializer=gamma, name="norm")
    again = layers.LiveBatchNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for one in (layer, again):
        one.build((None, 4, 4, 7))
        assert one.count_params() == 14
        assert not one.non_trainable_variables
    np.testing.assert_array_equal(layer.gamma, again.gamma)


def dropped(layer, inputs, *numbers):
    """Applies a dropout with the seeds of these numbers, one an image."""
    return np.asarray(layer(inputs, randomness.seeds_from_numbers(numbers)))


def test_dropout_drops_its_rate_and_scales_the_rest():
    outputs = dropped(layers.SeededDropout(0.25), tf.ones([4, 50, 50, 2]), 0, 1, 2, 3)
    assert set(np.unique(outputs)) == {0.0, np.float32(1 / 0.75)}
    # 20,000 units: the share dropped has a standard deviation of 0.003.
    assert abs((outputs == 0).mean() - 0.25) < 0.012


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_dropout_masks_units_one_by_one(axis):
    mask = dropped(layers.SeededDropout(0.5), tf.ones([1, 8, 8, 8]), 0)[0] > 0
    assert mask.mean(axis).std() > 0.1


def test_dropout_of_rate_0_changes_nothing():
    inputs = normal(2, 3, 3, 1)
    np.testing.assert_array_equal(dropped(layers.SeededDropout(0.0), inputs, 0, 1), inputs)


def test_same_seed_gives_the_same_mask_and_another_another():
    layer = layers.SeededDropout(0.5)
    inputs = normal(2, 4, 4, 2)
    first = dropped(layer, inputs, 3, 4)
    np.testing.assert_array_equal(dropped(layer, inputs, 3, 4), first)
    other = dropped(layer, inputs, 3, 5)
    np.testing.assert_array_equal(other[0], first[0])
    assert (other[1] != first[1]).any()


def test_mask_does_not_depend_on_place_in_batch_or_batch_size():
    layer = layers.SeededDropout(0.5)
    images = np.repeat(normal(1, 4, 4, 2), 3, axis=0)
    alone = dropped(layer, images[:1], 7)[0]
    batch = dropped(layer, images, 1, 2, 7)
    np.testing.assert_array_equal(batch[2], alone)
    np.testing.assert_array_equal(dropped(layer, images[:2], 7, 2)[0], alone)
    assert (batch[0] != alone).any()


def agreement(first, second):
    """The share of units that two masks treat alike; 512 fair coins give 0.5, within 0.022."""
    return ((first > 0) == (second > 0)).mean()


def test_layers_of_other_salt_have_other_masks():
    inputs = tf.ones([1, 16, 16, 2])
    masks = [dropped(layers.SeededDropout(0.5, salt=salt), inputs, 0) for salt in range(3)]
    for first, second in itertools.combinations(masks, 2):
        assert abs(agreement(first, second) - 0.5) < 0.1


def test_masks_change_from_step_to_step_and_from_place_to_place_in_training():
    layer = layers.SeededDropout(0.5)
    inputs = tf.ones([2, 16, 16, 2])
    steps = [np.asarray(layer(inputs, randomness.example_seeds(0, step, 2))) for step in (1, 2)]
    for first, second in itertools.combinations([*steps[0], *steps[1]], 2):
        assert abs(agreement(first, second) - 0.5) < 0.1


def test_dropout_config_makes_it_again_and_bad_rates_are_refused():
    layer = layers.SeededDropout(0.3, salt=5, name="dropout")
    config = layer.get_config()
    assert (config["rate"], config["salt"]) == (0.3, 5)
    assert layers.SeededDropout.from_config(config).get_config() == config
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match="`rate` must be in.*Received"):
            layers.SeededDropout(rate)

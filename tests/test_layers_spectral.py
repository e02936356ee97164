"""Spectral normalisation as published, minibatch discrimination, parted latents."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import layers


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_kernel_ends_with_a_largest_singular_value_of_one_and_stays_raw(kind):
    if kind == "dense":
        layer, given = layers.SpectralDense(6), tf.random.normal([3, 4], seed=1)
    else:
        layer, given = layers.SpectralConv2D(6, 3), tf.random.normal([3, 5, 5, 2], seed=1)
    layer.build(given.shape)
    raw = np.array(layer.kernel)
    for _ in range(100):
        layer(given, training=True)
    np.testing.assert_array_equal(layer.kernel, raw)
    normal = np.asarray(layer.normalized_kernel(False)).reshape(-1, 6)
    np.testing.assert_allclose(np.linalg.svd(normal, compute_uv=False)[0], 1.0, rtol=1e-3)


def test_outputs_are_those_of_the_plain_layer_with_the_normal_kernel():
    layer, plain = (
        layers.SpectralConv2D(4, 3, padding="same"),
        keras.layers.Conv2D(4, 3, padding="same"),
    )
    given = tf.random.normal([2, 5, 5, 3], seed=2)
    layer.build(given.shape)
    plain.build(given.shape)
    plain.set_weights([np.asarray(layer.normalized_kernel(False)), np.zeros(4)])
    np.testing.assert_allclose(layer(given), plain(given), atol=1e-6)


def test_a_training_call_makes_one_power_iteration_and_inference_none():
    layer = layers.SpectralDense(5)
    layer.build((None, 4))
    left = np.array(layer.left_vector)
    layer(tf.ones([1, 4]), training=False)
    np.testing.assert_array_equal(layer.left_vector, left)
    layer(tf.ones([1, 4]), training=True)
    kernel = np.array(layer.kernel)
    right = left @ kernel.T
    wanted = (right / np.linalg.norm(right)) @ kernel
    np.testing.assert_allclose(layer.left_vector, wanted / np.linalg.norm(wanted), rtol=1e-5)


def test_gradient_passes_through_the_estimate():
    # W / σ(W) does not change along W itself.
    layer = layers.SpectralDense(3, use_bias=False)
    layer.build((None, 3))
    with tf.GradientTape() as tape:
        outputs = layer(tf.eye(3), training=False)
        value = tf.reduce_sum(outputs * tf.random.normal([3, 3], seed=4))
    gradient = np.asarray(tape.gradient(value, layer.kernel.value))
    assert abs((gradient * np.array(layer.kernel)).sum()) < 1e-5
    assert np.abs(gradient).max() > 1e-2


def test_minibatch_features_are_sums_over_the_others():
    layer = layers.MinibatchDiscrimination(2, 1)
    layer.build((None, 2))
    layer.kernel.assign([[1.0, 0.0], [0.0, 2.0]])
    given = np.float32([[0, 0], [1, 0], [0, 3]])
    found = np.asarray(layer(given))
    np.testing.assert_array_equal(found[:, :2], given)
    # First kernel sees column 0: distances 1 and 0 from the first example, …
    e = np.exp
    np.testing.assert_allclose(
        found[:, 2:],
        [[e(-1) + 1, 1 + e(-6)], [2 * e(-1), 1 + e(-6)], [1 + e(-1), 2 * e(-6)]],
        rtol=1e-4,
    )


def test_columns_part_a_latent():
    given = tf.constant([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(layers.Columns(1, 3)(given), [[2.0, 3.0]])


@pytest.mark.parametrize(
    "layer", [layers.SpectralDense(3), layers.MinibatchDiscrimination(2, 3, seed=4)]
)
def test_layers_are_made_again_from_their_config(layer):
    again = type(layer).from_config(layer.get_config())
    for one in (layer, again):
        one.build((None, 4))
        one.set_weights([np.full(w.shape, 0.5, np.float32) for w in one.get_weights()])
    given = tf.constant([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]])
    np.testing.assert_array_equal(layer(given), again(given))

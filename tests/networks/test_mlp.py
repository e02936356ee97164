"""Fully connected networks."""

import keras
import numpy as np
import pytest

from kgan.networks import mlp


def test_the_course_s_networks_are_100_300_784_and_784_20_1():
    generator = mlp.generator((28, 28, 1), 100, (300,))
    discriminator = mlp.discriminator((28, 28, 1), (20,))
    assert (100 * 300 + 300) + (300 * 784 + 784) == 266_284
    assert generator.count_params() == 266_284
    assert (784 * 20 + 20) + (20 * 1 + 1) == 15_721
    assert discriminator.count_params() == 15_721


def test_hidden_layers_are_relu_and_the_score_is_unbounded():
    network = mlp.discriminator((4, 4, 1), (5, 6))
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [5, 6, 1]
    activations = [layer.activation for layer in dense]
    assert activations == [keras.activations.relu] * 2 + [keras.activations.linear]


def test_generator_computes_tanh_of_its_layers():
    network = mlp.generator((2, 2, 1), 2, (3,))
    first, bias, second, last_bias = (np.asarray(v) for v in network.trainable_variables)
    latents = np.float32([[0.5, -1.0], [2.0, 0.25]])
    hidden = np.maximum(latents @ first + bias, 0)
    expected = np.tanh(hidden @ second + last_bias).reshape(2, 2, 2, 1)
    np.testing.assert_allclose(network(latents), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 6, 3), (28, 28, 1)])
def test_any_shape_is_possible(shape):
    images = mlp.generator(shape, 7, (5, 5))(np.zeros((3, 7), np.float32))
    assert images.shape == (3, *shape)
    assert mlp.discriminator(shape, (5, 5))(images).shape == (3, 1)

"""The residual generator against numbers from the paper's description."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.networks import resnet


def test_layers_are_those_of_the_paper():
    network = resnet.generator((256, 256, 3), 3)
    convolutions = [
        (layer.filters, layer.kernel_size[0], layer.strides[0])
        for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    down, up = [(64, 7, 1), (128, 3, 2), (256, 3, 2)], [(128, 3, 2), (64, 3, 2), (3, 7, 1)]
    assert convolutions == [*down, *[(256, 3, 1)] * 18, *up]
    norms = [n for n in network.layers if isinstance(n, keras.layers.GroupNormalization)]
    assert len(norms) == 23
    # As many groups as channels: an instance norm.
    assert all(norm.groups == norm.input.shape[-1] for norm in norms)
    assert {(norm.epsilon, norm.center, norm.scale) for norm in norms} == {(1e-5, False, False)}
    # 7·7·3·64, 9·64·128, 9·128·256, 18 of 9·256·256, 9·256·128, 9·128·64, 7·7·64·3 + 3: only the
    # last has biases.
    own = 9408 + 73728 + 294912 + 18 * 589824 + 294912 + 73728 + 9411
    assert network.count_params() == own == 11_372_931


@pytest.mark.parametrize(("side", "blocks"), [(32, 6), (252, 6), (256, 9), (512, 9)])
def test_six_blocks_and_nine_from_256_pixels_on(side, blocks):
    assert resnet.blocks_for(side, side) == blocks
    assert resnet.blocks_for(side, 2 * side) == blocks


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (64, 32, 4), (36, 100, 3)])
def test_answer_has_the_size_of_the_image_and_lies_within_the_range(shape):
    network = resnet.generator(shape, 2, base_width=2, blocks=1)
    answer = network(np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype(np.float32))
    assert answer.shape == (3, *shape[:2], 2)
    assert np.abs(answer).max() <= 1


def test_receptive_field_of_one_output_pixel():
    # Without norms, which depend on whole maps, and with kernels of ones.
    network = resnet.generator((64, 64, 1), 1, base_width=2, blocks=0)
    bare = without_norms_and_activations(network)
    images = tf.Variable(np.zeros((1, 64, 64, 1), np.float32))
    with tf.GradientTape() as tape:
        pixel = bare(images)[0, 32, 32, 0]
    seen = np.flatnonzero(tape.gradient(pixel, images)[0, :, 32, 0].numpy())
    assert [seen[0], seen[-1]] == field_by_hand(32)


def without_norms_and_activations(network):
    def bare(layer):
        kinds = (keras.layers.GroupNormalization, keras.layers.ReLU)
        if isinstance(layer, kinds):
            return keras.layers.Identity(name=layer.name)
        copy = layer.__class__.from_config(layer.get_config())
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            copy.kernel_initializer = keras.initializers.Ones()
        return copy

    return keras.models.clone_model(network, clone_function=bare)


def field_by_hand(pixel):
    """Computes backwards the first and the last pixel that an output pixel depends on."""
    low, high = pixel - 3, pixel + 3  # 7x7
    for _ in range(2):
        # Transposed 3x3 of stride 2, first pixel removed: output p gets input i through weight
        # p + 1 − 2i of 0, 1, 2.
        low, high = -(-(low - 1) // 2), (high + 1) // 2
    for _ in range(2):
        low, high = 2 * low - 1, 2 * high + 1  # 3x3 of stride 2, padded by 1
    return [low - 3, high + 3]


def test_each_image_is_normalised_by_its_own_statistics():
    network = resnet.generator((16, 16, 1), 1, base_width=2, blocks=1)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)
    for training in (False, True):
        together = network(images, training=training)
        np.testing.assert_allclose(
            network(images[1:2], training=training), together[1:2], atol=1e-6
        )

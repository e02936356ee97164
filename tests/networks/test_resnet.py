"""Tests of the residual generator against numbers worked out from the paper's description."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.layers import ReflectionPadding
from kgan.networks import resnet


def test_layers_are_those_of_the_paper():
    network = resnet.generator((256, 256, 3), 3)
    convolutions = [
        (layer.filters, layer.kernel_size[0], layer.strides[0])
        for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    blocks = [(256, 3, 1)] * 18
    assert convolutions == [
        (64, 7, 1),
        (128, 3, 2),
        (256, 3, 2),
        *blocks,
        (128, 3, 2),
        (64, 3, 2),
        (3, 7, 1),
    ]
    norms = [n for n in network.layers if isinstance(n, keras.layers.GroupNormalization)]
    assert len(norms) == 23
    # As many groups as channels: an instance norm.
    assert all(norm.groups == norm.input.shape[-1] for norm in norms)
    assert {(norm.epsilon, norm.center, norm.scale) for norm in norms} == {(1e-5, False, False)}
    # 7·7·3·64, 9·64·128, 9·128·256, 18 of 9·256·256, 9·256·128, 9·128·64, 7·7·64·3 + 3: all but
    # the last without biases.
    own = 9408 + 73728 + 294912 + 18 * 589824 + 294912 + 73728 + 9411
    assert network.count_params() == own == 11_372_931


@pytest.mark.parametrize(("side", "blocks"), [(32, 6), (128, 6), (252, 6), (256, 9), (512, 9)])
def test_six_blocks_and_nine_from_256_pixels_on(side, blocks):
    assert resnet.blocks_for(side, side) == blocks
    assert resnet.blocks_for(side, 2 * side) == blocks


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (64, 32, 4), (36, 100, 3)])
def test_answer_has_the_size_of_the_image_and_lies_within_the_range(shape):
    network = resnet.generator(shape, 2, base_width=2, blocks=1)
    answer = network(np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype(np.float32))
    assert answer.shape == (3, *shape[:2], 2)
    assert np.abs(answer).max() <= 1


@pytest.mark.parametrize("shape", [(30, 32, 3), (32, 33, 3), (4, 32, 3)])
def test_sides_that_do_not_come_back_are_refused(shape):
    with pytest.raises(ValueError, match="`shape` must be multiples of 4 from 8 on. Received:"):
        resnet.generator(shape, 3)


def test_receptive_field_of_an_answer_s_pixel():
    # Without norms, which look at whole maps, and with kernels of ones, which hide no tap.
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


def field_by_hand(place):
    """Follows a pixel back: low and high end of what it sees in each map."""
    low, high = place - 3, place + 3  # 7x7
    for _ in range(2):
        # Transposed 3x3 of stride 2, first pixel cut off: output p gets input i through tap
        # p + 1 − 2i of 0, 1, 2.
        low, high = -(-(low - 1) // 2), (high + 1) // 2
    for _ in range(2):
        low, high = 2 * low - 1, 2 * high + 1  # 3x3 of stride 2, padded by 1
    return [low - 3, high + 3]


def test_a_image_is_normalised_by_itself():
    network = resnet.generator((16, 16, 1), 1, base_width=2, blocks=1)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)
    for training in (False, True):
        together = network(images, training=training)
        np.testing.assert_allclose(
            network(images[1:2], training=training), together[1:2], atol=1e-6
        )


def test_initial_weights_are_normal_with_deviation_0_02_and_those_of_the_seed():
    network = resnet.generator((32, 32, 3), 3, base_width=16)
    kernels = np.concatenate([np.ravel(v) for v in network.trainable_variables if v.shape[1:]])
    np.testing.assert_allclose(kernels.std(), 0.02, rtol=0.02)
    assert abs(kernels.mean()) < 1e-3
    again = resnet.generator((32, 32, 3), 3, base_width=16)
    other = resnet.generator((32, 32, 3), 3, base_width=16, seed=1)
    weights = (n.get_weights() for n in (network, again, other))
    for one, same, different in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.ndim == 1 or (one != different).any()


def test_reflection_repeats_no_border_pixel():
    row = np.arange(4, dtype=np.float32)
    image = np.broadcast_to(row[:, np.newaxis], (1, 4, 4))[..., np.newaxis]
    padded = ReflectionPadding(2)(image)
    assert padded.shape == (1, 8, 8, 1)
    assert padded[0, :, 3, 0].numpy().tolist() == [2, 1, 0, 1, 2, 3, 2, 1]


def test_saved_network_gives_equal_outputs(reloaded):
    network = resnet.generator((16, 16, 3), 3, 2, 1)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    again = reloaded(network)
    np.testing.assert_array_equal(again(images), network(images))

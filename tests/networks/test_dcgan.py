"""DCGAN networks: the layers of the course, sizes, counts by hand."""

import keras
import numpy as np
import pytest

from kgan.networks import dcgan


def layer_rows(network):
    """Lists class, filters, kernel, strides, bias and output of the layers that compute."""
    rows = []
    for layer in network.layers:
        name = type(layer).__name__
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            rows.append(
                (name, layer.filters, layer.kernel_size[0], layer.strides[0], layer.use_bias)
                + layer.output.shape[1:3]
            )
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Reshape)):
            rows.append(name)
    return rows


def blocks(*rows, activation):
    """Lists convolutions, each followed by a batch norm and an activation."""
    return [row for first in rows for row in (first, "BatchNormalization", activation)]


def test_generator_of_32_pixels_is_that_of_the_course():
    network = dcgan.generator((32, 32, 3))
    sizes = [(128, 4, 1, False, 4, 4), (64, 4, 2, False, 8, 8), (32, 4, 2, False, 16, 16)]
    rows = [("Conv2DTranspose", *size) for size in sizes]
    last = ("Conv2DTranspose", 3, 4, 2, False, 32, 32)
    assert layer_rows(network) == [*blocks(*rows, activation="ReLU"), last, "Activation"]
    assert network.layers[-1].activation is keras.activations.tanh


def test_discriminator_of_32_pixels_is_that_of_the_course():
    network = dcgan.discriminator((32, 32, 3))
    sizes = [(32, 4, 2, False, 16, 16), (64, 4, 2, False, 8, 8), (128, 4, 2, False, 4, 4)]
    rows = [("Conv2D", *size) for size in sizes]
    last = ("Conv2D", 1, 4, 1, False, 1, 1)
    assert layer_rows(network) == [*blocks(*rows, activation="LeakyReLU"), last]
    slopes = [n.negative_slope for n in network.layers if isinstance(n, keras.layers.LeakyReLU)]
    np.testing.assert_allclose(slopes, [0.2] * 3)


def test_64_pixels_have_one_more_block_at_8_times_the_base_width():
    generator = dcgan.generator((64, 64, 3), base_width=32)
    assert generator.get_layer("upsample_0").filters == 256
    assert generator.get_layer("norm_0").output.shape == (None, 4, 4, 256)
    assert generator.get_layer("upsample_3").filters == 32
    discriminator = dcgan.discriminator((64, 64, 3), base_width=32)
    assert discriminator.get_layer("downsample_0").filters == 32
    assert discriminator.get_layer("downsample_3").filters == 256


def test_parameters_are_those_counted_by_hand():
    # Kernels of 4x4; batch norm has γ, β, mean and variance for each channel; no bias anywhere.
    kernels = 16 * (100 * 128 + 128 * 64 + 64 * 32 + 32 * 3)
    assert kernels + 4 * (128 + 64 + 32) == 371_072
    assert dcgan.generator((32, 32, 3)).count_params() == 371_072
    kernels = 16 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 1)
    assert kernels + 4 * (32 + 64 + 128) == 168_320
    assert dcgan.discriminator((32, 32, 3)).count_params() == 168_320


@pytest.mark.parametrize("side", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_gives_images_and_one_logit_per_image(side, channels):
    shape = (side, side, channels)
    generator = dcgan.generator(shape, latent_size=5, base_width=2)
    images = generator(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1
    assert dcgan.discriminator(shape, base_width=2)(images).shape == (3, 1)


def test_critic_with_layer_norm_depends_on_contrast():
    critic = dcgan.discriminator((16, 16, 1), 8, norm="layer", seed=3)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 1)).astype(np.float32)
    # With a normalisation in the first block the scores would be equal.
    scores = [critic(contrast * image).numpy().item() for contrast in (1.0, 0.5, 0.1)]
    assert len({round(score, 5) for score in scores}) == 3
    names = [type(layer).__name__ for layer in critic.layers]
    assert names.count("GroupNormalization") == 1  # 16 pixels: two blocks


def test_layer_norm_is_over_an_image_and_has_one_gain_and_bias_per_channel():
    network = dcgan.discriminator((16, 16, 1), 3, norm="layer")
    layer = network.get_layer("norm_1")
    assert {v.path.split("/")[-1]: v.shape for v in layer.trainable_variables} == {
        "gamma": (6,),
        "beta": (6,),
    }
    maps = np.random.default_rng(0).normal(2, 3, (2, 4, 4, 6)).astype(np.float32)
    gamma, beta = np.float32([1, 2, 3, 4, 5, 6]), np.float32([6, 5, 4, 3, 2, 1])
    layer.set_weights([gamma, beta])
    mean, deviation = (f(maps, axis=(1, 2, 3), keepdims=True) for f in (np.mean, np.std))
    expected = (maps - mean) / np.sqrt(deviation**2 + 1e-5) * gamma + beta
    np.testing.assert_allclose(layer(maps), expected, rtol=1e-4, atol=1e-4)


def test_layer_norm_of_earlier_runs_has_gain_and_bias_per_pixel():
    network = dcgan.discriminator((16, 16, 1), 3, norm="layer", network_version=1)
    assert network.get_layer("norm_1").gamma.shape == (4, 4, 6)

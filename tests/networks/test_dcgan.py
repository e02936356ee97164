"""Tests of the DCGAN networks: the course's layers, sizes, counts by hand, initial weights."""

import keras
import numpy as np
import pytest

from kgan.networks import dcgan


def layer_rows(network):
    """Lists kind, filters, kernel, strides, bias and output of the layers that change values."""
    rows = []
    for layer in network.layers:
        kind = type(layer).__name__
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            rows.append(
                (kind, layer.filters, layer.kernel_size[0], layer.strides[0], layer.use_bias)
                + layer.output.shape[1:3]
            )
        elif not isinstance(layer, (keras.layers.InputLayer, keras.layers.Reshape)):
            rows.append(kind)
    return rows


def test_generator_of_32_pixels_is_the_course_s_layer_by_layer():
    assert layer_rows(dcgan.generator((32, 32, 3))) == [
        ("Conv2DTranspose", 128, 4, 1, False, 4, 4),
        "BatchNormalization",
        "ReLU",
        ("Conv2DTranspose", 64, 4, 2, False, 8, 8),
        "BatchNormalization",
        "ReLU",
        ("Conv2DTranspose", 32, 4, 2, False, 16, 16),
        "BatchNormalization",
        "ReLU",
        ("Conv2DTranspose", 3, 4, 2, False, 32, 32),
        "Activation",
    ]


def test_discriminator_of_32_pixels_is_the_course_s_layer_by_layer():
    assert layer_rows(dcgan.discriminator((32, 32, 3))) == [
        ("Conv2D", 32, 4, 2, False, 16, 16),
        "BatchNormalization",
        "LeakyReLU",
        ("Conv2D", 64, 4, 2, False, 8, 8),
        "BatchNormalization",
        "LeakyReLU",
        ("Conv2D", 128, 4, 2, False, 4, 4),
        "BatchNormalization",
        "LeakyReLU",
        ("Conv2D", 1, 4, 1, False, 1, 1),
    ]


def test_activations_are_a_slope_of_0_2_and_tanh():
    slopes = [
        layer.negative_slope
        for layer in dcgan.discriminator((32, 32, 1)).layers
        if isinstance(layer, keras.layers.LeakyReLU)
    ]
    np.testing.assert_allclose(slopes, [0.2] * 3)
    assert dcgan.generator((32, 32, 1)).layers[-1].activation is keras.activations.tanh


def test_64_pixels_have_one_block_more_at_8_times_the_base_width():
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
def test_every_size_gives_images_and_one_logit_each(side, channels):
    shape = (side, side, channels)
    generator = dcgan.generator(shape, latent_size=5, base_width=2)
    images = generator(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1
    assert dcgan.discriminator(shape, base_width=2)(images).shape == (3, 1)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 64, 1), (256, 256, 3), (48, 48, 3)])
@pytest.mark.parametrize("build", [dcgan.generator, dcgan.discriminator])
def test_other_sizes_are_refused(build, shape):
    with pytest.raises(ValueError, match="`shape` must be square, of 16, 32, 64, 128.*Received"):
        build(shape)


def test_initial_weights_are_normal_with_deviation_0_02():
    for network in (dcgan.generator((32, 32, 3)), dcgan.discriminator((32, 32, 3))):
        kernels = np.concatenate(
            [np.ravel(v) for v in network.trainable_variables if v.path.endswith("kernel")]
        )
        assert abs(kernels.mean()) < 2e-4
        np.testing.assert_allclose(kernels.std(), 0.02, rtol=0.02)


def test_layers_of_equal_shape_and_other_seeds_have_other_weights():
    def first_kernels(seed):
        networks = (
            dcgan.generator((16, 16, 4), latent_size=2, base_width=2, seed=seed),
            dcgan.discriminator((16, 16, 2), base_width=4, seed=seed),
        )
        # Both 4x4x2x4: latent 2 → 4 maps, and 2 channels → 4 maps.
        return [np.ravel(network.trainable_variables[0]) for network in networks]

    zero, one, again = first_kernels(0), first_kernels(1), first_kernels(0)
    assert (np.sort(zero[0]) != np.sort(zero[1])).any()
    assert (zero[0] != one[0]).any()
    assert (zero[1] != one[1]).any()
    np.testing.assert_array_equal(zero, again)


def test_batch_norm_follows_as_fast_as_the_references():
    norm = dcgan.generator((16, 16, 1)).get_layer("norm_0")
    assert (norm.momentum, norm.epsilon, norm.synchronized) == (0.9, 1e-5, False)
    norm = dcgan.generator((16, 16, 1), synchronized=True).get_layer("norm_0")
    assert norm.synchronized


def test_saved_networks_give_equal_outputs(reloaded):
    rng = np.random.default_rng(0)
    generator = dcgan.generator((16, 16, 1), latent_size=4, base_width=2)
    latents = rng.normal(size=(2, 4)).astype(np.float32)
    again = reloaded(generator)
    np.testing.assert_array_equal(again(latents), generator(latents))
    discriminator = dcgan.discriminator((16, 16, 1), base_width=2)
    images = rng.uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    again = reloaded(discriminator)
    np.testing.assert_array_equal(again(images), discriminator(images))


def test_critic_with_layer_norm_sees_the_contrast_of_a_image():
    critic = dcgan.discriminator((16, 16, 1), 8, norm="layer", seed=3)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 1)).astype(np.float32)
    # With a normalisation first, all of these would get the same score.
    scores = [critic(contrast * image).numpy().item() for contrast in (1.0, 0.5, 0.1)]
    assert len({round(score, 5) for score in scores}) == 3
    kinds = [type(layer).__name__ for layer in critic.layers]
    assert kinds.count("LayerNormalization") == 1  # 16 pixels: two blocks

"""The U-Net: widths of the paper, counts by hand, all sizes, both kinds of upsampling."""

import keras
import numpy as np
import pytest

from kgan.layers import LiveBatchNormalization, SeededDropout
from kgan.networks import unet


def convolutions(network):
    classes = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    return [layer for layer in network.layers if isinstance(layer, classes)]


def translate(network, count=2, seeds=(0, 1)):
    height, width, channels = network.input_shape[0][1:]
    images = np.random.default_rng(0).uniform(-1, 1, (count, height, width, channels))
    return np.asarray(network([images.astype(np.float32), np.int32([[seed, 0] for seed in seeds])]))


@pytest.fixture(scope="module")
def paper_network():
    return unet.generator((256, 256, 3), 3)


def test_parameters_at_256_pixels_are_those_of_the_reference_and_two_biases(paper_network):
    down = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    up = [(512, 512), (1024, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64)]
    kernels = sum(16 * a * b for a, b in zip(down, down[1:], strict=False))
    kernels += sum(16 * a * b for a, b in [*up, (128, 3)])
    norms = 2 * sum([128, 256, 512, 512, 512, 512, *(b for _, b in up)])
    # The reference's count, with a bias on its last layer alone ...
    assert kernels + norms + 3 == 54_413_955
    # ... and biases on the first layer and the bottleneck, which no normalisation follows.
    assert paper_network.count_params() == 54_413_955 + 64 + 512


def test_widths_at_256_pixels_are_those_of_the_paper(paper_network):
    down = [paper_network.get_layer(f"down_{n}_convolution") for n in range(8)]
    assert [layer.filters for layer in down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [layer.output.shape[1] for layer in down] == [128, 64, 32, 16, 8, 4, 2, 1]
    joined = [paper_network.get_layer(f"up_{n}_skip").output.shape[1:] for n in range(7)]
    assert [shape[-1] for shape in joined] == [1024, 1024, 1024, 1024, 512, 256, 128]
    assert [shape[0] for shape in joined] == [2, 4, 8, 16, 32, 64, 128]
    assert {layer.kernel_size for layer in convolutions(paper_network)} == {(4, 4)}
    assert {layer.strides for layer in convolutions(paper_network)} == {(2, 2)}


def test_first_layer_bottleneck_and_last_layer_are_not_normalised(paper_network):
    normalised = {
        layer.name.removesuffix("_norm")
        for layer in paper_network.layers
        if isinstance(layer, LiveBatchNormalization)
    }
    assert normalised == {f"down_{n}" for n in range(1, 7)} | {f"up_{n}" for n in range(7)}
    with_bias = [
        layer.name.split("_")[0:2] for layer in convolutions(paper_network) if layer.use_bias
    ]
    assert with_bias == [["down", "0"], ["down", "7"], ["to", "picture"]]


def test_dropout_of_one_half_is_in_the_first_three_blocks_of_the_decoder(paper_network):
    dropouts = [layer for layer in paper_network.layers if isinstance(layer, SeededDropout)]
    assert [layer.name for layer in dropouts] == [f"up_{n}_dropout" for n in range(3)]
    assert [layer.rate for layer in dropouts] == [0.5] * 3
    assert len({layer.salt for layer in dropouts}) == 3


def test_activations_are_a_slope_of_0_2_down_and_relu_up(paper_network):
    slopes = {
        layer.negative_slope
        for layer in paper_network.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    }
    assert len(slopes) == 1
    np.testing.assert_allclose(slopes.pop(), 0.2)
    relus = [layer for layer in paper_network.layers if isinstance(layer, keras.layers.ReLU)]
    assert len(relus) == 8
    assert paper_network.layers[-1].activation is keras.activations.tanh


@pytest.mark.parametrize(
    ("height", "width"), [(32, 32), (64, 64), (512, 512), (32, 64), (512, 32), (128, 256)]
)
def test_all_powers_of_two_have_a_network(height, width):
    network = unet.generator((height, width, 1), 3, base_width=1)
    assert network.output_shape == (None, height, width, 3)
    depth = min(height, width).bit_length() - 1
    innermost = network.get_layer(f"down_{depth - 1}_convolution")
    side = min(height, width)
    assert innermost.output.shape[1:3] == (height // side, width // side)
    # A map of more than one pixel has statistics, and is normalised like the others.
    assert innermost.use_bias == (height == width)


@pytest.mark.parametrize(
    ("shape", "upsample"), [((32, 64, 3), "transpose"), ((128, 32, 3), "resize")]
)
def test_rectangles_are_translated(shape, upsample):
    answers = translate(unet.generator(shape, 2, base_width=2, upsample=upsample))
    assert answers.shape == (2, *shape[:2], 2)
    assert np.isfinite(answers).all()
    assert 0 < np.abs(answers).max() <= 1


def test_sides_that_are_no_powers_of_two_have_fewer_levels():
    network = unet.generator((96, 160, 3), 1, base_width=1)
    assert translate(network).shape == (2, 96, 160, 1)
    bottleneck = network.get_layer("down_4_convolution").output.shape
    assert tuple(bottleneck[1:3]) == (3, 5)
    assert "down_5_convolution" not in [layer.name for layer in network.layers]
    # What has several pixels at the bottleneck can be normalised.
    assert "down_4_norm" in [layer.name for layer in network.layers]


def test_resize_upsamples_by_nearest_neighbour_and_3x3_convolutions():
    network = unet.generator((32, 32, 1), 3, base_width=2, upsample="resize")
    assert not any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in network.layers)
    resizes = [layer for layer in network.layers if isinstance(layer, keras.layers.UpSampling2D)]
    assert len(resizes) == 5
    maps = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    for resize in resizes:
        np.testing.assert_array_equal(resize(maps), maps.repeat(2, axis=1).repeat(2, axis=2))
    # Down 1-2-4-8-16-16 with 4x4 kernels, two biases; up with 3x3 kernels and one bias.
    down = 16 * (1 * 2 + 2 * 4 + 4 * 8 + 8 * 16 + 16 * 16) + 2 + 16
    up = 9 * (16 * 16 + 32 * 8 + 16 * 4 + 8 * 2 + 4 * 3) + 3
    norms = 2 * (4 + 8 + 16) + 2 * (16 + 8 + 4 + 2)
    assert network.count_params() == down + up + norms


def test_resize_of_a_constant_map_leaves_no_checkerboard():
    # The last layer: from a constant map, transposed kernels give a 2x2 pattern and the others
    # a constant, except at the border.
    def spread(upsample):
        network = unet.generator((32, 32, 1), 1, base_width=2, upsample=upsample)
        last = "transposed" if upsample == "transpose" else "convolution"
        layer = network.get_layer(f"to_picture_{last}")
        side = layer.input.shape[1]
        outputs = np.asarray(layer(np.ones((1, side, side, layer.input.shape[-1]), np.float32)))
        return outputs[0, 4:-4, 4:-4].std()

    assert spread("resize") < 1e-7
    assert spread("transpose") > 1e-3


def test_outputs_depend_on_the_seed_unless_dropout_is_0():
    network = unet.generator((32, 32, 1), 1, base_width=2)
    np.testing.assert_array_equal(translate(network), translate(network))
    first, second = translate(network, seeds=(0, 1)), translate(network, seeds=(0, 2))
    np.testing.assert_allclose(first[0], second[0], atol=1e-6)
    assert np.abs(first[1] - second[1]).max() > 1e-3
    still = unet.generator((32, 32, 1), 1, base_width=2, dropout=0.0)
    np.testing.assert_array_equal(translate(still, seeds=(0, 1)), translate(still, seeds=(5, 6)))


def test_an_unknown_upsampling_is_refused():
    with pytest.raises(ValueError, match="`upsample` must be transpose or resize.*nearest"):
        unet.generator((32, 32, 3), 3, upsample="nearest")


def test_skips_pass_an_image_around_a_bottleneck_that_passes_nothing():
    network = unet.generator((32, 32, 1), 1, 2, dropout=0.0)
    bottleneck = network.get_layer("down_4_convolution")
    bottleneck.set_weights([np.zeros_like(weight) for weight in bottleneck.get_weights()])
    answers = translate(network)
    assert np.abs(answers[0] - answers[1]).max() > 0.01

"""PatchGAN: counts by hand, map sizes, and the receptive field of one logit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.layers import LiveBatchNormalization
from kgan.networks import patchgan


def test_parameters_at_256_pixels_are_those_counted_by_hand():
    kernels = 16 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    norms = 2 * (128 + 256 + 512)
    biases = 64 + 1  # where no normalisation follows
    assert kernels + norms + biases == 2_768_705
    network = patchgan.discriminator([(256, 256, 3), (256, 256, 3)])
    assert network.count_params() == 2_768_705
    assert network.output_shape == (None, 30, 30, 1)


def test_layers_are_those_of_the_reference():
    network = patchgan.discriminator([(256, 256, 3), (256, 256, 3)])
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [c.filters for c in convolutions] == [64, 128, 256, 512, 1]
    assert [c.strides[0] for c in convolutions] == [2, 2, 2, 1, 1]
    assert {c.kernel_size for c in convolutions} == {(4, 4)}
    assert [c.output.shape[1] for c in convolutions] == [128, 64, 32, 31, 30]
    norms = [layer for layer in network.layers if isinstance(layer, LiveBatchNormalization)]
    assert [norm.output.shape[-1] for norm in norms] == [128, 256, 512]


def test_widths_grow_to_8_times_the_base_width():
    network = patchgan.discriminator([(256, 256, 3)], base_width=2, patch_layers=5)
    filters = [c.filters for c in network.layers if isinstance(c, keras.layers.Conv2D)]
    assert filters == [2, 4, 8, 16, 16, 16, 1]


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_a_logit_depends_on_its_patch_and_on_nothing_else(monkeypatch, layers, field):
    assert patchgan.receptive_field(layers) == field
    # With batch statistics every logit depends on all pixels a little.
    monkeypatch.setattr(LiveBatchNormalization, "call", lambda self, inputs, training=False: inputs)
    network = patchgan.discriminator([(256, 256, 1)], 2, layers)
    images = tf.constant(np.random.default_rng(0).normal(size=(1, 256, 256, 1)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network(images)
        middle = logits.shape[1] // 2
        logit = logits[0, middle, middle, 0]
    seen = tape.gradient(logit, images)[0, :, :, 0].numpy() != 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert rows[-1] - rows[0] + 1 == field
    assert columns[-1] - columns[0] + 1 == field
    assert seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.99


def test_padding_is_one_pixel_on_each_side():
    # With an image and kernels of ones a logit counts the pixels inside the image, which is
    # symmetric only if all four sides are padded equally.
    network = patchgan.discriminator([(16, 16, 1)], base_width=1, patch_layers=1)
    network.set_weights([np.ones_like(w) for w in network.get_weights()])
    logits = network(np.ones((1, 16, 16, 1), np.float32))[0, :, :, 0].numpy()
    np.testing.assert_allclose(logits, logits[::-1], rtol=1e-5)
    np.testing.assert_allclose(logits, logits[:, ::-1], rtol=1e-5)


def test_statistics_are_over_the_batch_in_training_and_over_each_pair_at_inference():
    network = patchgan.discriminator([(16, 16, 1)], base_width=2, patch_layers=2)
    images = np.random.default_rng(0).normal(size=(3, 16, 16, 1)).astype(np.float32)

    def first_alone_and_in_its_batch(training):
        return network(images[:1], training=training)[0], network(images, training=training)[0]

    alone, together = first_alone_and_in_its_batch(training=False)
    np.testing.assert_allclose(alone, together, atol=1e-6)
    alone, together = first_alone_and_in_its_batch(training=True)
    assert np.abs(alone - together).max() > 1e-3


@pytest.mark.parametrize(
    ("shape", "layers", "logits"),
    [
        ((32, 32, 3), 3, (2, 2)),
        ((24, 24, 3), 3, (1, 1)),
        ((64, 128, 1), 3, (6, 14)),
        ((128, 128, 3), 1, (62, 62)),
        ((512, 256, 3), 6, (6, 2)),
    ],
)
def test_every_size_gives_its_map(shape, layers, logits):
    # Halved by each layer, then one pixel less for each of the two stride-1 convolutions.
    network = patchgan.discriminator([shape, shape], base_width=1, patch_layers=layers)
    assert network.output_shape == (None, *logits, 1)


def test_with_instance_norm_scores_do_not_depend_on_the_batch():
    network = patchgan.discriminator([(16, 16, 1)], 2, 2, norm="instance")
    norms = [n for n in network.layers if isinstance(n, keras.layers.GroupNormalization)]
    # As many groups as channels: an instance norm.
    assert [norm.groups for norm in norms] == [4, 8]
    assert all((n.epsilon, n.center, n.scale) == (1e-5, False, False) for n in norms)
    images = np.random.default_rng(0).normal(size=(3, 16, 16, 1)).astype(np.float32)
    for training in (False, True):
        together = network(images, training=training)[:1]
        np.testing.assert_allclose(network(images[:1], training=training), together, atol=1e-6)


def test_each_scale_has_its_own_weights_and_images_of_half_the_size():
    network = patchgan.discriminator([(64, 32, 1), (64, 32, 3)], 2, 1, scales=3)
    assert [output.shape[1:] for output in network.outputs] == [(30, 14, 1), (14, 6, 1), (6, 2, 1)]
    weights = {variable.path: np.asarray(variable) for variable in network.weights}
    alone = []
    for scale, prefix in enumerate(("", "scale_1_", "scale_2_")):
        sides = (64 // 2**scale, 32 // 2**scale)
        alone.append(patchgan.discriminator([(*sides, 1), (*sides, 3)], 2, 1))
        for variable in alone[scale].weights:
            variable.assign(weights.pop(f"{prefix}{variable.path}"))
    assert not weights
    kernels = [np.asarray(single.get_layer("level_0_convolution").kernel) for single in alone]
    assert (kernels[0] != kernels[1]).any() and (kernels[1] != kernels[2]).any()
    rng = np.random.default_rng(0)
    pair = [rng.uniform(-1, 1, (2, 64, 32, c)).astype(np.float32) for c in (1, 3)]
    for side, output, single in zip((1, 2, 4), network(pair), alone, strict=True):
        # Means of squares of `side` by `side` pixels: halving twice averages four by four.
        halved = [
            p.reshape(2, 64 // side, side, 32 // side, side, -1).mean(axis=(2, 4)) for p in pair
        ]
        np.testing.assert_allclose(output, single(halved), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch_layers": 4}, "`patch_layers` must leave 3 pixels.*Received.*4"),
        ({"patch_layers": 2, "scales": 3}, "`scales` must leave 3 pixels.*Received: scales=3"),
        ({"norm": "layer"}, "`norm` must be one of batch, instance"),
    ],
)
def test_too_many_layers_or_scales_and_unknown_norms_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        patchgan.discriminator([(32, 64, 3)], **options)

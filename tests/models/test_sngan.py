"""Tests of sngan: the contract, and its networks."""

import inspect

import keras
import numpy as np

from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.models.sngan import SNGAN
from kgan.networks import sn_resnet
from tests.models.contracts.latent import ConditionTests
from tests.models.contracts.model import FullContract, ModelContract


class TestSNGAN(ConditionTests, ModelContract):
    name = "sngan"
    # With seed 0 a ReLU gets nearly 0, which rounding on two replicas puts on its other side.
    flags = ("--g_width=4", "--d_width=4", "--latent_size=8", "--d_updates=1", "--seed=2")
    # Sums over features overflow in float16 at first: the loss scale falls, updates are left out.
    precision_tolerance = 0.2
    other_settings = ("--gan_loss=bce", "--flip_labels=0.1")
    spec = DataSpec("labelled", (16, 16), 1, 1, tuple("abcdefghij"))
    # Spectral normalisation keeps variables of its own.
    test_variables = FullContract.test_training_changes_no_variable_that_a_checkpoint_does_not_hold
    test_mixed_precision = FullContract.test_mixed_precision_takes_a_step_with_finite_losses
    test_saved_model = FullContract.test_saved_model_loads_with_its_optimizers_and_trains_on


def test_score_is_that_of_the_image_plus_the_projection_on_the_class():
    model = TestSNGAN().build()
    discriminator = model.discriminator
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)
    conditions = np.eye(10, dtype=np.float32)[[1, 4, 4]]
    inner = keras.Model(
        discriminator.inputs,
        [
            discriminator.get_layer(name).output
            for name in ("features", "score_of_picture", "last_relu")
        ],
    )
    features, alone, maps = map(np.asarray, inner([images, conditions]))
    np.testing.assert_allclose(features, maps.sum(axis=(1, 2)), rtol=1e-5)
    layer = discriminator.get_layer("condition_row")
    rows = conditions @ np.asarray(layer.normalized_kernel(False))
    wanted = alone[:, 0] + (features * rows).sum(axis=1)
    found = discriminator([images, conditions])
    np.testing.assert_allclose(np.asarray(found)[:, 0], wanted, rtol=1e-4)


def test_no_layer_of_the_discriminator_mixes_examples_of_a_batch():
    model = TestSNGAN().build()
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)
    conditions = np.eye(10, dtype=np.float32)[[1, 4, 7]]
    together = np.asarray(model.discriminator([images, conditions]))
    alone = np.asarray(model.discriminator([images[1:2], conditions[1:2]]))
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4)


def scale_of(generator, condition):
    """Computes the scale of the first normalisation for conditions [B, K]; float32 [B, C]."""
    latents = np.zeros((len(condition), 8), np.float32)
    output = generator.get_layer("block_0_first_scale_reshape").output
    inner = keras.Model(generator.inputs, output)
    return np.asarray(inner([latents, np.float32(condition)]))[:, 0, 0]


def test_scale_is_1_plus_a_row_for_each_attribute_that_holds():
    generator = TestSNGAN().build().generator
    # Neither no attribute nor several of them change the scale before training.
    conditions = [[0] * 10, [1] + [0] * 9, [1] * 10]
    np.testing.assert_array_equal(scale_of(generator, conditions), np.ones((3, 4)))
    kernel = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    generator.get_layer("block_0_first_rows").kernel.assign(kernel)
    expected = [np.ones(4), 1 + kernel[0], 1 + kernel.sum(axis=0)]
    np.testing.assert_allclose(scale_of(generator, conditions), expected, rtol=1e-5)


def limits(network):
    """Computes, by layer, the largest weight over the limit of Glorot's uniform distribution."""
    found = {}
    for layer in network.layers:
        if np.ndim(getattr(layer, "kernel", None)) >= 2 and np.std(layer.kernel):
            *field, inputs, outputs = layer.kernel.shape
            limit = np.sqrt(6 / (np.prod(field) * (inputs + outputs)))
            found[layer.name] = np.abs(layer.kernel).max() / limit
    return found


def test_initial_gain_is_root_2_in_residual_convolutions_and_1_elsewhere():
    for network in (sn_resnet.generator((32, 32, 3), 3), sn_resnet.discriminator((32, 32, 3), 3)):
        found = limits(network)
        residual = [
            name for name in found if name.endswith(("first_convolution", "second_convolution"))
        ]
        assert len(residual) in (6, 8) and len(found) > len(residual) + 2
        for name, gain in found.items():
            # The largest of many uniform numbers.
            expected = np.sqrt(2) if name in residual else 1
            assert 0.97 * expected < gain <= expected * (1 + 1e-6), name


def test_score_has_no_bias():
    discriminator = TestSNGAN().build().discriminator
    assert not discriminator.get_layer("score_of_picture").use_bias


def test_defaults_are_those_of_the_authors_configuration():
    settings = parse_training(["--model=sngan"])
    assert settings.values["g_batch_factor"] == 2
    assert (settings.run.lr_schedule, settings.run.lr_decay_from) == ("linear", 0.0)
    assert inspect.signature(SNGAN).parameters["g_batch_factor"].default == 2


def test_every_bias_of_the_generator_changes_the_images():
    # One that a normalisation takes away again would be updated by rounding alone.
    generator = TestSNGAN().build().generator
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(6, 8)).astype(np.float32), np.eye(10, dtype=np.float32)[:6]]
    before = np.asarray(generator(inputs, training=True))
    biases = [weight for weight in generator.trainable_weights if weight.path.endswith("/bias")]
    assert [bias.path for bias in biases] == ["project/bias", "to_picture/bias"]
    for bias in biases:
        kept = np.asarray(bias)
        bias.assign(kept + rng.normal(size=kept.shape))
        assert np.abs(np.asarray(generator(inputs, training=True)) - before).max() > 1e-3
        bias.assign(kept)

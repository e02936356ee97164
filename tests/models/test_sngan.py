"""Tests of sngan: the contract, and its networks."""

import keras
import numpy as np

from kgan.data.dataset import DataSpec
from tests.models.contract import ConditionTests, FullContract, ModelContract


class TestSNGAN(ConditionTests, ModelContract):
    name = "sngan"
    flags = ("--g_width=4", "--d_width=4", "--latent_size=8", "--d_updates=1")
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


def test_classes_have_scales_and_shifts_of_their_own():
    model = TestSNGAN().build()
    layer = model.generator.get_layer("block_0_first_scale")
    np.testing.assert_array_equal(layer.kernel, np.ones((10, 4)))
    assert layer.bias is None


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

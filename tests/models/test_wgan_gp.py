"""Tests of WGAN-GP: the contract, and the penalty inside the critic's loss."""

import keras
import numpy as np
import tensorflow as tf

from kgan.data.dataset import DataSpec
from kgan.layers import mixing_examples
from kgan.models.wgan_gp import WGANGP
from kgan.networks import mlp
from tests.models.contracts.model import FullContract, ModelContract


class TestWGANGP(ModelContract):
    name = "wgan_gp"
    flags = ("--width=4", "--latent_size=8", "--n_critic=2")
    other_settings = ("--n_critic=3", "--penalty_weight=2", "--packing=2")
    spec = DataSpec("images", (16, 16), 1, 1)
    # The penalty is a gradient of a gradient.
    test_mixed_precision = FullContract.test_mixed_precision_takes_a_step_with_finite_losses


def linear_critic(slope):
    image = keras.Input((2, 1, 1))
    score = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(image))
    critic = keras.Model(image, score)
    critic.set_weights([np.float32([[slope], [0.0]])])
    return critic


def test_critic_pays_ten_times_the_square_of_what_its_slope_is_above_one():
    model = WGANGP(mlp.generator((2, 1, 1), 2, (3,)), linear_critic(3.0), seed=1)
    model.compile(g_optimizer="adam", d_optimizer="adam")
    images = tf.constant([[[[0.5]], [[0.0]]], [[[-0.5]], [[1.0]]]])
    batch = model.discriminator_inputs(images, 0)
    losses, log = model.discriminator_loss(*batch)
    np.testing.assert_allclose(log["d_penalty"], [4.0, 4.0], rtol=1e-5)  # (3 − 1)²
    fakes = np.asarray(model.generator(batch[2], training=True))
    # Scores are 3 times the first pixel.
    wasserstein = 3 * (np.array([0.5, -0.5]) - fakes[:, 0, 0, 0])
    np.testing.assert_allclose(log["wasserstein"], wasserstein, rtol=1e-5)
    np.testing.assert_allclose(losses, -wasserstein + 40, rtol=1e-5)


def test_critic_mixes_no_examples_by_default():
    assert mixing_examples(TestWGANGP().build().discriminator) == []

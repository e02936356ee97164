"""Tests of LSGAN: the contract, and its loss against numbers by hand."""

import numpy as np
import tensorflow as tf

from kgan.data.dataset import DataSpec
from tests.models.contracts.model import ModelContract


class TestLSGAN(ModelContract):
    name = "lsgan"
    flags = ("--width=4", "--latent_size=8")
    other_settings = ("--flip_labels=0.1", "--d_updates=2", "--latent_distribution=uniform")
    spec = DataSpec("images", (16, 16), 1, 1)


def test_losses_are_squared_distances_to_one_and_zero():
    model = TestLSGAN().build()
    scores = tf.constant([[0.5], [-1.0]])
    np.testing.assert_allclose(model.loss_parts.discriminator_real(scores), [0.25, 4.0])
    np.testing.assert_allclose(model.loss_parts.discriminator_fake(scores), [0.25, 1.0])
    np.testing.assert_allclose(model.loss_parts.generator(scores), [0.25, 4.0])

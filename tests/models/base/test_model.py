"""Models of users, derived from the bases, behave as Keras and the bases promise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.layers import global_moments
from kgan.losses import per_example_mean
from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.translation import TranslationModel
from kgan.networks import mlp
from kgan.utils.errors import ArgumentError


class Regressor(TranslationModel):
    """A translation with one player and nothing logged but its loss."""

    network_names = ("generator",)
    player_names = ("g",)
    logged = ("loss",)

    def train_step(self, data):
        def losses(inputs, targets):
            error = per_example_mean((self.generator(inputs, training=True) - targets) ** 2)
            return error, {"loss": error}

        return self.results(self.update("g", losses, *data))


class Relative(AdversarialModel):
    """A GAN whose scores are compared with the mean of the other kind of image."""

    loss_mixes_examples = True

    def compared(self, real_scores, fake_scores):
        real_mean, fake_mean = (global_moments(s, [0])[0] for s in (real_scores, fake_scores))
        return real_scores - fake_mean, fake_scores - real_mean


def test_fit_reports_the_loss_of_a_model_that_logs_nothing_else():
    inputs = keras.Input((2,))
    generator = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros")(inputs))
    model = Regressor(generator)
    model.compile(g_optimizer=keras.optimizers.SGD(0.0))
    data = np.ones((4, 2), np.float32), np.full((4, 1), 3, np.float32)
    history = model.fit(tf.data.Dataset.from_tensors(data), verbose=0).history
    assert history["loss"] == [9.0]


def relative():
    return Relative(mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4]))


def test_losses_see_scores_as_the_model_compares_them():
    real, fake = relative().compared(tf.constant([[3.0], [1.0]]), tf.constant([[0.0], [1.0]]))
    np.testing.assert_array_equal(real, [[2.5], [0.5]])
    np.testing.assert_array_equal(fake, [[-2.0], [-1.0]])
    images, latents = tf.ones([2, 2, 2, 1]), tf.zeros([2, 3])
    model = relative()
    # Equal weights for all images: relative to each other their scores are 0 where they are equal.
    _, log = model.discriminator_loss(images, (), latents, {})
    difference = np.asarray(log["d_score_real"]) - np.asarray(log["d_score_fake"]).mean()
    np.testing.assert_allclose(
        np.asarray(log["d_loss_real"]), np.log1p(np.exp(-difference[:, 0])), rtol=1e-5
    )


def test_loss_that_mixes_examples_is_not_computed_in_parts():
    with pytest.raises(ArgumentError, match="accumulate"):
        relative().compile(g_optimizer="sgd", d_optimizer="sgd", accumulate=2)

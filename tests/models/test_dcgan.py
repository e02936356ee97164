"""Tests of DCGAN: the contract, and what its two players descend."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.models.base.adversarial import DISCRIMINATOR_LATENTS, GENERATOR_LATENTS
from kgan.models.dcgan import DCGAN
from kgan.networks import mlp
from kgan.runs import checkpoint
from tests.models.contracts.latent import AdversarialContract
from tests.models.contracts.state import CheckpointAfter, differing, values, with_sgd

SHAPE = (4, 4, 1)


class TestDCGAN(AdversarialContract):
    name = "dcgan"
    flags = ("--width=4", "--latent_size=8")
    other_settings = ("--gan_loss=minimax",)
    spec = DataSpec("images", (16, 16), 1, 1)

    def test_two_resumed_replicas_end_with_the_same_weights(self, two_replicas, tmp_path):
        path = tmp_path / "checkpoint.safetensors"
        with two_replicas.scope():
            whole, resumed = self.build(), self.build()
        self.train(whole, 4, graph=True, callbacks=[CheckpointAfter(2, path)])
        checkpoint.restore(resumed.state(), checkpoint.read(path)[0], path)
        resumed.keep_means()
        self.train(resumed, 2, start_step=2, graph=True)
        one, two = values(whole), values(resumed)
        # A mean is put back as equal halves, so that its last bit may round otherwise.
        assert all(name.startswith("means/") for name in differing(one, two))
        for name, value in one.items():
            np.testing.assert_allclose(two[name], value, rtol=1e-5, err_msg=name)


def small_model(gan_loss="bce"):
    """Two perceptrons and gradient descent of step 1: a weight moves by minus its gradient."""
    networks = mlp.generator(SHAPE, 3, (5,)), mlp.discriminator(SHAPE, (5,))
    return with_sgd(DCGAN(*networks, gan_loss=gan_loss, seed=2), 1.0, momentum=0.0)


def some_images():
    return np.random.default_rng(0).uniform(-1, 1, (6, *SHAPE)).astype(np.float32)


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


OBJECTIVES = {
    "bce": (
        lambda real: -np.log(sigmoid(real)),
        lambda fake: -np.log(1 - sigmoid(fake)),
        lambda fake: -np.log(sigmoid(fake)),
    ),
    "minimax": (
        lambda real: -np.log(sigmoid(real)),
        lambda fake: -np.log(1 - sigmoid(fake)),
        lambda fake: np.log(1 - sigmoid(fake)),
    ),
    "least_squares": (
        lambda real: (np.asarray(real) - 1) ** 2,
        lambda fake: np.asarray(fake) ** 2,
        lambda fake: (np.asarray(fake) - 1) ** 2,
    ),
}


@pytest.mark.parametrize("gan_loss", OBJECTIVES)
def test_logged_losses_are_those_of_the_scores(gan_loss):
    real_loss, fake_loss, generator_loss = OBJECTIVES[gan_loss]
    model = small_model(gan_loss)
    images = some_images()
    real = model.discriminator(images)
    fake = model.discriminator(model.generator(model.latents(6, DISCRIMINATOR_LATENTS)))
    logs = model.discriminator_step(images)
    judged = model.discriminator(model.generator(model.latents(6, GENERATOR_LATENTS)))
    logs |= model.generator_step(images)
    expected = {
        "d_loss": real_loss(real).mean() + fake_loss(fake).mean(),
        "d_loss_real": real_loss(real).mean(),
        "d_loss_fake": fake_loss(fake).mean(),
        "d_score_real": np.mean(real),
        "d_score_fake": np.mean(fake),
        # Through the updated discriminator.
        "g_loss": generator_loss(judged).mean(),
    }
    assert logs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(np.mean(logs[name]), value, rtol=1e-5, err_msg=name)


def moves(step, network):
    """Runs a step and returns by how much each trainable weight of a network moved."""
    before = [np.asarray(variable) for variable in network.trainable_variables]
    step()
    after = [np.asarray(variable) for variable in network.trainable_variables]
    return [new - old for new, old in zip(after, before, strict=True)]


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_player_descends_its_mean_loss(player):
    model, images = small_model(), some_images()
    use = DISCRIMINATOR_LATENTS if player == "discriminator" else GENERATOR_LATENTS
    network = model.networks[player]
    with tf.GradientTape() as tape:
        fake = tf.sigmoid(model.discriminator(model.generator(model.latents(6, use))))
        if player == "generator":
            loss = -tf.reduce_mean(tf.math.log(fake))
        else:
            real = tf.sigmoid(model.discriminator(images))
            loss = -tf.reduce_mean(tf.math.log(real)) - tf.reduce_mean(tf.math.log(1 - fake))
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    moved = moves(lambda: getattr(model, f"{player}_step")(images), network)
    for move, gradient in zip(moved, gradients, strict=True):
        np.testing.assert_allclose(move, -gradient, atol=1e-6)


def test_restored_means_survive_one_reset_and_no_more():
    model = small_model()
    model.totals.assign(4.0 * np.ones(len(model.logged)))
    model.count.assign(2.0)
    model.keep_means()
    model.reset_metrics()
    assert model.means() == dict.fromkeys(model.logged, 2.0)
    model.reset_metrics()
    assert np.isnan(list(model.means().values())).all()


def test_each_player_needs_an_optimizer_of_its_own():
    model, optimizer = small_model(), keras.optimizers.Adam()
    with pytest.raises(ValueError, match="`g_optimizer` and `d_optimizer` must be two"):
        model.compile(g_optimizer=optimizer, d_optimizer=optimizer)
    model.compile(g_optimizer="adam", d_optimizer="adam")
    assert model.g_optimizer is not model.d_optimizer


def test_players_of_one_step_get_latents_of_their_own():
    model = small_model()
    first, second = (model.latents(6, use) for use in (DISCRIMINATOR_LATENTS, GENERATOR_LATENTS))
    assert (np.asarray(first) != np.asarray(second)).all()


def test_networks_of_ones_own_train_with_keras_fit_and_report_the_history():
    model = small_model()
    data = tf.data.Dataset.from_tensor_slices(some_images()).repeat().batch(3)
    history = model.fit(data, epochs=2, steps_per_epoch=2, verbose=0).history
    assert set(history) == {"loss", *model.logged}
    assert all(len(epochs) == 2 for epochs in history.values())
    assert model.completed_steps == 4


def test_recommended_settings_are_the_paper_s():
    resolved = parse_training(["--model=dcgan"])
    paper = {"g_lr": 2e-4, "d_lr": 2e-4, "beta_1": 0.5, "batch_size": 128, "gan_loss": "bce"}
    assert (paper | {"latent_size": 100, "width": 32}).items() <= resolved.values.items()
    model = build_model(resolved, DataSpec("images", (32, 32), 3, 3))
    assert model.generator.count_params() == 371_072
    assert model.discriminator.count_params() == 168_320

"""Tests of the VAE: the contract, and its bounds against a likelihood that is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.metrics import likelihood
from kgan.models.vae import VAE
from kgan.utils.errors import UserError
from tests.models.contracts.latent import LikelihoodContract


class TestVAE(LikelihoodContract):
    name = "vae"
    flags = ("--hidden=6", "--hidden=5", "--latent_size=3")
    other_settings = ("--importance_samples=4", "--activation=relu")
    independent_flags = ()
    spec = DataSpec("images", (8, 8), 1, 1)


def linear(encoder_weights=None, samples=1):
    """A VAE of 2x1 bits and one latent: logits [1.5 z + 0.2, −z], posterior from the weights."""
    bits = keras.Input((2, 1, 1))
    posterior = keras.layers.Dense(2, name="posterior")(keras.layers.Flatten()(bits))
    latent = keras.Input((1,))
    logits = keras.layers.Reshape((2, 1, 1))(keras.layers.Dense(2, name="to_logits")(latent))
    encoder, decoder = keras.Model(bits, posterior), keras.Model(latent, logits)
    decoder.set_weights([np.float32([[1.5, -1.0]]), np.float32([0.2, 0.0])])
    if encoder_weights is not None:
        encoder.set_weights([np.zeros((2, 2), np.float32), np.float32(encoder_weights)])
    model = VAE(encoder, decoder, importance_samples=samples)
    model.compile(g_optimizer="sgd", run_eagerly=True)
    return model


def exact_log_likelihood(bits):
    """ln ∫ p(x|z) N(z; 0, 1) dz by the trapezoid rule, in float64."""
    latents = np.linspace(-12, 12, 200_001)
    logits = np.stack([1.5 * latents + 0.2, -latents])
    log_p = (np.asarray(bits)[:, np.newaxis] * logits - np.logaddexp(0, logits)).sum(axis=0)
    density = np.exp(log_p - 0.5 * latents**2) / np.sqrt(2 * np.pi)
    return np.log(np.trapezoid(density, latents))


def images_of(bits, count=1):
    """Images in [-1, 1] whose bits are certain."""
    rows = 2 * np.asarray(bits, np.float32).reshape(1, 2, 1, 1) - 1
    return tf.constant(np.repeat(rows, count, axis=0))


@pytest.mark.parametrize("bits", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_importance_samples_converge_to_the_integral_and_the_bound_lies_below(bits):
    model = linear(encoder_weights=(0.3, -0.5))
    numbers = tf.range(20)
    log_weights = np.asarray(model.log_weights(images_of(bits, 20), numbers, 2000))
    estimates = likelihood.log_mean_exp(log_weights)
    exact = exact_log_likelihood(bits)
    assert abs(estimates.mean() - exact) < 0.01
    bounds = log_weights.mean(axis=1)
    assert (bounds < estimates).all() and bounds.mean() < exact - 0.005


def test_likelihoods_of_all_images_sum_to_one():
    total = sum(np.exp(exact_log_likelihood((a, b))) for a in (0, 1) for b in (0, 1))
    assert total == pytest.approx(1, abs=1e-6)


def test_divergence_is_that_of_two_normal_densities():
    # μ = 0.3, σ² = e^−0.5: ½ (0.09 + 0.60653066 + 0.5 − 1) = 0.09826533.
    model = linear(encoder_weights=(0.3, -0.5))
    _, log = model.losses(images_of((1, 0)), model.fixed_noise(tf.range(1)))
    np.testing.assert_allclose(log["kl"], [0.09826533], rtol=1e-5)


def test_loss_of_one_sample_is_minus_the_bound_with_the_divergence_in_closed_form():
    model = linear(encoder_weights=(0.3, -0.5))
    draws = {"bits": tf.fill([1, 2, 1, 1], 0.5), "noise": tf.constant([[[2.0]]])}
    losses, log = model.losses(images_of((1, 0)), draws)
    latent = 0.3 + np.exp(-0.25) * 2.0
    logits = np.array([1.5 * latent + 0.2, -latent])
    reconstruction = np.log1p(np.exp(-logits[0])) + np.log1p(np.exp(logits[1]))
    np.testing.assert_allclose(log["reconstruction"], [reconstruction], rtol=1e-5)
    np.testing.assert_allclose(losses, [reconstruction + 0.09826533], rtol=1e-5)


def test_bound_of_several_samples_is_tighter():
    images, numbers = images_of((1, 1), 500), tf.range(500)
    means = []
    for samples in (1, 5, 50):
        model = linear(encoder_weights=(-1.0, 0.0), samples=samples)
        losses, _ = model.losses(images, model.fixed_noise(numbers))
        means.append(-float(tf.reduce_mean(losses)))
    exact = exact_log_likelihood((1, 1))
    assert means[0] < means[1] < means[2] < exact + 0.02
    assert means[2] == pytest.approx(exact, abs=0.05)


def test_bits_are_sampled_with_the_intensities_as_probabilities():
    model = linear()
    count = 4000
    images = tf.constant(np.tile(np.float32([-0.5, 0.8]).reshape(1, 2, 1, 1), (count, 1, 1, 1)))
    seen = []
    model.encoder = lambda bits, training: seen.append(bits) or tf.zeros([count, 2])
    model.terms(images, model.step_noise(images))
    np.testing.assert_allclose(np.mean(seen[0], axis=0).ravel(), [0.25, 0.9], atol=0.02)


def test_generated_images_are_the_decoder_s_probabilities():
    drawn = linear().generate([[2.0]])
    probabilities = 1 / (1 + np.exp(-np.array([3.2, -2.0])))
    np.testing.assert_allclose(drawn.ravel(), 2 * probabilities - 1, rtol=1e-5)


def test_networks_are_those_of_the_papers():
    resolved = parse_training(["--model=vae"])
    model = build_model(resolved, DataSpec("images", (28, 28), 1, 1))
    kernels = {
        name: [v.shape for v in network.trainable_variables if len(v.shape) == 2]
        for name, network in model.networks.items()
    }
    assert kernels["encoder"] == [(784, 200), (200, 200), (200, 100)]
    assert kernels["decoder"] == [(50, 200), (200, 200), (200, 784)]


def test_points_are_refused():
    resolved = parse_training(["--model=vae"])
    with pytest.raises(UserError, match="^--dataset=digits: `dataset` contains points"):
        build_model(resolved, DataSpec("points", (1, 1), 2, 2))

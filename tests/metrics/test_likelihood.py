"""Likelihoods against values by hand."""

import numpy as np
import pytest

from kgan.metrics import likelihood


def test_log_mean_exp_is_the_logarithm_of_the_mean_weight():
    weights = np.array([[1.0, 3.0], [0.5, 0.5]])
    np.testing.assert_allclose(likelihood.log_mean_exp(np.log(weights)), np.log([2.0, 0.5]))


def test_log_mean_exp_does_not_overflow():
    found = likelihood.log_mean_exp(np.array([[-2000.0, -2000.0 + np.log(3)], [900.0, 900.0]]))
    np.testing.assert_allclose(found, [-2000 + np.log(2), 900])


def test_importance_weights_of_a_linear_gaussian_model_converge_to_its_closed_form():
    """z ~ N(0, 1), x|z ~ N(2 z, 0.5²): x ~ N(0, 4.25); q(z|x) ≈ N(0.4 x, 0.4²)."""
    rng = np.random.default_rng(0)
    examples = np.array([-1.0, 0.3, 2.5])
    noise = rng.standard_normal((3, 100_000))
    latents = 0.4 * examples[:, np.newaxis] + 0.4 * noise

    def log_normal(value, mean, deviation):
        return -0.5 * ((value - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))

    log_weights = (
        log_normal(latents, 0, 1)
        + log_normal(examples[:, np.newaxis], 2 * latents, 0.5)
        - log_normal(noise, 0, 1)
        + np.log(0.4)
    )
    found = likelihood.log_mean_exp(log_weights)
    np.testing.assert_allclose(found, log_normal(examples, 0, np.sqrt(4.25)), atol=0.01)
    assert (log_weights.mean(axis=1) < found - 0.1).all()  # the bound


def test_a_uniform_density_has_eight_bits_for_256_levels():
    np.testing.assert_allclose(likelihood.bits_per_dimension(np.zeros(2), 784), [8, 8])
    # All the mass on an eighth of each dimension: a density of 8, three bits fewer.
    np.testing.assert_allclose(likelihood.bits_per_dimension([5 * np.log(8)], 5), [5])
    np.testing.assert_allclose(likelihood.bits_per_dimension([0.0], 5, levels=2), [1])


@pytest.mark.parametrize("margin", [0.0, 1e-6, 0.05])
def test_logit_slope_is_the_numerical_derivative(margin):
    images = np.random.default_rng(0).uniform(0.1, 0.9, (3, 2, 2))

    def logit(x):
        squeezed = margin + (1 - 2 * margin) * x
        return np.log(squeezed / (1 - squeezed))

    step = 1e-6
    slopes = (logit(images + step) - logit(images - step)) / (2 * step)
    expected = np.log(slopes).sum(axis=(1, 2))
    np.testing.assert_allclose(likelihood.logit_log_slopes(images, margin), expected, rtol=1e-6)


def test_density_of_a_mixture():
    # Two Gaussians of deviation ½ at (±1, 0); at the origin both have exp(−2) / (2π ¼).
    centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
    found = likelihood.mixture_log_densities(np.zeros((1, 2)), centres, 0.5)
    np.testing.assert_allclose(found, [-2 - np.log(np.pi / 2)])

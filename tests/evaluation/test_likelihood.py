"""Evaluation of likelihoods, on models that give known ones."""

import keras
import numpy as np
import pytest

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.dataset import ArraySource, Dataset
from kgan.data.splits import sample_indices
from kgan.evaluation import likelihood
from kgan.evaluation.task import Request
from kgan.models.base.likelihood import LikelihoodModel
from tests.evaluation.fakes import Generator, dataset, levels, scaled


class Bound(LikelihoodModel):
    """A model whose importance weights of example n are exp(n) and exp(n) · e² in turns."""

    def __init__(self):
        keras.Model.__init__(self)  # without networks

    def update_averages(self):
        self.calls = []

    def log_weights(self, images, numbers, samples):
        self.calls.append((np.asarray(images), np.asarray(numbers)))
        return np.asarray(numbers)[:, np.newaxis] + np.tile([0.0, 2.0], samples // 2)


class Exact(LikelihoodModel):
    """A model whose density of example n is −n nats and n bits, of points 0 nats."""

    is_exact = True

    def __init__(self, points=False):
        keras.Model.__init__(self)  # without networks
        self.points = points

    def update_averages(self):
        pass

    def log_densities(self, images, numbers):
        numbers = np.asarray(numbers, float)
        if self.points:
            return {"log_likelihood_nats": 0 * numbers}
        return {"log_likelihood_logit_nats": -numbers, "bits_per_dimension": numbers}


def measured(model, data, *names, **request):
    task = likelihood.make_task(model, data, Request(**request))
    return task.measure(names or tuple(task.metrics))


def test_bounds_from_importance_weights():
    real, model = levels(45), Bound()
    result = measured(model, dataset(real), count=41)
    values = result.values
    # Numbers 0 … 40 have the mean 20 and the variance 143.5.
    assert values["elbo_nats_41_of_45"] == pytest.approx(21)
    expected = 20 + np.log((1 + np.exp(2)) / 2)
    assert values["log_likelihood_nats_500_41_of_45"] == pytest.approx(expected)
    error = np.sqrt(143.5 / 41)
    assert values["log_likelihood_nats_500_41_of_45_standard_error"] == pytest.approx(error)
    assert len(values) == 4 and "41 images of the test part" in result.title
    # Every example once, with its index.
    images, numbers = map(np.concatenate, zip(*model.calls, strict=True))
    np.testing.assert_array_equal(numbers, np.arange(41))
    np.testing.assert_allclose(images, scaled(real[sample_indices(45, 41)]), atol=1e-6)


def test_exact_densities():
    values = measured(Exact(), dataset(levels(5))).values
    assert values["log_likelihood_logit_nats_5"] == -2 and values["bits_per_dimension_5"] == 2
    assert values["bits_per_dimension_5_standard_error"] == pytest.approx(np.sqrt(2.5 / 5))
    assert set(measured(Exact(), dataset(levels(5)), "bits_per_dimension").values) == {
        "bits_per_dimension_5",
        "bits_per_dimension_5_standard_error",
    }


def test_density_of_points_is_compared_with_that_of_their_mixture():
    mixture = MIXTURES["grid"]
    parts = {"test": ArraySource(mixture.sample(2000, (1,)))}
    data = Dataset("grid", "points", parts, "made", mixture=mixture)
    values = measured(Exact(points=True), data).values
    # −(ln 2π σ² + 1) − ln 25: modes so far apart that one alone counts.
    expected = -np.log(2 * np.pi * 0.05**2) - 1 - np.log(25)
    assert values["log_likelihood_nats_of_mixture_2000"] == pytest.approx(expected, abs=0.06)


def test_model_without_a_density_has_no_likelihood():
    images = levels(9)
    assert likelihood.make_task(Generator(scaled(images)), dataset(images), Request()) is None

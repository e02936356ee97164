"""Evaluation of critics, on one that is linear."""

import keras
import numpy as np
import pytest

from kgan.evaluation import critic
from kgan.evaluation.task import Request
from tests.evaluation.fakes import Critic, Generator, dataset, levels, scaled


@pytest.fixture
def linear():
    """A critic that gives three times the first pixel."""
    image = keras.Input((2, 2, 1))
    score = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(image))
    network = keras.Model(image, score)
    network.set_weights([np.float32([[3.0], [0.0], [0.0], [0.0]])])
    return network


def test_linear_critic_is_as_steep_as_its_weights(linear):
    real = levels(60, shape=(2, 2, 1))
    model = Critic(scaled(real) - np.float32([[[0.5], [0]], [[0], [0]]]), linear)
    task = critic.make_task(model, dataset(real, features=None), Request())
    values = task.measure(tuple(task.metrics)).values
    assert values["critic_estimate_60"] == pytest.approx(1.5, rel=1e-4)  # 3 · 0.5
    assert values["critic_mean_slope_5000"] == pytest.approx(3, rel=1e-5)
    assert values["critic_estimate_over_slope_60"] == pytest.approx(0.5, rel=1e-4)
    assert values["critic_estimate_over_mean_slope_60"] == pytest.approx(0.5, rel=1e-4)
    # All moved by 0.5; matched otherwise, pairs may be nearer.
    assert 0.2 < values["wasserstein_60"] <= 0.5 + 1e-6


def test_only_critics_of_single_examples_are_measured(linear):
    real = levels(10, shape=(2, 2, 1))
    for model in (Generator(scaled(real)), Critic(scaled(real), linear, packing=2)):
        assert critic.make_task(model, dataset(real), Request()) is None

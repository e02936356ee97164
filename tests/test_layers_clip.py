"""Tests of the weight constraints."""

import keras
import numpy as np
import pytest

from kgan.layers import WeightClip, clip_weights


def test_weights_are_clipped_at_both_ends():
    weights = np.float32([[-0.5, -0.01, -0.004], [0.0, 0.01, 3.0]])
    np.testing.assert_array_equal(
        WeightClip(0.01)(weights), np.float32([[-0.01, -0.01, -0.004], [0.0, 0.01, 0.01]])
    )


@pytest.mark.parametrize("limit", [0, -0.01])
def test_a_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(ValueError, match="`limit` must be positive.*Received"):
        WeightClip(limit)


def test_limit_survives_serialisation():
    constraint = WeightClip(0.02)
    config = keras.saving.serialize_keras_object(constraint)
    assert keras.saving.deserialize_keras_object(config).limit == 0.02


def test_every_trainable_weight_is_clipped_after_an_update():
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]
    )
    clip_weights(network, 0.1)
    optimizer = keras.optimizers.SGD(1.0)
    before = [variable.numpy() for variable in network.trainable_variables]
    gradients = [np.full(v.shape, -5.0, np.float32) for v in network.trainable_variables]
    optimizer.apply(gradients, network.trainable_variables)
    assert len(before) == 4
    for variable in network.trainable_variables:
        np.testing.assert_array_equal(variable, np.full(variable.shape, 0.1, np.float32))


def test_statistics_are_not_clipped():
    network = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    clip_weights(network, 0.1)
    assert all(variable.constraint is None for variable in network.non_trainable_variables)

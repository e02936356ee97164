"""A step in parts is the step of the whole batch, in every model whose networks allow it."""

import keras
import numpy as np
import pytest

from kgan import layers, spectral_norm
from kgan.cli.models import model_names
from tests.models.contracts.model import contract_of
from tests.models.contracts.state import assert_same_logs, assert_same_state, with_sgd


@keras.saving.register_keras_serializable("kgan_tests")
class Alone(keras.layers.GroupNormalization):
    """Normalises each example by itself; takes what the layers take that it stands for."""

    def build(self, input_shape):
        super().build(input_shape[0] if isinstance(input_shape[0], (tuple, list)) else input_shape)

    def call(self, inputs, *condition, mask=None, training=None):
        return super().call(inputs[0] if isinstance(inputs, list) else inputs)

    def compute_output_shape(self, input_shape, *condition_shape):
        return input_shape


def independent(layer):
    """Copies a layer, or replaces one that mixes the examples of a batch by one that does not."""
    if isinstance(layer, spectral_norm.SpectralConv2D):
        return keras.layers.Conv2D.from_config(layer.get_config())
    if isinstance(layer, spectral_norm.SpectralDense):
        return keras.layers.Dense.from_config(layer.get_config())
    if isinstance(layer, (keras.layers.BatchNormalization, layers.MixesExamples)):
        return Alone(1, name=layer.name)
    return type(layer).from_config(layer.get_config())


def build(contract):
    """Builds a model again, of networks in which no example depends on another."""
    model = contract.build()
    config = model.get_config()
    for name, network in model.networks.items():
        if layers.mixing_examples(network):
            copy = keras.models.clone_model(network, clone_function=independent)
            if layers.mixing_examples(copy):
                pytest.skip(f"{layers.mixing_examples(copy)[0]} of its {name} needs the batch")
            config[model.renamed.get(name, name)] = keras.saving.serialize_keras_object(copy)
    return type(model).from_config(config)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("name", [name for name in model_names() if name != "flow"])
def test_step_in_parts_is_that_of_the_whole_batch(name, parts):
    contract = contract_of(name)()
    whole = with_sgd(build(contract))
    split = with_sgd(build(contract), accumulate=parts)
    before = [np.array(v) for n in whole.networks.values() for v in n.trainable_variables]
    assert_same_logs(*(contract.train(model, 1) for model in (whole, split)))
    assert_same_state(whole, split)
    after = [np.array(v) for n in whole.networks.values() for v in n.trainable_variables]
    assert sum((a != b).any() for a, b in zip(before, after, strict=True)) > len(after) / 2

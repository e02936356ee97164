"""The average of weights before the first update: the weights themselves, whatever is asked for."""

import numpy as np
import pytest

from kgan.models.base.likelihood import LikelihoodModel
from kgan.runs import checkpoint
from tests.models.contracts.calls import example_inputs, outputs
from tests.models.contracts.model import contract_of

# One model of each way to generate.
MODELS = ("dcgan", "cdcgan", "vae", "flow")
AVERAGED = ("--ema_half_life=8", "--batch_size=4")


@pytest.fixture(params=MODELS)
def contract(request):
    return contract_of(request.param)()


def test_images_before_the_first_step_are_those_of_the_weights(contract):
    plain, averaged = contract.build(), contract.build(*AVERAGED)
    np.testing.assert_array_equal(outputs(averaged), outputs(plain))
    np.testing.assert_array_equal(averaged.preview(), plain.preview())
    assert averaged.diversity() == plain.diversity()
    inputs = example_inputs(plain, "serving_default", 2)
    exported, expected = (
        model.signatures()["serving_default"].function(**inputs)["pictures"]
        for model in (averaged, plain)
    )
    np.testing.assert_array_equal(exported, expected)


def test_weights_that_are_assigned_before_the_first_step_count(contract):
    plain, averaged = contract.build("--seed=5"), contract.build(*AVERAGED)
    outputs(averaged)
    for name, network in averaged.networks.items():
        network.set_weights(plain.networks[name].get_weights())
    np.testing.assert_array_equal(outputs(averaged), outputs(plain))


def test_state_of_step_0_that_is_restored_generates_as_before(contract, tmp_path):
    model = contract.build(*AVERAGED)
    before, path = outputs(model), tmp_path / "0.safetensors"
    checkpoint.write(path, checkpoint.capture(model.state()), {"step": 0})
    contract.train(model, 2)
    assert (outputs(model) != before).any()
    checkpoint.restore(model.state(), checkpoint.read(path)[0], path)
    np.testing.assert_array_equal(outputs(model), before)


def test_validation_before_the_first_step_measures_the_weights(contract):
    plain, averaged = contract.build(), contract.build(*AVERAGED)
    if not isinstance(plain, LikelihoodModel):
        pytest.skip("has no validation of its own")
    images = contract.first_batch(plain).numpy()
    assert averaged.validate([(images,)]) == plain.validate([(images,)])


def test_average_begins_with_the_weights_after_the_first_step(contract):
    plain, averaged = contract.build(), contract.build(*AVERAGED)
    for model in (plain, averaged):
        contract.train(model, 1)
    np.testing.assert_allclose(outputs(averaged), outputs(plain), atol=1e-6)

"""Construction of models from one table: signatures, fixed values, optimizers."""

import inspect

import keras
import numpy as np
import pytest

from kgan.models.base.arguments import build_optimizers
from kgan.models.base.flags import ModelSettings, OptimizerSettings
from kgan.models.flow import Flow
from kgan.models.lsgan import LSGAN
from kgan.models.sngan import SNGAN
from kgan.models.wgan import WGAN
from kgan.networks import conditional, mlp
from kgan.networks.coupling import CouplingFlow
from kgan.optimizers import FusedAdam
from kgan.utils.errors import ArgumentError


def networks():
    return mlp.generator((2, 2, 1), 3, (4,)), mlp.discriminator((2, 2, 1), (4,))


def settings(ema_half_life=0, **options):
    players = {
        "g": OptimizerSettings("adam", 1e-4, 0.5, 0.9, options),
        "d": OptimizerSettings("sgd", 4e-4, options={"nesterov": True, "momentum": 0.25}),
    }
    return ModelSettings({}, players, batch_size=10, ema_half_life=ema_half_life)


def test_signature_lists_networks_own_arguments_and_defaults():
    parameters = inspect.signature(WGAN).parameters
    assert list(parameters)[:2] == ["generator", "critic"]
    assert (parameters["n_critic"].default, parameters["clip"].default) == (5, 0.01)
    assert not {"d_updates", "discriminator", "gan_loss"} & set(parameters)


def test_unknown_argument_is_refused_as_python_does():
    with pytest.raises(TypeError, match="clipp"):
        WGAN(*networks(), clipp=0.1)


def test_fixed_argument_keeps_its_value_and_refuses_another():
    assert LSGAN(*networks(), gan_loss="least_squares").gan_loss == "least_squares"
    with pytest.raises(ArgumentError, match="^`gan_loss` is always least_squares") as caught:
        LSGAN(*networks(), gan_loss="bce")
    assert caught.value.name == "gan_loss"


def test_optimizer_that_no_player_has_is_refused_and_a_missing_one_is_the_paper_s():
    model = WGAN(*networks())
    model.compile(g_optimizer="adam")
    assert isinstance(model.d_optimizer, keras.optimizers.RMSprop)
    shared = keras.optimizers.Adam()
    with pytest.raises(ArgumentError, match="^`g_optimizer` and `d_optimizer` must be two"):
        model.compile(g_optimizer=shared, d_optimizer=shared)
    flow = Flow(CouplingFlow((2,), 1, [4]))
    with pytest.raises(ArgumentError, match="^`d_optimizer` is for models with two players"):
        flow.compile(d_optimizer="adam")


def test_each_player_has_its_own_optimizer():
    built = build_optimizers(settings(100, epsilon=1e-5), ("g", "d"), {"epsilon": 1e-3})
    adam, sgd = built["g_optimizer"], built["d_optimizer"]
    assert (type(adam), type(sgd)) == (FusedAdam, keras.optimizers.SGD)
    # What the settings say wins over what the model prefers.
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.5, 0.9, 1e-5)
    assert (sgd.nesterov, sgd.momentum, sgd.use_ema) == (True, 0.25, False)
    assert adam.use_ema
    np.testing.assert_allclose(adam.ema_momentum, 0.5**0.1)
    rates = [adam.learning_rate, sgd.learning_rate]
    np.testing.assert_allclose(rates, [1e-4, 4e-4], rtol=1e-6)


def test_options_that_an_optimizer_does_not_take_are_named():
    with pytest.raises(ArgumentError, match="^`g_options`"):
        build_optimizers(settings(nonsense=1.0), ("g", "d"), {})


def test_argument_that_a_stored_configuration_lacks_has_its_earlier_value():
    model = SNGAN(
        conditional.dense_generator((4, 4, 1), 3, 2, 4),
        conditional.dense_discriminator((4, 4, 1), 3, 4),
    )
    assert SNGAN.from_config(model.get_config()).g_batch_factor == 2
    config = model.get_config()
    assert config.pop("g_batch_factor") == 2
    assert SNGAN.from_config(config).g_batch_factor == 1

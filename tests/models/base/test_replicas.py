"""One step on several replicas does what one device does, with any option of an optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.models.base.adversarial import AdversarialModel
from kgan.networks import mlp
from kgan.utils.errors import ArgumentError
from tests.models.contracts.state import assert_same_state, differing, values

SHAPE = (2, 2, 1)
BATCH = 4


def adversarial(**options):
    """Builds a small GAN without batch statistics, whose optimizers are SGD."""
    networks = mlp.generator(SHAPE, 3, [4]), mlp.discriminator(SHAPE, [4])
    model = AdversarialModel(*networks, seed=2)
    optimizers = [keras.optimizers.SGD(0.5, 0.5, **options) for _ in range(2)]
    model.compile(*optimizers)
    return model


def images(overflowing=()):
    """Makes a batch; the images at some places are too large for float16."""
    batch = np.random.default_rng(0).uniform(-1, 1, (BATCH, *SHAPE)).astype(np.float32)
    batch[list(overflowing)] = 1e30
    return batch


def train(model, *batches):
    data = tf.data.Dataset.from_tensor_slices(np.concatenate(batches)).batch(BATCH)
    model.fit_batches(data, epochs=1, verbose=0)


def of_each_replica(model):
    """Reads each variable of the state on each replica, by path."""
    return {
        path: [np.asarray(part) for part in getattr(variable.value, "values", [variable.value])]
        for path, variable in model.state().items()
    }


def assert_replicas_agree(model):
    for path, parts in of_each_replica(model).items():
        for part in parts[1:]:
            np.testing.assert_array_equal(part, parts[0], err_msg=path)


@pytest.mark.parametrize("replica", [0, 1])
def test_overflow_on_one_replica_skips_the_update_on_all(replica, two_replicas):
    keras.mixed_precision.set_global_policy("mixed_float16")
    overflowing = [2 * replica, 2 * replica + 1]
    alone = adversarial()
    with two_replicas.scope():
        split = adversarial()
    before = values(alone, "discriminator", "d_optimizer")
    for model in (alone, split):
        train(model, images(overflowing))
    changed = differing(before, values(split, "discriminator", "d_optimizer"))
    assert changed == ["d_optimizer/loss_scale/dynamic_scale"]
    assert not differing(values(alone, "d_optimizer"), values(split, "d_optimizer"))
    assert_replicas_agree(split)
    # After it both train as if nothing had happened.
    for model in (alone, split):
        model.reset_metrics()
        train(model, images(), images())
    assert values(split)["d_optimizer/iteration"] == 2
    for path, value in values(alone, "discriminator", "d_optimizer").items():
        np.testing.assert_allclose(values(split)[path], value, atol=2e-3, err_msg=path)
    assert_replicas_agree(split)


# With what differs between clipping the sum of the replicas' gradients and clipping each of them.
OPTIONS = {
    "clipnorm": {"clipnorm": 0.01},
    "global_clipnorm": {"global_clipnorm": 0.01},
    "clipvalue": {"clipvalue": 0.01},
    "weight_decay": {"weight_decay": 0.1},
    "use_ema": {"use_ema": True, "ema_momentum": 0.5},
}


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_optimizers_act_on_the_sum_over_replicas(option, precision, two_replicas):
    keras.mixed_precision.set_global_policy(precision)
    alone, free = adversarial(**OPTIONS[option]), adversarial()
    with two_replicas.scope():
        split = adversarial(**OPTIONS[option])
    for model in (alone, free, split):
        train(model, images(), images())
    kept = ("generator", "discriminator", "g_optimizer", "d_optimizer")
    assert values(alone, *kept).keys() != values(free, *kept).keys() or differing(
        values(alone, *kept), values(free, *kept)
    )
    if precision == "float32":
        assert_same_state(alone, split)
    tolerance = 1e-6 if precision == "float32" else 1e-3
    for path, value in values(alone, *kept).items():
        np.testing.assert_allclose(values(split)[path], value, atol=tolerance, err_msg=path)
    assert_replicas_agree(split)


@pytest.mark.parametrize(
    "options",
    [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_overwrite_frequency": 1}],
)
def test_options_that_keras_cannot_follow_on_replicas_are_refused_by_name(options, two_replicas):
    adversarial(**options)
    with (
        two_replicas.scope(),
        pytest.raises(ArgumentError, match=f"g_optimizer.*{list(options)[-1]}"),
    ):
        adversarial(**options)

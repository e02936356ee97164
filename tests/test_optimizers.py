"""Optimisers against those of Keras, and by hand where the papers' settings matter."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import optimizers
from kgan.utils.choices import OPTIMIZERS

STEPS = 5
SHAPES = [(3, 4), (5,), ()]


def gradients(step, replica=0):
    rng = np.random.default_rng([step, replica])
    # From tiny to large, as the layers of one network have them.
    return [
        (rng.normal(size=shape) * 10.0 ** rng.integers(-6, 2, shape)).astype(np.float32)
        for shape in SHAPES
    ]


def make_variables():
    return [
        keras.Variable(
            np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape),
            name=f"v{number}",
        )
        for number, shape in enumerate(SHAPES)
    ]


def make_adam(cls):
    return cls(2e-3, beta_1=0.5, beta_2=0.99, epsilon=1e-8)


def trained_by_keras_adam():
    """Keras' own Adam on the sum of both replicas' gradients."""
    variables, optimizer = make_variables(), make_adam(keras.optimizers.Adam)
    for step in range(STEPS):
        both = zip(gradients(step, 0), gradients(step, 1), strict=True)
        optimizer.apply([first + second for first, second in both], variables)
    return [np.asarray(variable) for variable in variables]


def test_fused_adam_equals_keras_adam():
    variables, optimizer = make_variables(), make_adam(optimizers.FusedAdam)
    for step in range(STEPS):
        both = zip(gradients(step, 0), gradients(step, 1), strict=True)
        optimizer.apply([tf.constant(first + second) for first, second in both], variables)
    assert int(optimizer.iterations) == STEPS
    for variable, expected in zip(variables, trained_by_keras_adam(), strict=True):
        np.testing.assert_allclose(variable, expected, atol=1e-6)


def test_fused_adam_on_two_replicas_equals_keras_adam_on_the_sum(two_replicas):
    with two_replicas.scope():
        variables, optimizer = make_variables(), make_adam(optimizers.FusedAdam)
        optimizer.build(variables)

    @tf.function
    def run(of_replicas):
        def local():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            mine = [
                tf.where(replica == 0, first, second)
                for first, second in zip(*of_replicas, strict=True)
            ]
            optimizer.apply(mine, variables)

        two_replicas.run(local)

    for step in range(STEPS):
        # As tensors: numpy's arrays would be constants of a new trace each step.
        run([list(map(tf.constant, gradients(step, replica))) for replica in (0, 1)])
    for variable, expected in zip(variables, trained_by_keras_adam(), strict=True):
        for copy in two_replicas.experimental_local_results(variable.value):
            np.testing.assert_allclose(copy, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_step_of_fused_adam_by_hand(dtype):
    # From zero averages the corrected first step is lr · g / (|g| + ε · …): lr · sign(g).
    variable, optimizer = keras.Variable([1.0, 1.0], dtype=dtype), optimizers.FusedAdam(0.1)
    optimizer.apply([tf.constant([3.0, -0.2])], [variable])
    np.testing.assert_allclose(variable, [0.9, 1.1], atol=1e-5)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_fused_adam_equals_keras_adam_on_sparse_gradients_and_with_amsgrad(amsgrad):
    results = []
    for cls in (keras.optimizers.Adam, optimizers.FusedAdam):
        variable = keras.Variable(np.ones((4, 2), np.float32))
        optimizer = cls(0.1, amsgrad=amsgrad)
        for row, size in ((1, 3.0), (2, -1.0), (1, 0.1)):
            gradient = tf.IndexedSlices(tf.fill([1, 2], size), [row], [4, 2])
            optimizer.apply([gradient], [variable])
        results.append(np.asarray(variable))
    np.testing.assert_allclose(*results, atol=1e-5)


def test_fused_adam_survives_serialisation():
    optimizer = make_adam(optimizers.FusedAdam)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is optimizers.FusedAdam
    assert again.get_config() == optimizer.get_config()


CLASSES = {
    "adam": optimizers.FusedAdam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
    "momentum": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_gives_its_optimiser_with_its_learning_rate(name):
    optimizer = optimizers.build_optimizer(name, 0.03)
    assert type(optimizer) is CLASSES[name]
    np.testing.assert_allclose(optimizer.learning_rate, 0.03, rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("scaled", [False, True])
def test_averages_are_those_of_the_weights_in_their_order(name, scaled):
    weights = [keras.Variable([1.0, 2.0], name="last_average"), keras.Variable([3.0], name="b")]
    optimizer = optimizers.build_optimizer(name, 0.5, use_ema=True, ema_momentum=0.75)
    outer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    outer.build(weights)
    after_steps = []
    for _ in range(2):
        optimizer.apply([tf.constant([1.0, -1.0]), tf.constant([2.0])], weights)
        after_steps.append([np.array(weight.numpy()) for weight in weights])
    # Keras begins with the weights after the first step.
    expected = [0.75 * first + 0.25 * second for first, second in zip(*after_steps, strict=True)]
    for average, value in zip(optimizers.averaged_weights(outer), expected, strict=True):
        np.testing.assert_allclose(average, value, rtol=1e-6)
    assert optimizers.averaged_weights(optimizers.build_optimizer(name, 0.5)) is None


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="`name` must be one of adam.*Received: name=lion"):
        optimizers.build_optimizer("lion", 0.1)


def test_adam_has_the_epsilon_of_the_paper_and_beta_1_as_given():
    adam = optimizers.build_optimizer("adam", 2e-4, 0.25)
    assert (adam.epsilon, adam.beta_1, adam.beta_2) == (1e-8, 0.25, 0.999)


def test_beta_1_is_the_momentum_of_momentum_and_sgd_has_none():
    assert optimizers.build_optimizer("momentum", 0.1, 0.7).momentum == 0.7
    assert optimizers.build_optimizer("sgd", 0.1, 0.7).momentum == 0.0


def test_rmsprop_does_not_throttle_the_tiny_gradients_of_a_clipped_critic():
    # With ρ = 0.99 the first average is g² / 100, so a step is 10 · lr · sign(g), whatever the
    # size of g; Keras' ε of 1e-7 under the root would make it 0.3 % of that at |g| = 1e-5.
    variable = keras.Variable([0.0, 0.0, 0.0])
    optimizer = optimizers.build_optimizer("rmsprop", 5e-5)
    optimizer.apply([tf.constant([1.0, -1e-5, 0.0])], [variable])
    np.testing.assert_allclose(variable, [-5e-4, 5e-4, 0.0], rtol=1e-4)


def test_rmsprop_decays_by_0_99():
    # g = 1 twice: v = 0.01 and then 0.0199, steps of 10 and 7.0888 times lr.
    variable = keras.Variable([0.0])
    optimizer = optimizers.build_optimizer("rmsprop", 1e-3)
    for _ in range(2):
        optimizer.apply([tf.constant([1.0])], [variable])
    np.testing.assert_allclose(variable, [-17.0888e-3], rtol=1e-5)

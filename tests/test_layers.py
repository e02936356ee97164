"""Layers against numpy: normalisation, dropout, spectral norm, similarities, weight clip."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import layers, randomness, spectral_norm


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.5, 2.0, shape).astype(np.float32)


def normalised(images, axes, gamma, beta, epsilon=1e-5):
    """(x − mean) / √(variance + ε) · γ + β, in double precision."""
    images = images.astype(np.float64)
    mean = images.mean(axes, keepdims=True)
    variance = ((images - mean) ** 2).mean(axes, keepdims=True)
    return (images - mean) / np.sqrt(variance + epsilon) * gamma + beta


def live_norm(channels, **arguments):
    layer = layers.LiveBatchNormalization(**arguments)
    layer.build((None, None, None, channels))
    gamma, beta = 1 + 0.3 * np.arange(channels), 0.5 - 0.2 * np.arange(channels)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    return layer, gamma, beta


@pytest.mark.parametrize(("training", "axes"), [(True, (0, 1, 2)), (False, (1, 2))])
def test_live_norm_is_over_the_batch_in_training_and_over_each_image_at_inference(training, axes):
    layer, gamma, beta = live_norm(3)
    images = normal(4, 5, 6, 3)
    np.testing.assert_allclose(
        layer(images, training=training), normalised(images, axes, gamma, beta), atol=1e-5
    )


def test_live_norm_adds_epsilon_to_the_variance():
    # Values ±1 about 0 have variance 1: with ε = 3 they come out as ±1/2.
    layer = layers.LiveBatchNormalization(epsilon=3.0)
    images = np.float32([1, -1, 1, -1]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(layer(images), images / 2, atol=1e-7)


def test_live_norm_keeps_half_precision_outside_and_float32_inside():
    # In float16 the squares of these deviations would overflow.
    layer = layers.LiveBatchNormalization(dtype="mixed_float16")
    images = tf.constant(300 * normal(2, 4, 4, 1), tf.float16)
    outputs = layer(images)
    assert outputs.dtype == tf.float16
    expected = normalised(images.numpy(), (1, 2), 1.0, 0.0)
    np.testing.assert_allclose(outputs, expected, atol=5e-3)


def test_live_norm_on_two_replicas_matches_one(two_replicas):
    images, weights = normal(4, 3, 3, 2), normal(4, 3, 3, 2, seed=1)

    def step(layer, images, weights):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            total = tf.reduce_sum(outputs * weights)
        gradients = tape.gradient(total, [images, *[v.value for v in layer.trainable_variables]])
        return outputs, gradients

    alone, *_ = live_norm(2)
    outputs, (to_images, *to_weights) = step(alone, tf.constant(images), weights)

    with two_replicas.scope():
        layer, *_ = live_norm(2)

    @tf.function
    def run():
        def local():
            rows = tf.distribute.get_replica_context().replica_id_in_sync_group * 2
            part = [tf.constant(array)[rows : rows + 2] for array in (images, weights)]
            return step(layer, *part)

        return two_replicas.run(local)

    split_outputs, (split_to_images, *split_to_weights) = run()
    parts = two_replicas.experimental_local_results
    np.testing.assert_allclose(np.concatenate(parts(split_outputs)), outputs, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(parts(split_to_images)), to_images, atol=1e-5)
    for split, whole in zip(split_to_weights, to_weights, strict=True):
        np.testing.assert_allclose(sum(parts(split)), whole, atol=1e-4)


def test_live_norm_has_two_weights_per_channel():
    layer = layers.LiveBatchNormalization()
    layer.build((None, 4, 4, 7))
    assert layer.count_params() == 14 and not layer.non_trainable_variables


def dropped(layer, inputs, *numbers):
    """Applies a dropout with the seeds of these numbers, one per image."""
    return np.asarray(layer(inputs, randomness.seeds_from_numbers(numbers)))


def test_dropout_drops_its_rate_and_scales_the_rest():
    outputs = dropped(layers.SeededDropout(0.25), tf.ones([4, 50, 50, 2]), 0, 1, 2, 3)
    assert set(np.unique(outputs)) == {0.0, np.float32(1 / 0.75)}
    # 20,000 units: the share dropped has a standard deviation of 0.003.
    assert abs((outputs == 0).mean() - 0.25) < 0.012


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_dropout_masks_units_one_by_one(axis):
    mask = dropped(layers.SeededDropout(0.5), tf.ones([1, 8, 8, 8]), 0)[0] > 0
    assert mask.mean(axis).std() > 0.1


def test_dropout_of_rate_0_changes_nothing_and_bad_rates_are_refused():
    inputs = normal(2, 3, 3, 1)
    np.testing.assert_array_equal(dropped(layers.SeededDropout(0.0), inputs, 0, 1), inputs)
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match="`rate` must be in.*Received"):
            layers.SeededDropout(rate)


def test_mask_depends_on_the_seed_and_not_on_position_or_batch_size():
    layer = layers.SeededDropout(0.5)
    images = np.repeat(normal(1, 4, 4, 2), 3, axis=0)
    alone = dropped(layer, images[:1], 7)[0]
    batch = dropped(layer, images, 1, 2, 7)
    np.testing.assert_array_equal(batch[2], alone)
    np.testing.assert_array_equal(dropped(layer, images[:2], 7, 2)[0], alone)
    assert (batch[0] != alone).any() and (batch[0] != batch[1]).any()


def agreement(first, second):
    """Fraction of equal units in two masks; 512 fair coins give 0.5, within 0.022."""
    return ((first > 0) == (second > 0)).mean()


def test_masks_differ_between_salts_steps_and_positions():
    ones = tf.ones([2, 16, 16, 2])
    masks = [dropped(layers.SeededDropout(0.5, salt=salt), ones[:1], 0)[0] for salt in range(3)]
    layer = layers.SeededDropout(0.5)
    for step in (1, 2):
        masks += [*np.asarray(layer(ones, randomness.example_seeds(0, step, 2)))]
    for first, second in itertools.combinations(masks, 2):
        assert abs(agreement(first, second) - 0.5) < 0.1


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(spectral_norm.SpectralDense(6), [3, 4]), (spectral_norm.SpectralConv2D(6, 3), [3, 5, 5, 2])],
)
def test_largest_singular_value_converges_to_1_and_the_raw_kernel_stays(layer, shape):
    inputs = tf.random.normal(shape, seed=1)
    layer.build(shape)
    raw = layer.kernel.numpy()
    for _ in range(100):
        layer(inputs, training=True)
    np.testing.assert_array_equal(layer.kernel, raw)
    normal = np.asarray(layer.normalized_kernel(False)).reshape(-1, 6)
    np.testing.assert_allclose(np.linalg.svd(normal, compute_uv=False)[0], 1.0, rtol=1e-3)


def test_spectral_outputs_are_those_of_the_plain_layer_with_the_normalised_kernel():
    kinds = (spectral_norm.SpectralConv2D, keras.layers.Conv2D)
    layer, plain = (kind(4, 3, padding="same") for kind in kinds)
    given = tf.random.normal([2, 5, 5, 3], seed=2)
    layer.build(given.shape)
    plain.build(given.shape)
    plain.set_weights([np.asarray(layer.normalized_kernel(False)), np.zeros(4)])
    np.testing.assert_allclose(layer(given), plain(given), atol=1e-6)


def test_spectral_norm_makes_one_power_iteration_per_training_call_and_none_at_inference():
    layer = spectral_norm.SpectralDense(5)
    layer.build((None, 4))
    left = layer.left_vector.numpy()
    layer(tf.ones([1, 4]), training=False)
    np.testing.assert_array_equal(layer.left_vector, left)
    layer(tf.ones([1, 4]), training=True)
    kernel = layer.kernel.numpy()
    right = left @ kernel.T
    expected = (right / np.linalg.norm(right)) @ kernel
    np.testing.assert_allclose(layer.left_vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_gradient_passes_through_the_estimate_of_the_singular_value():
    # W / σ(W) does not change along W itself.
    layer = spectral_norm.SpectralDense(3, use_bias=False)
    layer.build((None, 3))
    with tf.GradientTape() as tape:
        outputs = layer(tf.eye(3), training=False)
        value = tf.reduce_sum(outputs * tf.random.normal([3, 3], seed=4))
    gradient = np.asarray(tape.gradient(value, layer.kernel.value))
    assert abs((gradient * layer.kernel.numpy()).sum()) < 1e-5
    assert np.abs(gradient).max() > 1e-2


def test_spectral_vector_has_a_seed_of_its_own():
    # Of normal initial weights it would be a multiple of the first row.
    for seed in range(3):
        initial = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
        layer, again = (
            spectral_norm.SpectralDense(4, kernel_initializer=initial) for _ in range(2)
        )
        layer.build((None, 6))
        again.build((None, 6))
        np.testing.assert_array_equal(layer.left_vector, again.left_vector)
        for row in np.asarray(layer.kernel):
            ratios = np.asarray(layer.left_vector)[0] / row
            assert np.ptp(ratios) > 0.1 * np.abs(ratios).max()


def plain_minibatch(weight_norm, kernel):
    layer = layers.MinibatchDiscrimination(2, 1, weight_norm=weight_norm)
    layer.build((None, 2))
    layer.kernel.assign(kernel)
    return layer


GIVEN = np.float32([[0, 0], [1, 0], [0, 3]])


def test_minibatch_similarities_are_sums_over_the_others():
    found = np.asarray(plain_minibatch(False, [[1.0, 0.0], [0.0, 2.0]])(GIVEN))
    np.testing.assert_array_equal(found[:, :2], GIVEN)
    # First kernel sees column 0: distances 1 and 0 from the first example, …
    e = np.exp
    np.testing.assert_allclose(
        found[:, 2:],
        [[e(-1) + 1, 1 + e(-6)], [2 * e(-1), 1 + e(-6)], [1 + e(-1), 2 * e(-6)]],
        rtol=1e-4,
    )


def test_minibatch_weights_are_directions_with_a_length_of_their_own():
    layer = plain_minibatch(True, [[3.0, 0.0], [4.0, 0.5]])
    layer.log_scale.assign([[0.0], [np.log(2.0)]])
    layer.bias.assign([0.25, -0.5])
    # Before training: projections (0.6 x + 0.8 y) and 2 y.
    first, second = np.array([0, 0.6, 2.4]), np.array([0, 0, 6.0])
    for column, values, bias in ((2, first, 0.25), (3, second, -0.5)):
        others = np.exp(-np.abs(values[:, None] - values)).sum(axis=1) - 1
        np.testing.assert_allclose(layer(GIVEN)[:, column], others + bias, rtol=1e-5)


def test_first_batch_in_training_fixes_scale_and_offset():
    layer = plain_minibatch(True, [[1.0, 0.0], [0.0, 1.0]])
    found = np.asarray(layer(GIVEN, training=True))[:, 2:]
    # Distances to the nearest: 0, 1, 0 and 0, 0, 3; the unit is half of their mean.
    np.testing.assert_allclose(layer.unit, [1 / 6, 1 / 2], rtol=1e-5)
    e = np.exp
    raw = np.array([[1 + e(-6), 1 + e(-6)], [2 * e(-6), 1 + e(-6)], [1 + e(-6), 2 * e(-6)]])
    np.testing.assert_allclose(layer.offset, raw.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found, raw - raw.mean(axis=0), rtol=1e-4, atol=1e-6)
    # Later batches do not change them.
    layer(5 * GIVEN, training=True)
    np.testing.assert_allclose(layer.unit, [1 / 6, 1 / 2], rtol=1e-5)
    np.testing.assert_allclose(layer(GIVEN)[:, 2:], found, rtol=1e-5)


def test_first_batch_of_equal_examples_leaves_finite_features():
    layer = plain_minibatch(True, [[1.0, 0.0], [0.0, 1.0]])
    layer(np.ones([3, 2], np.float32), training=True)
    assert np.isfinite(layer(GIVEN, training=True)).all()


def test_two_replicas_have_the_unit_of_the_mean_over_both(two_replicas):
    with two_replicas.scope():
        layer = layers.MinibatchDiscrimination(2, 1, seed=1)
        layer.build((None, 2))
    apart = []
    for part in (GIVEN, 2 * GIVEN):
        alone = layers.MinibatchDiscrimination(2, 1, seed=1)
        alone(part, training=True)
        apart.append(np.asarray(alone.unit))

    @tf.function
    def run():
        def local():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return layer(GIVEN * tf.cast(replica + 1, tf.float32), training=True)

        return two_replicas.run(local)

    run()
    for unit in two_replicas.experimental_local_results(layer.unit.value):
        np.testing.assert_allclose(unit, np.mean(apart, axis=0), rtol=1e-5)


def test_minibatch_discrimination_of_an_earlier_configuration_has_no_weight_norm():
    config = layers.MinibatchDiscrimination(2, 3).get_config()
    assert layers.MinibatchDiscrimination.from_config(config).weight_norm
    del config["weight_norm"]
    assert not layers.MinibatchDiscrimination.from_config(config).weight_norm


def test_layers_of_fixed_values():
    vector = tf.constant([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(layers.Columns(1, 3)(vector), [[2.0, 3.0]])
    spread = layers.SpreadOut((2, 4))(vector)
    assert spread.shape == (1, 2, 4, 3)
    np.testing.assert_array_equal(spread[0, 1, 3], vector[0])
    # Rows 0 to 3, padded by two on each side.
    image = tf.tile(tf.reshape(tf.range(4.0), [1, 4, 1, 1]), [1, 1, 4, 1])
    padded = layers.ReflectionPadding(2)(image)
    assert padded.shape == (1, 8, 8, 1)
    assert padded[0, :, 3, 0].numpy().tolist() == [2, 1, 0, 1, 2, 3, 2, 1]


@pytest.mark.parametrize(
    "layer",
    [
        spectral_norm.SpectralDense(3),
        layers.MinibatchDiscrimination(2, 3, seed=4),
        layers.SeededDropout(0.3, salt=5, name="dropout"),
        layers.Columns(1, 3),
        layers.SpreadOut((2, 3)),
        layers.ReflectionPadding(3),
        layers.Maxout(4, 3),
        layers.LiveBatchNormalization(
            1e-3, keras.initializers.RandomNormal(mean=1.0, stddev=0.02, seed=3)
        ),
    ],
)
def test_layers_are_restored_from_their_config(layer):
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer) and again is not layer
    assert again.get_config() == layer.get_config()


def test_layers_that_mix_examples_are_found_at_any_depth():
    inner = keras.Sequential([keras.Input((4,)), layers.MinibatchDiscrimination(2, name="inner")])
    norm = keras.layers.BatchNormalization(name="norm")
    wrapped = keras.layers.TimeDistributed(keras.layers.BatchNormalization(name="wrapped"))
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(4),
            inner,
            norm,
            keras.layers.Reshape((3, 2)),
            wrapped,
        ]
    )
    assert layers.mixing_examples(network) == ["inner", "norm", "wrapped"]
    assert layers.mixing_examples(keras.Sequential([keras.Input((4,)), layers.Maxout(2)])) == []


def test_weights_are_clipped_at_both_ends():
    weights = np.float32([[-0.5, -0.01, -0.004], [0.0, 0.01, 3.0]])
    np.testing.assert_array_equal(
        layers.WeightClip(0.01)(weights), np.float32([[-0.01, -0.01, -0.004], [0.0, 0.01, 0.01]])
    )


@pytest.mark.parametrize("limit", [0, -0.01])
def test_a_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(ValueError, match="`limit` must be positive.*Received"):
        layers.WeightClip(limit)


def test_limit_survives_serialisation():
    constraint = layers.WeightClip(0.02)
    config = keras.saving.serialize_keras_object(constraint)
    assert keras.saving.deserialize_keras_object(config).limit == 0.02


def test_every_trainable_weight_is_clipped_after_an_update_and_no_statistic():
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()]
    )
    layers.clip_weights(network, 0.1)
    gradients = [np.full(v.shape, -5.0, np.float32) for v in network.trainable_variables]
    keras.optimizers.SGD(1.0).apply(gradients, network.trainable_variables)
    assert len(gradients) == 4
    for variable in network.trainable_variables:
        np.testing.assert_array_equal(variable, np.full(variable.shape, 0.1, np.float32))
    assert all(variable.constraint is None for variable in network.non_trainable_variables)

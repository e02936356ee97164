"""Stateless random numbers.

A number is a function of the run's seed, the step, its purpose and the example's position in the
global batch. A resumed run therefore samples the same numbers as an uninterrupted one, and N
replicas together the same as one replica.

It is the same number with XLA and without, and on every device. TensorFlow does not promise that:
its own floating-point samplers make other numbers of the same bits under XLA, even if the algorithm
is named. Only the integers of Philox are the same everywhere, so floats are made of them here.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

ALGORITHM = "philox"
MANTISSA = 0x7FFFFF  # the 23 bits of which TensorFlow's kernels make a float32
SMALLEST = 1e-7  # of a number whose logarithm is taken, as in TensorFlow's kernels


def fold(seed, *numbers) -> tf.Tensor:
    """Derives a seed from a seed and numbers (a step, a purpose, an attempt).

    Args:
        seed: int, or integer tensor of shape [2].
        numbers: ints or integer scalars, folded in one after the other.

    Returns:
        int32 [2].
    """
    seed = tf.convert_to_tensor(seed)
    if seed.shape.rank == 0:
        seed = tf.stack([tf.cast(seed, tf.int32), 0])
    for number in numbers:
        number = tf.cast(number, tf.int32)
        seed = tf.random.experimental.stateless_fold_in(seed, number, alg=ALGORITHM)
    return seed


def uniform(shape, seed, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Samples from the uniform distribution in [low, high); float32 of a shape.

    Args:
        shape: ints or an integer vector.
        seed: int32 [2].
        low: of the interval.
        high: of the interval.
    """
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.int32, alg=ALGORITHM)
    unit = tf.cast(tf.bitwise.bitwise_and(bits, MANTISSA), tf.float32) * 2.0**-23
    return unit * (high - low) + low


def normal(shape, seed, xla: bool = False) -> tf.Tensor:
    """Samples from the standard normal distribution; float32 of a shape.

    Args:
        shape: ints or an integer vector.
        seed: int32 [2].
        xla: whether XLA compiles the function that samples. Without it TensorFlow's kernel is used,
            which is twice as fast; a number of it may differ from the other one in its last bit.
    """
    if not xla:
        return tf.random.stateless_normal(shape, seed, alg=ALGORITHM)
    # Box and Muller 1958, as in the kernel. Logarithm and angle are computed in float64, so that
    # the rounding of a compiler's own functions does not reach the result.
    count = tf.reduce_prod(shape)
    pairs = tf.cast(uniform([(count + 1) // 2, 2], seed), tf.float64)
    logarithm = tf.cast(tf.math.log(tf.maximum(pairs[:, 0], SMALLEST)), tf.float32)
    angle = tf.cast(tf.cast(pairs[:, 1] * (2.0 * math.pi), tf.float32), tf.float64)
    directions = tf.cast(tf.stack([tf.sin(angle), tf.cos(angle)], axis=1), tf.float32)
    values = directions * tf.sqrt(-2.0 * logarithm)[:, tf.newaxis]
    return tf.reshape(tf.reshape(values, [-1])[:count], shape)


def integers(shape, seed, count: int) -> tf.Tensor:
    """Samples evenly from 0, …, count − 1; int32 of a shape."""
    return tf.random.stateless_uniform(shape, seed, 0, count, tf.int32, alg=ALGORITHM)


def attempt_seed(seed: int, attempt: int) -> int:
    """Derives the seed of an attempt; attempt 0 has the seed of the run."""
    if attempt == 0:
        return seed
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0] >> 1)


def replica_rows(sample, local_batch):
    """Samples for the global batch and returns the rows of this replica.

    Every replica samples all rows, which is cheap, and keeps its own part, so that an example's
    numbers do not depend on the number of replicas.

    Args:
        sample: function from a row count to a tensor with that many rows.
        local_batch: int or scalar tensor, the examples on this replica (equal on all).
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return sample(local_batch)
    start = context.replica_id_in_sync_group * local_batch
    return sample(local_batch * replicas)[start : start + local_batch]


def example_seeds(seed, step, local_batch) -> tf.Tensor:
    """Derives one seed for each example of a training step.

    Args:
        seed: int, or int32 [2].
        step: integer scalar.
        local_batch: examples on this replica.

    Returns:
        int32 [local_batch, 2]: a seed of the step and the position in the global batch.
    """
    # A fold leaves its number unchanged in the second part; the next one mixes it into the first.
    step_seed = fold(seed, step, 0)[0]

    def rows(count):
        return tf.stack([tf.fill([count], step_seed), tf.range(count)], axis=1)

    return replica_rows(rows, local_batch)


def seeds_from_numbers(numbers) -> tf.Tensor:
    """Converts seeds of users (int [B]) into seeds of rows (int32 [B, 2])."""
    numbers = tf.cast(tf.convert_to_tensor(numbers), tf.int32)
    return tf.stack([numbers, tf.zeros_like(numbers)], axis=1)


def rows_from_seeds(sample, seeds: tf.Tensor) -> tf.Tensor:
    """Samples one row from each seed, so that a row never depends on the others.

    Args:
        sample: function from a seed (int32 [2]) to a float32 tensor of fixed shape.
        seeds: int32 [B, 2].

    Returns:
        float32 [B, ...].
    """
    if seeds.shape[0] == 1:
        return sample(seeds[0])[tf.newaxis]
    return tf.map_fn(sample, seeds, fn_output_signature=tf.float32)


_noise_source: contextvars.ContextVar[Callable | None] = contextvars.ContextVar(
    "noise_source", default=None
)


@contextlib.contextmanager
def noise_from(source: Callable) -> Iterator[None]:
    """Takes the noise of layers from a function, where graphs need plain operations only.

    Args:
        source: from the name of a layer and the shape [...] of its noise to float32 [B, ...] in
            [0, 1), or to None: the layer then leaves its inputs as they are.
    """
    token = _noise_source.set(source)
    try:
        yield
    finally:
        _noise_source.reset(token)


def layer_noise(name: str, shape, seeds: tf.Tensor, salt: int) -> tf.Tensor | None:
    """Samples the noise of a layer, or takes it from `noise_from`.

    Args:
        name: of the layer.
        shape: ints, of the noise of one example.
        seeds: int32 [B, 2].
        salt: of the layer; layers of one network need different ones.

    Returns:
        float32 [B, ...] in [0, 1), or None where there is to be no noise.
    """
    source = _noise_source.get()
    if source is not None:
        return source(name, shape)
    return rows_from_seeds(lambda seed: uniform(shape, fold(seed, salt)), seeds)

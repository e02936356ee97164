"""Stateless random numbers.

A number is a function of the run's seed, the step, its purpose and the example's position in the
global batch. A resumed run therefore samples the same numbers as an uninterrupted one, and N
replicas together the same as one replica.
"""

import numpy as np
import tensorflow as tf


def fold(seed, *numbers) -> tf.Tensor:
    """Derives a seed from a seed and numbers (a step, a purpose, an attempt).

    Args:
        seed: int, or integer tensor of shape [2].
        numbers: ints or integer scalars, folded in one after the other.

    Returns:
        int32 [2], for `tf.random.stateless_*`.
    """
    seed = tf.convert_to_tensor(seed)
    if seed.shape.rank == 0:
        seed = tf.stack([tf.cast(seed, tf.int32), 0])
    for number in numbers:
        seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int32))
    return seed


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
    """Converts seeds of users (int [B]) into seeds for `tf.random.stateless_*` (int32 [B, 2])."""
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

"""Random numbers that depend on (seed, position) alone.

Nothing here has state: a number is a function of the run's seed, of the step, of what it is for,
and of the example's place in the global batch. A resumed run therefore draws what an uninterrupted
one draws, and N replicas draw together what one replica draws alone.
"""

import numpy as np
import tensorflow as tf


def fold(seed, *numbers) -> tf.Tensor:
    """Derives a seed from a seed and numbers (a step, a purpose, an attempt).

    Args:
        seed: int, or integer tensor of shape [2].
        numbers: ints or integer scalars, folded in one after another.

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
    """Derives the seed of an attempt; the first one, 0, has the run's own."""
    if attempt == 0:
        return seed
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0] >> 1)


def replica_rows(draw, local_batch):
    """Draws for the global batch and returns the rows of this replica.

    Every replica makes the same cheap draw and keeps its own part, so that an example's number
    does not depend on how many replicas there are.

    Args:
        draw: function from a row count to a tensor with that many rows.
        local_batch: int or scalar tensor, the examples on this replica (equal on all).
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return draw(local_batch)
    start = context.replica_id_in_sync_group * local_batch
    return draw(local_batch * replicas)[start : start + local_batch]


def example_seeds(seed, step, local_batch) -> tf.Tensor:
    """Gives every example of a training step a seed of its own.

    Args:
        seed: int, or int32 [2].
        step: integer scalar.
        local_batch: examples on this replica.

    Returns:
        int32 [local_batch, 2]: a seed of the step and the place in the global batch.
    """
    # A fold leaves its number as it is in the second part; the next one mixes it into the first.
    step_seed = fold(seed, step, 0)[0]

    def rows(count):
        return tf.stack([tf.fill([count], step_seed), tf.range(count)], axis=1)

    return replica_rows(rows, local_batch)


def seeds_from_numbers(numbers) -> tf.Tensor:
    """Turns the numbers that a person types (int [B]) into seeds (int32 [B, 2])."""
    numbers = tf.cast(tf.convert_to_tensor(numbers), tf.int32)
    return tf.stack([numbers, tf.zeros_like(numbers)], axis=1)


def rows_from_seeds(draw, seeds: tf.Tensor) -> tf.Tensor:
    """Draws one row from each seed, so that a row never depends on its neighbours.

    Args:
        draw: function from a seed (int32 [2]) to a float32 tensor of fixed shape.
        seeds: int32 [B, 2].

    Returns:
        float32 [B, ...].
    """
    if seeds.shape[0] == 1:
        return draw(seeds[0])[tf.newaxis]
    return tf.map_fn(draw, seeds, fn_output_signature=tf.float32)

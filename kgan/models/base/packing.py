"""Packs: neighbours in a batch, which the discriminator classifies together (PacGAN)."""

import tensorflow as tf


def pack(values: tf.Tensor, packing: int) -> tf.Tensor:
    """Joins neighbours by the last axis: [B, ..., C] → [B / packing, ..., packing · C].

    Reference: Lin et al. 2018, section 3.

    Example:
        >>> pack(tf.reshape(tf.range(4), [4, 1]), 2).numpy().tolist()
        [[0, 1], [2, 3]]
    """
    if packing == 1:
        return values
    shape = values.shape[1:].as_list()
    values = tf.reshape(values, [-1, packing, *shape])
    axes = list(range(values.shape.rank))
    values = tf.transpose(values, [0, *axes[2:-1], 1, axes[-1]])
    return tf.reshape(values, [-1, *shape[:-1], packing * shape[-1]])


def repeat_packs(values: tf.Tensor, packing: int, factor: int) -> tf.Tensor:
    """Repeats each pack of examples: [B, ...] → [factor · B, ...].

    The repetitions follow each other, so that replicas and parts of a batch have whole packs.

    Example:
        >>> repeat_packs(tf.range(4), packing=2, factor=2).numpy().tolist()
        [0, 1, 0, 1, 2, 3, 2, 3]
    """
    if factor == 1:
        return values
    shape = values.shape[1:].as_list()
    packs = tf.reshape(values, [-1, packing, *shape])
    return tf.reshape(tf.repeat(packs, factor, axis=0), [-1, *shape])

"""Training batches, each of which is a function of (seed, step) and nothing else.

Example number p of a run (p = step · batch + place) belongs to pass p // n over the n examples; a
keyed permutation of 0 … n − 1 maps p % n to its index. There is no shuffle buffer, and no iterator
whose state would have to be saved: a run that starts at step s gets what an uninterrupted run gets
from step s on, bit for bit. Augmentation is a stateless function of the same numbers. Decoded
images are cached before augmentation, never after.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.data.dataset import Source
from kgan.data.readers import (
    ReadErrors,
    chunks,
    first_values,
    read_from_memory,
    read_when_used,
    stack,
)
from kgan.data.splits import sample_indices

# Folded into the seed, so that order, augmentation and domains share no random numbers.
ORDER, AUGMENTATION, DOMAIN = 101, 102, 103


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random crops and flips of training images, equal for both images of a pair.

    Args:
        size: (height, width) of the random crop from the larger training images.
        flip: mirrors left and right, with probability ½.

    Reference: Isola et al. 2017, section 6.2 (random jitter and mirroring).

    Example:
        >>> pair = tf.zeros([2, 9, 9, 3]), tf.zeros([2, 9, 9, 1])
        >>> cropped = augment(pair, Augmentation((8, 8), flip=True), tf.constant([0, 1]))
        >>> [image.shape.as_list() for image in cropped]
        [[2, 8, 8, 3], [2, 8, 8, 1]]
    """

    size: tuple[int, int]
    flip: bool


@dataclasses.dataclass(frozen=True)
class Shard:
    """The rows of every batch that one of several processes makes: those of its own replicas.

    Args:
        replicas: of all processes; each takes an equal part of a batch, in their order.
        first: number of this process's first replica.
        local: number of this process's replicas.
        batches_per_step: number of consecutive batches that one step takes.

    Example:
        >>> second = Shard(replicas=4, first=2, local=2)
        >>> [second.place(element) for element in range(4)]
        [(0, 2), (0, 3), (1, 2), (1, 3)]
    """

    replicas: int = 1
    first: int = 0
    local: int = 1
    batches_per_step: int = 1

    def place(self, element):
        """Returns the batch and the replica of an element: for each step, replica by replica."""
        turn, within = element // self.batches_per_step, element % self.batches_per_step
        return (turn // self.local * self.batches_per_step + within, self.first + turn % self.local)


WHOLE_BATCH = Shard()


def to_domain(images: tf.Tensor | np.ndarray, classes: int = 0) -> tf.Tensor:
    """Converts images as sources give them to float32 in [-1, 1], inside graphs, too.

    Args:
        images: uint8, uint16 or float32-in-[0, 1] [..., C]; with `classes`, numbers of classes
            [..., 1], uint8 or uint16.
        classes: how many there are, see `Source.one_hot`.

    Returns:
        float32 [..., C], or with `classes` one-hot [..., classes]: 1 in the class, -1 elsewhere.
    """
    images = tf.convert_to_tensor(images)
    if classes:
        return tf.one_hot(tf.cast(images[..., 0], tf.int32), classes, 1.0, -1.0)
    if images.dtype == tf.float32:
        return images * 2.0 - 1.0
    return tf.cast(images, tf.float32) * (2.0 / images.dtype.max) - 1.0


def examples(source: Source, keys: tuple[str, ...], count: int | None = None) -> dict:
    """Reads a sample of a part as arrays by key; images are float32 in [-1, 1].

    Args:
        source: the part.
        keys: fields of an example.
        count: number of examples, which `sample_indices` chooses; None, or more than there are:
            all, in their own order.
    """
    indices = sample_indices(len(source), count).tolist()
    return dict(zip(keys, _read(source, keys, first_values(source, keys), indices), strict=True))


def batches(source: Source, keys: tuple[str, ...], batch_size: int) -> Iterator[tuple]:
    """Reads a part in its own order as tuples of arrays; the last batch may be smaller.

    Yields:
        A field for each key: images float32 [B, H, W, C] in [-1, 1], others unchanged.
    """
    like = first_values(source, keys)
    for indices in chunks(range(len(source)), batch_size):
        yield _read(source, keys, like, indices)


def _read(source, keys, like, indices) -> tuple:
    fields = stack(source.read_many(indices), keys, like)
    return tuple(
        field if field.ndim < 4 else to_domain(field, source.one_hot.get(key, 0)).numpy()
        for key, field in zip(keys, fields, strict=True)
    )


def decoded_bytes(source: Source, keys: tuple[str, ...]) -> int:
    """Estimates the memory that the decoded part takes from its first example."""
    return len(source) * sum(value.nbytes for value in first_values(source, keys))


def training_batches(
    source: Source,
    keys: tuple[str, ...],
    *,
    batch_size: int,
    seed: int,
    start_batch: int = 0,
    augmentation: Augmentation | None = None,
    cache_bytes: float = 4e9,
    shard: Shard = WHOLE_BATCH,
    errors: ReadErrors | None = None,
) -> tf.data.Dataset:
    """Makes the infinite data set of training batches.

    Args:
        source: the training part.
        keys: fields of an example, in this order; one gives plain tensors, several give tuples.
        batch_size: global batch size B, of every batch.
        seed: seed of order and augmentation.
        start_batch: number of the first batch; earlier ones are not computed.
        augmentation: None: none.
        cache_bytes: a part that is larger when decoded is read again each time that it is used.
        shard: the rows that this process makes; default: all. They do not depend on the shard.
        errors: keeps the error with which reading fails; run the training with `errors.run`.

    Returns:
        `tf.data.Dataset`: for each batch, and in it for each replica of the shard, one element of
        B / replicas examples: images float32 [B, H, W, C] in [-1, 1], labels int32 [B], attributes
        float32 [B, K].
    """
    if decoded_bytes(source, keys) <= cache_bytes:
        read, threads = read_from_memory(source, keys)
    else:
        read, threads = read_when_used(source, keys, errors or ReadErrors())
    count, rows = len(source), batch_size // shard.replicas
    one_hot = [source.one_hot.get(key, 0) for key in keys]

    def batch(element):
        number, replica = shard.place(element)
        first = replica * rows
        positions = number * batch_size + first + tf.range(rows, dtype=tf.int64)
        fields = read(shuffled_indices(positions, count, seed))
        if augmentation is not None:
            key = randomness.fold(seed, AUGMENTATION, number)
            fields = augment(fields, augmentation, key, tf.cast(first, tf.int32), batch_size)
        fields = tuple(
            to_domain(field, classes) if field.shape.rank == 4 else _unscaled(field)
            for field, classes in zip(fields, one_hot, strict=True)
        )
        return fields if len(fields) > 1 else fields[0]

    options = tf.data.Options()
    options.deterministic = True
    # For a strategy over several processes that is given the data set itself: each makes the whole
    # batch and keeps its part. OFF would give all of them the same part, and the next part of the
    # same batch in the next step. `shard` saves them the rest of the batch.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    numbers = tf.data.Dataset.counter(start=start_batch * shard.local, dtype=tf.int64)
    elements = numbers.map(batch, num_parallel_calls=threads)
    return elements.prefetch(tf.data.AUTOTUNE).with_options(options)


def _unscaled(field: tf.Tensor) -> tf.Tensor:
    return tf.cast(field, tf.float32 if field.dtype.is_floating else tf.int32)


def joint_training_batches(
    sources: Sequence[Source], keys: tuple[str, ...], *, seed: int, cache_bytes: float = 4e9, **how
) -> tf.data.Dataset:
    """Makes the infinite data set of training batches of one part, or of several parts together.

    Args:
        sources: the training parts. Each has its own order and augmentation, and starts again when
            it ends, so that shorter parts have more passes than longer ones.
        keys: fields of an example, in this order.
        seed: seed of order and augmentation; those of the first part are as if it were alone.
        cache_bytes: of all parts together.
        **how: see `training_batches`.

    Returns:
        `tf.data.Dataset`: for one part that of `training_batches`; for several, tuples of theirs.
    """
    joint = tuple(
        training_batches(
            source,
            keys,
            cache_bytes=cache_bytes / len(sources),
            seed=randomness.fold(seed, DOMAIN, number) if number else seed,
            **how,
        )
        for number, source in enumerate(sources)
    )
    return joint[0] if len(joint) == 1 else tf.data.Dataset.zip(joint)


def shuffled_indices(positions: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """Maps positions in the endless run to indices; each pass over the data is a permutation.

    Args:
        positions: int64 [B].
        count: number of examples.
        seed: of the run; each pass has its own permutation.

    Returns:
        int64 [B] in [0, count).
    """
    key = tf.broadcast_to(randomness.fold(seed, ORDER), [tf.size(positions), 2])
    # The public function takes one seed for a whole call; a batch may belong to two passes.
    passes = tf.cast(positions // count, tf.int32)[:, tf.newaxis]
    seeds = tf.concat([key, passes], axis=1)
    last = tf.fill(tf.shape(positions), tf.constant(count - 1, tf.int64))
    return tf.raw_ops.RandomIndexShuffle(index=positions % count, seed=seeds, max_index=last)


def augment(
    fields: tuple, augmentation: Augmentation, seed: tf.Tensor, first=0, batch_size=None
) -> tuple:
    """Crops and mirrors the images of all fields equally.

    Args:
        fields: tensors; those of shape [B, H, W, C] are images, others are returned unchanged.
        augmentation: size of the crop, and whether to mirror.
        seed: int32 [2].
        first: place of the first example in its batch.
        batch_size: of the whole batch, for which numbers are sampled; default: that of `fields`.
    """
    shape = tf.shape(next(field for field in fields if field.shape.rank == 4))
    uniform = randomness.uniform([3, batch_size or shape[0]], seed)
    uniform = uniform[:, first : first + shape[0]]
    height, width = augmentation.size
    top = tf.cast(uniform[0] * tf.cast(shape[1] - height + 1, tf.float32), tf.int32)
    left = tf.cast(uniform[1] * tf.cast(shape[2] - width + 1, tf.float32), tf.int32)
    rows = top[:, tf.newaxis] + tf.range(height)
    columns = left[:, tf.newaxis] + tf.range(width)
    if augmentation.flip:
        mirrored = (uniform[2] < 0.5)[:, tf.newaxis]
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)

    def crop(field):
        if field.shape.rank != 4:
            return field
        field = tf.gather(field, rows, axis=1, batch_dims=1)
        field = tf.gather(field, columns, axis=2, batch_dims=1)
        return tf.ensure_shape(field, [field.shape[0], height, width, field.shape[-1]])

    return tuple(crop(field) for field in fields)


def group_batches(dataset: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Joins `count` consecutive batches into one element, a tuple of batches.

    A tuple and not a stacked axis, because distribution strategies split every tensor of an
    element along axis 0. Where `count` is 1 the data set is returned as it is.
    """
    if count == 1:
        return dataset

    def split(*stacked):
        stacked = stacked if len(stacked) > 1 else stacked[0]
        return tuple(
            tf.nest.map_structure(lambda tensor, i=i: tensor[i], stacked) for i in range(count)
        )

    groups = dataset.batch(count, drop_remainder=True)
    return groups.map(split, num_parallel_calls=tf.data.AUTOTUNE)

"""From random access to batches: every batch is a function of (seed, step) and nothing else.

Example number p of a run (p = step · batch + place) is taken from pass p // n over the data, at
the place that a keyed permutation of 0 … n − 1 gives p % n. There is no shuffle buffer, and no
iterator whose state would have to be saved: a run that starts at step s sees what an
uninterrupted run sees from step s on, bit for bit. Augmentation draws statelessly from the same
numbers. Decoded images are cached before augmentation, never after.
"""

import dataclasses
import gc
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.data.dataset import Source, read_many
from kgan.utils import progress
from kgan.utils.errors import UserError

# Folded into the seed, so that order, augmentation and domains share no numbers with each other.
ORDER, AUGMENTATION, DOMAIN = 101, 102, 103
READERS = 4  # threads, where they help
TRIALS, TRIED = 3, 8  # how often, and with how many examples, to see whether they do
GAIN = 0.8  # share of the time that they may take at most, to be worth it
CHUNK = 256  # examples read at once


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is done to training images, alike for both halves of a pair.

    Args:
        size: (height, width) that is cut out at random of the larger training images.
        flip: mirrors left and right, with probability ½.

    Reference: Isola et al. 2017, section 6.2 (random jitter and mirroring).
    """

    size: tuple[int, int]
    flip: bool


@dataclasses.dataclass(frozen=True)
class Shard:
    """What one of several processes makes of every batch: the rows of its own replicas.

    Args:
        replicas: of all processes; each takes an equal part of a batch, in their order.
        first: number of this process's first replica.
        local: how many it has.
        batches_per_step: how many consecutive batches make one step.
    """

    replicas: int = 1
    first: int = 0
    local: int = 1
    batches_per_step: int = 1

    def place(self, element):
        """Tells the batch and the replica of an element: for each step, replica by replica."""
        turn, within = element // self.batches_per_step, element % self.batches_per_step
        return (turn // self.local * self.batches_per_step + within, self.first + turn % self.local)


WHOLE_BATCH = Shard()


def to_domain(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Converts uint8, uint16 or float32-in-[0, 1] images to float32 in [-1, 1]."""
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.float32:
        return images * 2.0 - 1.0
    return tf.cast(images, tf.float32) * (2.0 / images.dtype.max) - 1.0


def examples(source: Source, keys: tuple[str, ...], count: int | None = None) -> dict:
    """Reads the first `count` examples as arrays by key; pictures float32 in [-1, 1]."""
    count = len(source) if count is None else min(count, len(source))
    return dict(zip(keys, next(batches(source, keys, count)), strict=True))


def batches(source: Source, keys: tuple[str, ...], batch_size: int) -> Iterator[tuple]:
    """Reads a part in its own order as tuples of arrays, the last batch as short as it is.

    Yields:
        A field for each key: pictures float32 [B, H, W, C] in [-1, 1], others as they are.
    """
    like = _first(source, keys)
    for start in range(0, len(source), batch_size):
        read = read_many(source, range(start, min(start + batch_size, len(source))))
        fields = _stack(read, keys, like)
        yield tuple(field if field.ndim < 4 else to_domain(field).numpy() for field in fields)


def decoded_bytes(source: Source, keys: tuple[str, ...]) -> int:
    """Estimates what the decoded part takes in memory from its first example."""
    return len(source) * sum(value.nbytes for value in _first(source, keys))


def training_batches(
    source: Source,
    keys: tuple[str, ...],
    *,
    batch_size: int,
    seed: int,
    start_batch: int = 0,
    augmentation: Augmentation | None = None,
    cache_bytes: float = 4e9,
    share: Shard = WHOLE_BATCH,
) -> tf.data.Dataset:
    """Makes the endless data set of training batches.

    Args:
        source: the training part.
        keys: which fields of an example, in this order; one gives plain tensors, more tuples.
        batch_size: global batch B; every batch has exactly so many examples.
        seed: of order and augmentation.
        start_batch: number of the first batch; earlier ones are not computed.
        augmentation: None for none.
        cache_bytes: a part that is larger when decoded is read again each time it is used.
        share: what this process makes of a batch; by default all of it. Rows are the same ones
            whoever makes them.

    Returns:
        `tf.data.Dataset`: an element for each batch, and in it for each replica of the share, of
        B / replicas examples: pictures float32 [B, H, W, C] in [-1, 1], labels int32 [B],
        attributes float32 [B, K] as they are.
    """
    if decoded_bytes(source, keys) <= cache_bytes:
        read, threads = _cached(source, keys), tf.data.AUTOTUNE
    else:
        read, threads = _streamed(source, keys)
    count = len(source)

    rows = batch_size // share.replicas

    def batch(element):
        number, replica = share.place(element)
        first = replica * rows
        positions = number * batch_size + first + tf.range(rows, dtype=tf.int64)
        fields = read(shuffled_indices(positions, count, seed))
        if augmentation is not None:
            key = randomness.fold(seed, AUGMENTATION, number)
            fields = augment(fields, augmentation, key, tf.cast(first, tf.int32), batch_size)
        fields = tuple(to_domain(f) if f.shape.rank == 4 else _unscaled(f) for f in fields)
        return fields if len(fields) > 1 else fields[0]

    options = tf.data.Options()
    options.deterministic = True
    # For a strategy over several processes that is handed the data set as it is: each makes the
    # whole batch and keeps its part. OFF would give all of them the same part, and the next part
    # of the same batch in the next step. `share` spares them that.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    numbers = tf.data.Dataset.counter(start=start_batch * share.local, dtype=tf.int64)
    dataset = numbers.map(batch, num_parallel_calls=threads)
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def _unscaled(field: tf.Tensor) -> tf.Tensor:
    return tf.cast(field, tf.float32 if field.dtype.is_floating else tf.int32)


def joint_training_batches(
    sources: Sequence[Source], keys: tuple[str, ...], *, seed: int, cache_bytes: float = 4e9, **how
) -> tf.data.Dataset:
    """Makes the endless data set of training batches of one part, or of several side by side.

    Args:
        sources: the training parts. Each has an order and an augmentation of its own, and begins
            anew when it ends, so that shorter ones are passed more often than longer ones.
        keys: which fields of an example, in this order.
        seed: of order and augmentation; the first part has what it would have alone.
        cache_bytes: of all parts together.
        **how: see `training_batches`.

    Returns:
        `tf.data.Dataset`: of one part as `training_batches` gives it; of several, tuples of that.
    """
    datasets = [
        training_batches(
            source,
            keys,
            cache_bytes=cache_bytes / len(sources),
            seed=randomness.fold(seed, DOMAIN, number) if number else seed,
            **how,
        )
        for number, source in enumerate(sources)
    ]
    return datasets[0] if len(datasets) == 1 else tf.data.Dataset.zip(tuple(datasets))


def raise_user_errors(step: Callable):
    """Calls what takes training batches, and gives back the refusal of an image as it was.

    TensorFlow raises an error of its own where reading ends a step, and hands on no more than the
    text of the traceback; a `UserError` is one line of it.

    Raises:
        UserError: in the place of TensorFlow's error, where one caused it.
    """
    try:
        return step()
    except tf.errors.OpError as error:
        name = re.escape(f"{UserError.__module__}.{UserError.__qualname__}")
        lines = re.findall(rf"^{name}: (.*)$", str(error), re.MULTILINE)
        if not lines:
            raise
    # Not from there: its frames hold the iterator, and one that lives until the interpreter ends
    # waits for readers that wait for Python's lock, for ever. Here they can still end.
    gc.collect()
    # The last one is what was raised in the end; those before it are its causes.
    raise UserError(lines[-1])


def shuffled_indices(positions: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """Maps positions in the endless run to indices; each pass over the data is a permutation.

    Args:
        positions: int64 [B].
        count: examples there are.
        seed: the run's; each pass has a permutation of its own.

    Returns:
        int64 [B] in [0, count).
    """
    key = randomness.fold(seed, ORDER)
    # The public function takes one seed for a whole call; a batch may lie in two passes.
    seeds = tf.stack(
        [
            tf.fill(tf.shape(positions), key[0]),
            tf.fill(tf.shape(positions), key[1]),
            tf.cast(positions // count, tf.int32),
        ],
        axis=1,
    )
    last = tf.fill(tf.shape(positions), tf.constant(count - 1, tf.int64))
    return tf.raw_ops.RandomIndexShuffle(index=positions % count, seed=seeds, max_index=last)


def augment(
    fields: tuple, augmentation: Augmentation, seed: tf.Tensor, first=0, batch_size=None
) -> tuple:
    """Crops and mirrors every image field alike.

    Args:
        fields: tensors; those of shape [B, H, W, C] are images, others pass untouched.
        augmentation: what to do.
        seed: int32 [2].
        first: place of the first example in its batch.
        batch_size: of the whole batch, for which is drawn; default: what is given is all of it.
    """
    shape = tf.shape(next(field for field in fields if field.shape.rank == 4))
    draws = tf.random.stateless_uniform([3, batch_size or shape[0]], seed)
    draws = draws[:, first : first + shape[0]]
    height, width = augmentation.size
    top = tf.cast(draws[0] * tf.cast(shape[1] - height + 1, tf.float32), tf.int32)
    left = tf.cast(draws[1] * tf.cast(shape[2] - width + 1, tf.float32), tf.int32)
    rows = top[:, tf.newaxis] + tf.range(height)
    columns = left[:, tf.newaxis] + tf.range(width)
    if augmentation.flip:
        mirrored = (draws[2] < 0.5)[:, tf.newaxis]
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)

    def crop(field):
        if field.shape.rank != 4:
            return field
        field = tf.gather(field, rows, axis=1, batch_dims=1)
        field = tf.gather(field, columns, axis=2, batch_dims=1)
        return tf.ensure_shape(field, [field.shape[0], height, width, field.shape[-1]])

    return tuple(crop(field) for field in fields)


def _cached(source: Source, keys: tuple[str, ...]) -> Callable:
    """Decodes the whole part once into memory, as stored (uint8 mostly), and gathers from it."""
    count, like = len(source), _first(source, keys)
    arrays = [np.empty((count, *value.shape), value.dtype) for value in like]
    read_some = _reader(source)[0]
    shown = {"desc": "reading", "unit": "image", "delay": 2, "leave": False}
    with progress.bar(total=count, **shown) as bar:
        for start in range(0, count, CHUNK):
            indices = range(start, min(start + CHUNK, count))
            for array, rows in zip(arrays, _stack(read_some(indices), keys, like), strict=True):
                array[start : start + len(indices)] = rows
            bar.update(len(indices))
    with tf.device("CPU:0"):  # a GPU has better use for its memory, and tf.data runs on the CPU
        tensors = [tf.constant(array) for array in arrays]
    return lambda indices: tuple(tf.gather(tensor, indices) for tensor in tensors)


def _streamed(source: Source, keys: tuple[str, ...]) -> tuple[Callable, int]:
    """Reads images each time they are used, for parts that memory does not hold.

    Returns:
        A function from indices to fields, and from how many threads to call it.
    """
    like = _first(source, keys)
    read_some, threads = _reader(source)

    def read_arrays(indices):
        return _stack(read_some(indices.tolist()), keys, like)

    def read(indices):
        fields = tf.numpy_function(read_arrays, [indices], [value.dtype for value in like])
        return tuple(
            tf.ensure_shape(field, [*indices.shape, *value.shape])
            for field, value in zip(fields, like, strict=True)
        )

    return read, threads


def _reader(source: Source) -> tuple[Callable[[Sequence[int]], list[dict]], int]:
    """Finds the faster way to read several examples: by several threads, or by one.

    Threads decode photographs three times as fast. Small images they make slower, by two to
    four times: each takes some microseconds, after which they queue for Python's lock. Where
    the line is depends on the machine too, so both ways are tried on the first examples.

    Returns:
        A function from indices to examples, and how many threads it pays to use.
    """
    pool = ThreadPoolExecutor(READERS)

    def alone(indices):
        return read_many(source, indices)

    def together(indices):
        size = max(1, len(indices) // (4 * READERS))
        pieces = [indices[start : start + size] for start in range(0, len(indices), size)]
        return [example for piece in pool.map(alone, pieces) for example in piece]

    seconds = {alone: [], together: []}
    for trial, way in enumerate([alone, together] * TRIALS):
        indices = [place % len(source) for place in range(trial * TRIED, (trial + 1) * TRIED)]
        start = time.perf_counter()
        way(indices)
        seconds[way].append(time.perf_counter() - start)
    # The least of several times: anything can hold up a single one.
    if min(seconds[together]) < GAIN * min(seconds[alone]):
        return together, READERS
    return alone, 1


def _first(source: Source, keys: tuple[str, ...]) -> list[np.ndarray]:
    example = source.read(0)
    return [np.asarray(example[key]) for key in keys]


def _stack(
    read: Sequence[dict], keys: tuple[str, ...], like: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Stacks examples by key, in the types of the part's first example."""
    return [
        np.stack([_as_type(np.asarray(example[key]), first.dtype) for example in read])
        for key, first in zip(keys, like, strict=True)
    ]


def _as_type(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Scales an image to the range of another type: some of a folder may have 16 bits."""
    if value.dtype == dtype or value.ndim < 3:
        return value
    unit = value if value.dtype.kind == "f" else value / np.iinfo(value.dtype).max
    return (unit if dtype.kind == "f" else np.rint(unit * np.iinfo(dtype).max)).astype(dtype)

"""Reading of examples for the pipeline: into memory once, or each time that they are used."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kgan.data.dataset import Source
from kgan.utils import progress
from kgan.utils.errors import UserError

THREADS = 4  # where they help
TRIALS, TRIED = 3, 8  # how often, and with how many examples, to measure whether they do
GAIN = 0.8  # the largest share of one thread's time that makes them worth it
CHUNK = 256  # examples read at once


class ReadErrors:
    """The error with which the reading of a training image failed, for the code that trains.

    TensorFlow turns an error of a reading thread into one of its own. The reading function and the
    training loop therefore share this object.

    Example:
        >>> from kgan.data import pipeline
        >>> class Damaged(Source):
        ...     def __len__(self):
        ...         return 9
        ...     def read(self, index):
        ...         if damaged:
        ...             raise UserError("photos/3.png: damaged")
        ...         return {"image": np.zeros((2, 2, 1), np.uint8)}
        >>> damaged, errors = False, ReadErrors()
        >>> how = {"batch_size": 3, "seed": 0, "cache_bytes": 0}
        >>> batches = pipeline.training_batches(Damaged(), ("image",), **how, errors=errors)
        >>> damaged = True
        >>> errors.run(lambda: next(iter(batches)))
        Traceback (most recent call last):
        ...
        kgan.utils.errors.UserError: photos/3.png: damaged
    """

    def __init__(self):
        self._first: UserError | None = None

    def watch(self, read: Callable) -> Callable:
        """Returns a function that reads as `read` does and keeps the first `UserError`."""

        def watched(*args):
            try:
                return read(*args)
            except UserError as error:
                self._first = self._first or error
                raise

        return watched

    def run(self, train: Callable):
        """Calls a function that consumes training batches, and returns its result.

        Raises:
            UserError: an image could not be read; in place of TensorFlow's error.
        """
        try:
            return train()
        except tf.errors.OpError as error:
            # TensorFlow has this type for Python errors that it does not know.
            if self._first is None or not isinstance(error, tf.errors.UnknownError):
                raise
        # Not from the `except` clause: the frames of TensorFlow's error hold the iterator, and an
        # iterator that lives until the interpreter exits waits for reading threads that wait for
        # Python's lock, forever. Collected here, the threads can still end.
        gc.collect()
        raise self._first.with_traceback(None)


def first_values(source: Source, keys: tuple[str, ...]) -> list[np.ndarray]:
    """Returns the fields of the first example, whose shapes and dtypes stand for all."""
    example = source.read(0)
    return [np.asarray(example[key]) for key in keys]


def stack(
    examples: Sequence[dict], keys: tuple[str, ...], like: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Stacks examples by key, in the dtypes of the first example of the part."""
    return [
        np.stack([_as_type(np.asarray(example[key]), first.dtype) for example in examples])
        for key, first in zip(keys, like, strict=True)
    ]


def _as_type(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Scales an image to the range of another dtype: some images of a folder may have 16 bits."""
    if value.dtype == dtype or value.ndim < 3:
        return value
    unit = value if value.dtype.kind == "f" else value / np.iinfo(value.dtype).max
    return (unit if dtype.kind == "f" else np.rint(unit * np.iinfo(dtype).max)).astype(dtype)


def chunks(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Yields consecutive slices of at most `size` indices."""
    return (indices[start : start + size] for start in range(0, len(indices), size))


def read_from_memory(source: Source, keys: tuple[str, ...]) -> tuple[Callable, int]:
    """Decodes the whole part into memory, in the source's dtypes (uint8 mostly).

    Returns:
        A function from int64 [B] indices to fields, and the number of threads to call it from.
    """
    like = first_values(source, keys)
    arrays = [np.empty((len(source), *value.shape), value.dtype) for value in like]
    read = _choose_reader(source)[0]
    shown = {"desc": "reading", "unit": "image", "delay": 2, "leave": False}
    with progress.bar(total=len(source), **shown) as bar:
        for indices in chunks(range(len(source)), CHUNK):
            for array, rows in zip(arrays, stack(read(indices), keys, like), strict=True):
                array[indices.start : indices.stop] = rows
            bar.update(len(indices))
    with tf.device("CPU:0"):  # where tf.data runs; a GPU has better uses for its memory
        tensors = [tf.constant(array) for array in arrays]
    return lambda indices: tuple(tf.gather(tensor, indices) for tensor in tensors), tf.data.AUTOTUNE


def read_when_used(
    source: Source, keys: tuple[str, ...], errors: ReadErrors
) -> tuple[Callable, int]:
    """Reads images each time that they are used, for parts that do not fit into memory.

    Returns:
        A function from int64 [B] indices to fields, and the number of threads to call it from.
    """
    like = first_values(source, keys)
    read, threads = _choose_reader(source)

    @errors.watch
    def read_arrays(indices):
        return stack(read(indices.tolist()), keys, like)

    def read_fields(indices):
        fields = tf.numpy_function(read_arrays, [indices], [value.dtype for value in like])
        return tuple(
            tf.ensure_shape(field, [*indices.shape, *value.shape])
            for field, value in zip(fields, like, strict=True)
        )

    return read_fields, threads


def _choose_reader(source: Source) -> tuple[Callable[[Sequence[int]], list[dict]], int]:
    """Chooses the faster way to read several examples: with several threads, or with one.

    Threads decode photographs three times as fast. Small images they make slower, by two to four
    times: each takes some microseconds, after which they queue for Python's lock. Which one is
    faster depends on the machine too, so both are measured on the first examples.

    Returns:
        A function from indices to examples, and the number of threads.
    """
    pool = ThreadPoolExecutor(THREADS)

    def threaded(indices):
        pieces = chunks(indices, max(1, len(indices) // (4 * THREADS)))
        return [example for piece in pool.map(source.read_many, pieces) for example in piece]

    seconds = {source.read_many: [], threaded: []}
    for trial, read in enumerate([*seconds] * TRIALS):
        indices = [number % len(source) for number in range(trial * TRIED, (trial + 1) * TRIED)]
        start = time.perf_counter()
        read(indices)
        seconds[read].append(time.perf_counter() - start)
    # The least of several times: anything can delay a single one.
    one, several = map(min, seconds.values())
    return (threaded, THREADS) if several < GAIN * one else (source.read_many, 1)

"""Batches as Keras users hand them over, and the checks that keep wrong ones out.

`fit`, `evaluate` and `train_on_batch` take whatever Keras takes: a `tf.data.Dataset`, arrays, a
`keras.utils.PyDataset` or a generator, of images, of tuples or of dicts. A model's `train_step`
sees tensors by the model's own fields.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan.data.pipeline import group_batches

# The range is found out from so many examples and batches at most.
EXAMPLES_CHECKED, BATCHES_CHECKED = 64, 8
TOLERANCE = 1e-3  # of resizing and of half precision
RESCALE = "scale them with keras.layers.Rescaling({scale}, offset=-1)"


class DataError(ValueError):
    """Training data that a model cannot use; the message says what would be right.

    Example:
        >>> str(DataError("images are uint8; float32 in [-1, 1] is needed"))
        'images are uint8; float32 in [-1, 1] is needed'
    """


def unwrapped(data):
    """Takes away what Keras wraps around a batch: tuples of one, and `None` for what is absent."""
    while isinstance(data, (tuple, list)):
        if len(data) == 3 and data[1] is None and data[2] is None:
            data = data[0]
        elif len(data) == 3 and data[2] is None:
            data = tuple(data[:2])
        elif len(data) == 2 and data[1] is None or len(data) == 1:
            data = data[0]
        else:
            break
    return data


def by_field(data, fields: Sequence[str]) -> tuple:
    """Returns the parts of a batch in the order of a model's fields.

    Args:
        data: a tensor, a tuple, a dict with the fields as keys, or a pair of a dict and the last
            field. What a model has no field for, such as the labels of a data set for an
            unconditional model, is left out.
        fields: such as `("image", "label")`.

    Raises:
        DataError: when a field is missing.
    """
    data = unwrapped(data)
    if isinstance(data, Mapping):
        parts = tuple(data[name] for name in fields if name in data)
        found = f"a dict of {', '.join(map(str, data))}"
    else:
        parts = []
        for part in data if isinstance(data, (tuple, list)) else (data,):
            if isinstance(part, Mapping):
                parts += [part[name] for name in fields if name in part]
            else:
                parts += part if isinstance(part, (tuple, list)) else [part]
        found = f"{len(parts)} part" + "s" * (len(parts) != 1)
    if len(parts) < len(fields):
        wanted = f"({', '.join(fields)})" if len(fields) > 1 else fields[0]
        raise DataError(
            f"a batch must be {wanted}, as a tuple in this order or as a dict. Received: {found}"
        )
    return tuple(parts[: len(fields)])


def checked_images(images, shape: Sequence[int | None], name: str) -> tf.Tensor:
    """Returns a batch of images as float32, after a look at its type and shape.

    Args:
        images: [B, H, W, C], or points [B, D].
        shape: (H, W, C) that the networks take, with None for any.
        name: of the field, for the message.

    Raises:
        DataError: for integers, which would be taken for [-1, 1], and for another shape.
    """
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        scale = "1/127.5" if images.dtype == tf.uint8 else "…"
        raise DataError(
            f"{name}: is {images.dtype.name}; images must be float32 in [-1, 1]: "
            f"{RESCALE.format(scale=scale)}"
        )
    if images.shape.rank == len(shape) and len(shape) == 3 and shape[-1] == 1:
        images = images[..., tf.newaxis]  # grey images without an axis of channels
    own = images.shape[1:].as_list() if images.shape.rank else []
    fits = len(own) == len(shape) and all(
        a is None or b is None or a == b for a, b in zip(own, shape, strict=True)
    )
    if not fits:
        raise DataError(f"{name}: has the shape {_shown(own)}; the networks take {_shown(shape)}")
    return tf.cast(images, tf.float32)


def _shown(shape):
    return "x".join("any" if side is None else str(side) for side in shape) or "()"


def check_range(batches: Iterator[tuple], fields: Sequence[str]) -> None:
    """Refuses images that are clearly not in [-1, 1].

    Args:
        batches: tuples of the fields' values, of which the first few are looked at.
        fields: their names; of labels nothing is asked.

    Raises:
        DataError: says the range that was found and how to come to [-1, 1].
    """
    low, high, seen = {}, {}, 0
    for parts in itertools.islice(batches, BATCHES_CHECKED):
        for name, values in zip(fields, parts, strict=True):
            values = np.asarray(values)
            if name == "label" or values.ndim < 3 or not np.issubdtype(values.dtype, np.floating):
                continue
            low[name] = min(low.get(name, np.inf), float(values.min()))
            high[name] = max(high.get(name, -np.inf), float(values.max()))
        seen += len(parts[0])
        if seen >= EXAMPLES_CHECKED or (low and all(value < 0 for value in low.values())):
            break
    for name, least in low.items():
        most = high[name]
        if not np.isfinite([least, most]).all():
            raise DataError(f"{name}: has values that are not finite; images must be in [-1, 1]")
        inside = least >= -1 - TOLERANCE and most <= 1 + TOLERANCE
        # An image without a dark pixel is rare, many of them are not images in [-1, 1].
        if inside and (least < 0 or most <= TOLERANCE):
            continue
        if least < 0:
            hint = "divide by the largest value and bring them to [-1, 1]"
        else:
            hint = RESCALE.format(scale="1/127.5" if most > 1 + TOLERANCE else "2")
        raise DataError(
            f"{name}: values are in [{least:.4g}, {most:.4g}], but must be in [-1, 1]: {hint}"
        )


def first_batches(data, batch_size: int | None) -> Iterator:
    """Yields the first batches of what `fit` is given, without using them up.

    Args:
        data: a `tf.data.Dataset`, a `PyDataset`, or arrays in a tuple or dict; of anything else,
            such as a generator or a distributed data set, nothing is yielded.
        batch_size: of arrays; default 32.
    """
    if isinstance(data, tf.data.Dataset):
        yield from data.take(BATCHES_CHECKED)
    elif isinstance(data, keras.utils.PyDataset):
        yield from (data[number] for number in range(min(BATCHES_CHECKED, data.num_batches)))
    elif not isinstance(data, (Iterator, tf.distribute.DistributedDataset)):
        yield keras.tree.map_structure(
            lambda values: values[: max(batch_size or 32, EXAMPLES_CHECKED)], data
        )


class GroupedSequence(keras.utils.PyDataset):
    """Joins `count` consecutive batches of a `PyDataset` into one, a tuple of batches.

    Where there are fewer than `count`, those that there are come again.

    Args:
        sequence: `keras.utils.PyDataset`.
        count: batches of one training step.

    Example:
        >>> class Numbers(keras.utils.PyDataset):
        ...     def __len__(self):
        ...         return 5
        ...     def __getitem__(self, index):
        ...         return np.full([1], index)
        >>> groups = GroupedSequence(Numbers(), 2)
        >>> len(groups), [int(batch[0]) for batch in groups[1][0]]
        (2, [2, 3])
    """

    def __init__(self, sequence: keras.utils.PyDataset, count: int):
        super().__init__(sequence.workers, sequence.use_multiprocessing, sequence.max_queue_size)
        self.sequence = sequence
        self.count = count

    def __len__(self):
        return max(1, self.sequence.num_batches // self.count)

    def __getitem__(self, index):
        first, total = index * self.count, self.sequence.num_batches
        return (tuple(self.sequence[(first + n) % total] for n in range(self.count)),)

    def on_epoch_begin(self):
        self.sequence.on_epoch_begin()

    def on_epoch_end(self):
        self.sequence.on_epoch_end()


def grouped_generator(batches: Iterator, count: int) -> Iterator:
    """Joins `count` consecutive batches of a generator into one, which Keras wants in a tuple."""
    while len(group := tuple(itertools.islice(batches, count))) == count:
        if count > 1:
            yield (group,)
        else:
            yield group[0] if isinstance(group[0], tuple) else group


def dataset_of_arrays(arrays, batch_size: int | None, shuffle: bool, seed: int) -> tf.data.Dataset:
    """Makes batches of arrays, in a new order in each epoch where `shuffle` is set.

    The last batch is left out where it is not full and not the only one.
    """
    dataset, batch_size = tf.data.Dataset.from_tensor_slices(arrays), batch_size or 32
    if shuffle:
        dataset = dataset.shuffle(len(dataset), seed=seed)
    return dataset.batch(batch_size, drop_remainder=len(dataset) > batch_size)


def whole_batches(dataset: tf.data.Dataset, divisor: int, size: int | None) -> tf.data.Dataset:
    """Leaves out batches that a step cannot take, such as a last one that is not full.

    Args:
        dataset: of batches.
        divisor: what a batch must be divisible by.
        size: what all batches must have; None: they may differ.
    """
    equal = tf.nest.flatten(dataset.element_spec)[0].shape[0]  # None where they may differ
    if (divisor == 1 and size is None) or (equal and equal % divisor == 0):
        return dataset

    def fits(*batch):
        found = tf.shape(tf.nest.flatten(batch)[0])[0]
        return (found % divisor == 0) & (size is None or found == size)

    return dataset.filter(fits)


def grouped_dataset(dataset: tf.data.Dataset, count: int, size: int) -> tf.data.Dataset:
    """Joins `count` consecutive batches of `size` examples into one element.

    Where there are fewer than `count`, those that there are come again.
    """
    known = int(dataset.cardinality())
    whole = whole_batches(dataset, 1, size)
    if 0 < known <= count:
        # The last one may not be whole.
        whole = whole.repeat(math.ceil(count / max(1, known - 1))).take(count)
    return group_batches(whole, count)

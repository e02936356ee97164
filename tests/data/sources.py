"""Sources for the tests of the pipeline."""

import dataclasses
import time

import numpy as np

from kgan.data.dataset import Source

HEIGHT, WIDTH = 9, 12


@dataclasses.dataclass
class Maps(Source):
    """Images whose pixels show their position: red is the row, green the column, blue the index.

    The target of a pair has the complement of each value. `read_indices` and `at_once` record
    which examples were read, and how many at the same time.
    """

    count: int = 10
    dtype: type = np.uint8
    pause: float = 0.0
    read_indices: list = dataclasses.field(default_factory=list)
    reading: int = 0
    at_once: list = dataclasses.field(default_factory=list)

    def __len__(self):
        return self.count

    def read(self, index):
        self.read_indices.append(int(index))
        self.reading += 1
        self.at_once.append(self.reading)
        if self.pause:
            time.sleep(self.pause)
        self.reading -= 1
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        image = np.stack([rows, columns, np.full_like(rows, index)], -1).astype(self.dtype)
        return {"image": image, "label": index, "input": image, "target": 255 - image}


@dataclasses.dataclass
class Given(Source):
    """The images that it is made with."""

    images: list

    def __len__(self):
        return len(self.images)

    def read(self, index):
        return {"image": self.images[index]}


def take(batches, count):
    """Returns the first elements, each a tuple of arrays or, of one field, an array."""
    return list(batches.take(count).as_numpy_iterator())


def assert_equal(found, expected):
    """Checks that two lists of elements are equal, array by array, dtypes too."""
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, tuple):
            assert_equal(one, other)
        else:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def levels(images):
    """Returns the whole numbers that `Maps` wrote, from images in [-1, 1]."""
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


def indices(images):
    """Returns which examples of `Maps` a batch consists of."""
    return levels(images)[:, 0, 0, 2].tolist()

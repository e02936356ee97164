import numpy as np
import pytest

from kgan.data import dataset
from kgan.data.transform.skipping import SkippingSource
from kgan.utils.errors import UserError


class Numbers(dataset.Source):
    """Ten examples that are their own numbers; some cannot be read."""

    def __init__(self, bad):
        self.bad = bad

    def __len__(self):
        return 10

    def read(self, index):
        if index in self.bad:
            raise UserError(f"{index}.png: damaged")
        return {"image": np.full((1, 1, 1), index, np.uint8)}


def values(source, indices):
    return [int(source.read(index)["image"].item()) for index in indices]


def test_the_next_readable_image_stands_in_whatever_was_read_before():
    assert values(SkippingSource(Numbers({3, 4, 9}), 0.5), range(10)) == [
        0,
        1,
        2,
        5,
        5,
        5,
        6,
        7,
        8,
        0,
    ]
    assert values(SkippingSource(Numbers({3, 4, 9}), 0.5), [9, 4, 3]) == [0, 5, 5]


def test_each_bad_image_is_counted_once():
    source = SkippingSource(Numbers({3}), 0.5)
    values(source, [3, 3, 3])
    assert source.bad == {3}


def test_above_the_limit_the_run_ends_with_the_flag_and_the_file():
    source = SkippingSource(Numbers({1, 5}), 0.1)
    source.read(1)
    with pytest.raises(UserError, match=r"--bad_limit=0.1: 2 of 10 .* 5\.png"):
        source.read(5)

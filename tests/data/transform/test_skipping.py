"""Replacement of unreadable images: which image replaces one, how often, up to which limit."""

import pytest

from kgan.data.dataset import Source
from kgan.data.transform.skipping import SkippingSource
from kgan.utils.errors import UserError


class Numbers(Source):
    """Ten examples that are their own numbers; some cannot be read."""

    def __init__(self, bad):
        self.bad = bad

    def __len__(self):
        return 10

    def read(self, index):
        if index in self.bad:
            raise UserError(f"{index}.png: damaged")
        return index


def test_the_next_readable_image_replaces_a_bad_one_whatever_was_read_before():
    source = SkippingSource(Numbers({3, 4, 9}), 0.5)
    assert list(map(source.read, range(10))) == [0, 1, 2, 5, 5, 5, 6, 7, 8, 0]
    for read in (source.read_many, SkippingSource(Numbers({3, 4, 9}), 0.5).read_many):
        assert read([9, 4, 3]) == [0, 5, 5]


def test_each_bad_image_is_counted_once():
    source = SkippingSource(Numbers({3}), 0.5)
    for _ in range(3):
        source.read(3)
    assert source.bad == {3}


def test_above_the_limit_reading_ends_with_the_flag_and_the_file():
    source = SkippingSource(Numbers({1, 5}), 0.1)
    source.read(1)
    with pytest.raises(UserError, match=r"--bad_limit=0.1: 2 of 10 .* 5\.png"):
        source.read(5)
    # Again, too: a training whose validation fails goes on, and validates again later.
    for read in (source.read, lambda index: source.read_many([0, index])):
        with pytest.raises(UserError, match="--bad_limit=0.1: 2 of 10"):
            read(5)
    assert source.read_many([0, 9]) == [0, 9]


def test_nothing_readable_is_an_error():
    source = SkippingSource(Numbers(set(range(10))), 1.0)
    with pytest.raises(UserError, match="--dataset: none of its images can be read"):
        source.read(0)

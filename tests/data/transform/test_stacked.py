"""Tests of stacked digits."""

import numpy as np
import pytest

from kgan.data import registry
from kgan.data.dataset import Dataset, ImageFormat, Source
from kgan.data.transform.stacked import StackedSource, stack_dataset
from kgan.utils.errors import UserError


class Grey(Source):
    """Images of one grey level each, which is their number."""

    def __init__(self, count):
        self.count, self.read_numbers = count, []

    def __len__(self):
        return self.count

    def read(self, index):
        self.read_numbers.append(index)
        return {"image": np.full((2, 2, 1), index, np.uint8), "label": np.int32(index % 10)}


def test_a_triple_is_three_images_as_channels():
    source = StackedSource(Grey(9), np.array([[3, 1, 8], [0, 0, 5]]))
    image = source.read(0)["image"]
    assert image.shape == (2, 2, 3) and image.dtype == np.uint8
    assert image[1, 0].tolist() == [3, 1, 8]
    assert [example["image"][0, 0].tolist() for example in source.read_many([1, 0])] == [
        [0, 0, 5],
        [3, 1, 8],
    ]
    with pytest.raises(IndexError):
        source.read(2)


def test_each_single_image_is_read_once_for_a_batch():
    grey = Grey(9)
    StackedSource(grey, np.array([[3, 3, 8], [8, 3, 5]])).read_many([0, 1])
    assert sorted(grey.read_numbers) == [3, 5, 8]


def test_triples_are_drawn_evenly_and_from_the_part_itself():
    dataset = Dataset("mnist", "labelled", {"train": Grey(50), "test": Grey(7)}, "digits")
    stacked = stack_dataset(dataset)
    assert (stacked.name, stacked.kind, stacked.class_names) == ("stacked_mnist", "images", ())
    assert {part: len(source) for part, source in stacked.parts.items()} == {
        "train": 128_000,
        "test": 26_000,
    }
    triples = stacked.parts["train"].triples
    for channel in triples.T:
        shares = np.bincount(channel, minlength=50) / 128_000
        np.testing.assert_allclose(shares, 0.02, atol=5 * np.sqrt(0.02 / 128_000))
    assert stacked.parts["test"].triples.max() == 6
    assert not np.array_equal(stack_dataset(dataset, seed=1).parts["train"].triples, triples)


def test_another_number_of_channels_is_refused():
    with pytest.raises(UserError, match="--channels=1"):
        registry.open_dataset("stacked_mnist", ImageFormat((28, 28), (28, 28), 1), kind="images")

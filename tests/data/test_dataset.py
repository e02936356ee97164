"""Training parts, pass length and channels of data sets."""

import dataclasses

import numpy as np
import pytest

from kgan.data.dataset import Dataset, DataSpec, Source, spec_of


@dataclasses.dataclass
class Grey(Source):
    """A part of so many images of so many channels."""

    count: int
    channels: int

    def __len__(self):
        return self.count

    def read(self, index):
        image = np.zeros((8, 8, self.channels), np.uint8)
        return {"image": image, "input": image[..., :1], "target": image}


@pytest.mark.parametrize("kind", ["images", "labelled", "paired"])
def test_one_training_part_gives_the_examples_and_the_pass(kind):
    dataset = Dataset("c", kind, {"train": Grey(5, 3), "test": Grey(9, 3)}, "")
    assert dataset.training_parts == ("train",)
    assert dataset.pass_length == 5


def test_two_domains_give_the_examples_and_the_larger_one_the_pass():
    parts = {"train_a": Grey(5, 1), "train_b": Grey(7, 3), "test_a": Grey(20, 1)}
    dataset = Dataset("c", "unpaired", parts, "")
    assert dataset.training_parts == ("train_a", "train_b")
    assert dataset.pass_length == 7
    # Of A, then of B.
    assert spec_of(dataset, (8, 8)) == DataSpec("unpaired", (8, 8), 3, 1)


def test_pairs_have_the_channels_of_their_two_sides():
    dataset = Dataset("c", "paired", {"train": Grey(1, 3)}, "")
    assert spec_of(dataset, (8, 8)) == DataSpec("paired", (8, 8), 3, 1)

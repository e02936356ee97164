"""What is held out of a training part, where a data set has no validation part."""

import numpy as np

from kgan.data.dataset import ArraySource, Dataset
from kgan.data.splits import with_validation


def numbered(count, *others):
    parts = {part: ArraySource(np.full((3, 2), -1.0)) for part in others}
    points = np.arange(2.0 * count).reshape(count, 2)
    return Dataset("made", "points", {"train": ArraySource(points), **parts}, "made")


def first_numbers(source):
    return [int(source.read(index)["image"][0]) // 2 for index in range(len(source))]


def test_every_twentieth_example_is_held_out_and_trained_on_no_more():
    dataset = with_validation(numbered(65, "test"), 0.05)
    held = first_numbers(dataset.parts["validation"])
    assert held == [19, 39, 59]
    assert first_numbers(dataset.parts["train"]) == [n for n in range(65) if n not in held]
    assert len(dataset.parts["test"]) == 3
    assert dataset.description == "made; 3 of train held out for validation"


def test_reading_several_gives_what_reading_one_gives():
    train = with_validation(numbered(40), 0.25).parts["train"]
    several = train.read_many([5, 0, 29])
    for index, example in zip([5, 0, 29], several, strict=True):
        np.testing.assert_array_equal(example["image"], train.read(index)["image"])


def test_a_set_with_a_validation_part_and_a_tiny_one_stay_as_they_are():
    for dataset, share in (
        (numbered(65, "validation"), 0.05),
        (numbered(19), 0.05),
        (numbered(65), 0.0),
    ):
        assert with_validation(dataset, share) is dataset

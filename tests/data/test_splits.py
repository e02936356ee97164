"""What is held out of a training part, where a data set has no validation part."""

import numpy as np

from kgan.data.dataset import ArraySource, Dataset
from kgan.data.splits import sample_indices, with_validation


def numbered(count, *others):
    parts = {part: ArraySource(np.full((3, 2), -1.0)) for part in others}
    points = np.arange(2.0 * count).reshape(count, 2)
    return Dataset("made", "points", {"train": ArraySource(points), **parts}, "made")


def first_numbers(source):
    return [int(source.read(index)["image"][0]) // 2 for index in range(len(source))]


def test_a_twentieth_is_held_out_and_trained_on_no_more():
    dataset = with_validation(numbered(65, "test"), 0.05)
    held = first_numbers(dataset.parts["validation"])
    assert len(held) == 3
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


def test_sample_is_a_fixed_choice_of_all_places_and_the_beginning_of_larger_ones():
    chosen = sample_indices(1000, 100)
    assert len(set(chosen.tolist())) == 100 and chosen.min() >= 0 and chosen.max() < 1000
    # Each third is chosen as often as the others, up to chance (a deviation of 4.7).
    assert np.abs(np.bincount(chosen * 3 // 1000, minlength=3) - 100 / 3).max() < 15
    np.testing.assert_array_equal(chosen, sample_indices(1000, 300)[:100])
    assert (chosen != sample_indices(1001, 100)).any()
    # Stored values stay comparable only as long as these stay.
    assert sample_indices(1000, 5).tolist() == [802, 284, 593, 919, 747]


def test_whole_part_keeps_its_order():
    for count in (10, 11, None):
        assert sample_indices(10, count).tolist() == list(range(10))


def test_classes_in_turns_are_all_held_out():
    # Every twentieth of ten classes in turns is always the same class.
    held = first_numbers(with_validation(numbered(1000), 0.05).parts["validation"])
    assert len(held) == 50 and len({number % 10 for number in held}) > 7
    assert held == sorted(held)


def test_earlier_rule_still_holds_out_every_twentieth():
    dataset = with_validation(numbered(65, "test"), 0.05, rule=1)
    assert first_numbers(dataset.parts["validation"]) == [19, 39, 59]

"""Behaviour that all rendered data sets share: parts, numbers, seeds and pixels."""

import numpy as np
import pytest

from kgan.data.builtin.facades import open_facades
from kgan.data.builtin.faces import open_faces
from kgan.data.builtin.rendered import PART_ROOM, RenderedSource
from kgan.data.builtin.scenes import open_scenes
from kgan.data.builtin.typeset import open_typeset
from kgan.data.dataset import ImageFormat

SETS = {
    "faces": open_faces,
    "typeset": open_typeset,
    "scenes": open_scenes,
    "facades": open_facades,
}
# Sums of all values of the first four examples with seed 3, 64 by 48 pixels, by key.
SUMS = {
    "faces": {"image": [1294291, 1432502, 1478394, 1610093], "attributes": [1, 3, 3, 1]},
    "typeset": {"image": [55661, 40368, 46469, 96795], "label": [0, 1, 2, 3]},
    "scenes": {
        "input": [1475397, 1112572, 1081362, 1286057],
        "target": [322661, 319896, 273354, 257025],
    },
    "facades": {
        "input": [1153295, 1370155, 1134345, 1165765],
        "target": [1464854, 1554213, 1408153, 1523933],
    },
}
each_set = pytest.mark.parametrize("name", SETS)


def opened(name, size=(32, 32), **options):
    return SETS[name](ImageFormat(size, size), **options)


def bits(example):
    return b"".join(np.asarray(example[key]).tobytes() for key in sorted(example))


@each_set
def test_pixels_stay_those_of_earlier_versions(name):
    source = opened(name, (64, 48), seed=3).parts["train"]
    examples = [source.read(number) for number in range(4)]
    assert set(examples[0]) == set(SUMS[name])
    for key, sums in SUMS[name].items():
        found = [example[key].sum(dtype=np.float64) for example in examples]
        # Other versions of Pillow and NumPy may round a few pixels otherwise.
        np.testing.assert_allclose(found, sums, rtol=1e-4)


@each_set
def test_examples_do_not_depend_on_the_order_of_reading(name):
    first, second = (opened(name, seed=3).parts["train"] for _ in range(2))
    forward = [bits(first.read(number)) for number in range(12)]
    np.random.seed(1)
    backward = [bits(second.read(number)) for number in reversed(range(12))]
    assert forward == backward[::-1]


@each_set
def test_parts_and_seeds_share_no_example(name):
    sources = [*opened(name).parts.values(), opened(name, seed=1).parts["train"]]
    examples = {bits(source.read(number)) for source in sources for number in range(50)}
    assert len(examples) == 50 * len(sources)


@each_set
def test_numbers_outside_the_part_are_refused(name):
    source = opened(name, train=3).parts["train"]
    assert len(source) == 3
    for number in (-1, 3):
        with pytest.raises(IndexError, match=rf"in \[0, 3\). Received: {number}"):
            source.read(number)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("faces", {"train": 4000, "test": 1000}),
        ("typeset", {"train": 4000, "test": 1000}),
        ("scenes", {"train": 2000, "validation": 50, "test": 200}),
        ("facades", {"train": 600, "validation": 50, "test": 100}),
    ],
)
def test_parts_have_their_counts_and_sizes(name, counts):
    dataset = SETS[name](ImageFormat(size=(32, 40), train_size=(36, 44)))
    assert (dataset.name, {p: len(s) for p, s in dataset.parts.items()}) == (name, counts)
    for part, source in dataset.parts.items():
        last = source.read(len(source) - 1)
        image = last["image" if "image" in last else "input"]
        assert image.shape[:2] == ((36, 44) if part == "train" else (32, 40))


def test_labels_are_those_of_the_numbers_and_absent_without_classes():
    typeset = opened("typeset", train=25).parts["train"]
    assert typeset.labels.tolist() == [typeset.read(n)["label"] for n in range(25)]
    assert typeset.labels.dtype == np.int32
    assert opened("faces").parts["train"].labels is None


def test_more_examples_than_a_part_has_numbers_are_refused():
    with pytest.raises(ValueError, match="`count` must be at most"):
        RenderedSource(dict, "train", PART_ROOM + 1, 0, 8, 8)

"""Batches as a function of (seed, step): order, resuming, shards, augmentation, value ranges."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.pipeline import Augmentation
from kgan.data.splits import sample_indices
from tests.data.sources import HEIGHT, WIDTH, Given, Maps, assert_equal, indices, levels, take

CROP = Augmentation((5, 6), flip=True)


def training(source, *keys, batch_size=4, seed=3, **how):
    return pipeline.training_batches(source, keys, batch_size=batch_size, seed=seed, **how)


def labels(count=10, batches=3, **how):
    return np.concatenate(take(training(Maps(count), "label", **how), batches)).tolist()


# Order.


@pytest.mark.parametrize(
    ("count", "batch_size", "start"),
    [(10, 4, 0), (3, 8, 0), (1, 2, 0), (7, 7, 2**32)],
    ids=["batch in two passes", "batch of several passes", "one example", "beyond 32 bits"],
)
def test_each_pass_is_a_permutation(count, batch_size, start):
    found = labels(count, 3 * count, batch_size=batch_size, start_batch=start)
    for first in range(0, 3 * count * batch_size, count):
        assert sorted(found[first : first + count]) == list(range(count))


def test_passes_and_seeds_have_their_own_orders():
    found = labels(50, 4, batch_size=50, seed=1)
    orders = [tuple(found[start : start + 50]) for start in range(0, 200, 50)]
    other = tuple(labels(50, 1, batch_size=50, seed=2))
    assert len({*orders, other, tuple(range(50))}) == 6


def test_order_does_not_depend_on_the_batch_size():
    assert labels(batch_size=3, batches=10) == labels(batch_size=5, batches=6)


def test_every_example_is_equally_likely_at_every_place():
    # 400 passes over 5 examples: 80 expected in each cell, 8 the standard deviation.
    found = np.reshape(labels(5, 20, batch_size=100), (400, 5))
    counts = np.array([[np.sum(found[:, place] == i) for i in range(5)] for place in range(5)])
    assert np.abs(counts - 80).max() < 5 * 8


# Resuming, caching, shards.


@pytest.mark.parametrize("counts", [[10], [6, 9]], ids=["one part", "two domains"])
@pytest.mark.parametrize(("start", "cache_bytes"), [(1, 4e9), (7, 0)])
def test_started_at_a_batch_gives_what_an_uninterrupted_run_gives(counts, start, cache_bytes):
    def batches(first, count):
        how = {"batch_size": 4, "seed": 3, "augmentation": CROP, "cache_bytes": cache_bytes}
        keys = ("input", "target", "label")
        sources = list(map(Maps, counts))
        return take(pipeline.joint_training_batches(sources, keys, start_batch=first, **how), count)

    assert_equal(batches(start, 4), batches(0, start + 4)[start:])


@pytest.mark.parametrize("augmentation", [None, CROP])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_cached_and_streamed_batches_are_equal(dtype, augmentation):
    cached, streamed = (
        take(
            training(
                Maps(dtype=dtype), "image", "label", augmentation=augmentation, cache_bytes=size
            ),
            6,
        )
        for size in (4e9, 0)
    )
    assert_equal(cached, streamed)


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_two_replicas_share_the_batch_of_one(two_replicas, cache_bytes):
    def batches():
        return training(Maps(), "image", "label", cache_bytes=cache_bytes, augmentation=CROP)

    shared = iter(two_replicas.experimental_distribute_dataset(batches()))
    for expected in take(batches(), 3):
        parts = map(two_replicas.experimental_local_results, next(shared))
        for halves, whole in zip(parts, expected, strict=True):
            assert [len(half) for half in halves] == [2, 2]
            np.testing.assert_array_equal(np.concatenate(halves), whole)


def test_workers_share_each_batch():
    # With OFF, two workers were given the same half of the batch; DATA gave them both halves.
    policy = training(Maps(), "image").options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA


def test_shards_of_two_workers_with_two_replicas_each_cover_a_step_once():
    # In the order of a step: 3 batches for one replica, then the same 3 for the next.
    expected = [(step * 3 + b, r) for step in (0, 1) for r in (0, 1) for b in range(3)]
    for first in (0, 2):
        shard = pipeline.Shard(replicas=4, first=first, local=2, batches_per_step=3)
        assert [shard.place(n) for n in range(12)] == [(b, r + first) for b, r in expected]


@pytest.mark.parametrize("counts", [[7], [6, 9]], ids=["one part", "two domains"])
def test_shards_of_two_processes_together_are_the_batches_of_one(counts):
    def batches(shard):
        how = {"batch_size": 4, "seed": 3, "augmentation": CROP, "start_batch": 2, "shard": shard}
        joint = pipeline.joint_training_batches(list(map(Maps, counts)), ("input",), **how)
        return take(joint, 4)

    parts = [batches(pipeline.Shard(2, process, 1)) for process in (0, 1)]
    for whole, *rows in zip(batches(pipeline.WHOLE_BATCH), *parts, strict=True):
        domain_axis = 0 if len(counts) == 1 else 1
        np.testing.assert_array_equal(np.concatenate(rows, domain_axis), whole)


# Several parts.


def test_each_domain_has_whole_passes_in_its_own_order():
    joint = pipeline.joint_training_batches([Maps(6), Maps(9)], ("image",), batch_size=4, seed=3)
    for images, count in zip(zip(*take(joint, 9), strict=True), (6, 9), strict=True):
        found = sum(map(indices, images), [])
        # 36 images of each: six passes over 6, four over 9.
        passes = [sorted(found[start : start + count]) for start in range(0, 36, count)]
        assert passes == [list(range(count))] * (36 // count)


def test_domains_of_the_same_size_have_different_orders():
    joint = pipeline.joint_training_batches([Maps(9), Maps(9)], ("image",), batch_size=9, seed=3)
    assert all(indices(a) != indices(b) for a, b in take(joint, 3))


def test_one_part_alone_is_as_training_batches_makes_it():
    joint = pipeline.joint_training_batches([Maps(6)], ("input", "target"), batch_size=4, seed=3)
    assert_equal(take(joint, 3), take(training(Maps(6), "input", "target"), 3))


# Shapes, types and ranges.


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_fields_have_the_order_of_the_keys(cache_bytes):
    batches = training(Maps(), "label", "image", cache_bytes=cache_bytes)
    specs = [(spec.dtype, spec.shape) for spec in batches.element_spec]
    assert specs == [(tf.int32, (4,)), (tf.float32, (4, HEIGHT, WIDTH, 3))]
    ((numbers, images),) = take(batches, 1)
    assert numbers.shape == (4,) and images.shape == (4, HEIGHT, WIDTH, 3)
    assert indices(images) == numbers.tolist()


def test_one_field_is_no_tuple():
    assert training(Maps(), "image").element_spec.shape[1:] == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.uint8, [0, 51, 102, 255], [-1, -0.6, -0.2, 1]),
        (np.uint16, [0, 13107, 26214, 65535], [-1, -0.6, -0.2, 1]),
        (np.float32, [0, 0.25, 0.5, 1], [-1, -0.5, 0, 1]),
    ],
)
def test_images_are_converted_to_minus_one_and_one(dtype, values, expected):
    for given in (np.array(values, dtype), tf.constant(values, dtype)):
        found = pipeline.to_domain(given)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
        assert (float(found[0]), float(found[-1])) == (-1, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_range_stays_inside_and_increases(dtype):
    found = pipeline.to_domain(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)).numpy()
    assert (found.min(), found.max()) == (-1, 1)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
@pytest.mark.parametrize(("first", "other"), [(np.uint8, np.uint16), (np.uint16, np.uint8)])
def test_images_of_8_and_of_16_bits_have_one_range(first, other, cache_bytes):
    def image(dtype, fraction):
        return np.full((2, 2, 1), np.iinfo(dtype).max // fraction, dtype)

    source = Given([image(first, 1), image(other, 1), image(other, 5)])
    (found,) = take(training(source, "image", batch_size=3, cache_bytes=cache_bytes), 1)
    np.testing.assert_allclose(np.sort(found[:, 0, 0, 0]), [-0.6, 1, 1], rtol=0, atol=1e-6)
    (batch,) = next(pipeline.batches(source, ("image",), 3))
    np.testing.assert_allclose(batch[:, 0, 0, 0], [1, 1, -0.6], rtol=0, atol=1e-6)


# Augmentation.


def augmented(count=400, size=(5, 6), flip=True, **how):
    batches = training(
        Maps(20),
        *("input", "target", "label"),
        batch_size=count,
        augmentation=Augmentation(size, flip),
        **how,
    )
    assert batches.element_spec[0].shape == (count, *size, 3)
    return take(batches, 1)[0]


def test_crops_are_windows_of_the_image():
    images, _, numbers = augmented(flip=False)
    found = levels(images)
    tops, lefts = found[:, 0, 0, 0], found[:, 0, 0, 1]
    rows = tops[:, None] + np.arange(5)
    columns = lefts[:, None] + np.arange(6)
    np.testing.assert_array_equal(found[..., 0], np.repeat(rows[:, :, None], 6, 2))
    np.testing.assert_array_equal(found[..., 1], np.repeat(columns[:, None], 5, 1))
    assert (found[..., 2] == numbers[:, None, None]).all()
    # 9 - 5 and 12 - 6 are the last places; each of the five is expected 80 times, each of the
    # seven 57 times.
    assert np.bincount(tops).tolist() == pytest.approx([80] * 5, abs=5 * 8)
    assert np.bincount(lefts).tolist() == pytest.approx([400 / 7] * 7, abs=5 * 7)
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 5 / 400**0.5


def test_half_of_the_images_are_mirrored_left_to_right():
    found = levels(augmented()[0])
    slopes = np.diff(found[:, 0, :, 1], axis=1)
    assert (np.abs(slopes) == 1).all()
    assert (slopes == slopes[:, :1]).all()
    mirrored = slopes[:, 0] == -1
    assert abs(mirrored.sum() - 200) < 5 * 10
    # None is upside down, and mirroring does not depend on the position of the window.
    assert (np.diff(found[:, :, 0, 0], axis=1) == 1).all()
    assert abs(np.corrcoef(mirrored, found[:, 0, 0, 0])[0, 1]) < 5 / 400**0.5


def test_both_images_of_a_pair_are_augmented_equally_and_labels_not_at_all():
    inputs, targets, numbers = augmented()
    np.testing.assert_array_equal(levels(targets), 255 - levels(inputs))
    assert_equal([numbers], take(training(Maps(20), "label", batch_size=400), 1))


def test_mirroring_alone_keeps_the_whole_image():
    found = levels(augmented(size=(HEIGHT, WIDTH))[0])
    assert set(found[:, 0, 0, 1]) == {0, WIDTH - 1}
    assert set(found[:, 0, 0, 0]) == {0}


def test_augmentation_differs_between_batches_and_seeds():
    windows = [
        levels(augmented(**which)[0])[:, 0, 0, :2]
        for which in ({}, {"start_batch": 1}, {"seed": 1})
    ]
    for one, other in itertools.combinations(windows, 2):
        # By chance, two windows are the same in one of 5 * 7 * 2 cases.
        assert (one == other).all(-1).mean() < 0.2


# Reading in the source's order.


def test_batches_keep_the_order_and_the_last_is_smaller():
    read = list(pipeline.batches(Maps(10), ("image", "label"), 4))
    assert [len(images) for images, _ in read] == [4, 4, 2]
    images, numbers = map(np.concatenate, zip(*read, strict=True))
    assert images.dtype == np.float32
    assert numbers.tolist() == indices(images) == list(range(10))
    assert images[0, 0, 0].tolist() == [-1, -1, -1]


def test_batches_are_read_only_when_they_are_used():
    source = Maps(10)
    next(pipeline.batches(source, ("image",), 3))
    assert set(source.read_indices) == {0, 1, 2}


def test_examples_are_a_sample_by_key():
    found = pipeline.examples(Maps(10), ("input", "label"), 3)
    assert set(found) == {"input", "label"}
    sample = sample_indices(10, 3).tolist()
    assert found["label"].tolist() == indices(found["input"]) == sample != [0, 1, 2]
    for count in (None, 99):
        assert len(pipeline.examples(Maps(10), ("label",), count)["label"]) == 10

"""Batches as a function of (seed, step): order, resuming, augmentation, value ranges."""

import dataclasses
import itertools
import time
import weakref

import numpy as np
import pytest
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.pipeline import Augmentation
from kgan.utils.errors import UserError

HEIGHT, WIDTH = 9, 12


@dataclasses.dataclass
class Maps:
    """Images whose pixels say where they lie: red is the row, green the column, blue the index.

    The target of a pair has the complement of each value.
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
class Given:
    """A source of the images that it is made with."""

    images: list

    def __len__(self):
        return len(self.images)

    def read(self, index):
        return {"image": self.images[index]}


def take(dataset, count):
    return [
        tuple(field.numpy() for field in batch) if isinstance(batch, tuple) else batch.numpy()
        for batch in dataset.take(count)
    ]


def labels(count=10, batch_size=4, batches=3, seed=0, **options):
    source = Maps(count)
    dataset = pipeline.training_batches(
        source, ("label",), batch_size=batch_size, seed=seed, **options
    )
    return np.concatenate(take(dataset, batches)).tolist()


def levels(images):
    """Turns images in [-1, 1] back into the whole numbers that `Maps` wrote."""
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


# Order.


def test_each_pass_is_a_permutation():
    # Of batches of 4, the third lies in the first pass and the second.
    drawn = labels(count=10, batch_size=4, batches=10)
    for start in (0, 10, 20, 30):
        assert sorted(drawn[start : start + 10]) == list(range(10))


def test_each_pass_has_an_order_of_its_own_and_none_is_that_of_the_source():
    drawn = labels(count=50, batch_size=50, batches=4)
    passes = [tuple(drawn[start : start + 50]) for start in range(0, 200, 50)]
    assert len({*passes, tuple(range(50))}) == 5


def test_seeds_give_different_orders():
    assert labels(count=50, batch_size=50, seed=1) != labels(count=50, batch_size=50, seed=2)


def test_order_does_not_depend_on_the_batch_size():
    assert labels(batch_size=3, batches=10) == labels(batch_size=5, batches=6)


def test_batch_may_be_larger_than_the_data():
    drawn = labels(count=3, batch_size=8, batches=3)
    for start in range(0, 24, 3):
        assert sorted(drawn[start : start + 3]) == [0, 1, 2]


def test_single_example_is_given_again_and_again():
    assert labels(count=1, batch_size=2, batches=2) == [0, 0, 0, 0]


def test_every_place_is_reached_by_every_example():
    # 400 passes over 5 examples: 80 expected in each cell, 8 the standard deviation.
    drawn = np.reshape(labels(count=5, batch_size=100, batches=20), (400, 5))
    counts = np.array([[np.sum(drawn[:, place] == i) for i in range(5)] for place in range(5)])
    assert np.abs(counts - 80).max() < 5 * 8


def test_order_at_positions_beyond_32_bits():
    drawn = labels(count=7, batch_size=7, batches=2, start_batch=2**32)
    assert sorted(drawn[:7]) == sorted(drawn[7:]) == list(range(7))


# Starting in the middle; caching.


@pytest.mark.parametrize("cache_bytes", [4e9, 0])
@pytest.mark.parametrize("start", [1, 7])
def test_started_at_a_batch_gives_what_an_uninterrupted_run_gives(start, cache_bytes):
    def batches(first, count):
        return take(
            pipeline.training_batches(
                Maps(),
                ("input", "target", "label"),
                batch_size=4,
                seed=3,
                start_batch=first,
                augmentation=Augmentation((5, 6), flip=True),
                cache_bytes=cache_bytes,
            ),
            count,
        )

    whole = batches(0, start + 4)
    for expected, found in zip(whole[start:], batches(start, 4), strict=True):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("augmentation", [None, Augmentation((5, 6), flip=True)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_cached_and_streamed_are_equal(dtype, augmentation):
    cached, streamed = (
        take(
            pipeline.training_batches(
                Maps(dtype=dtype),
                ("image", "label"),
                batch_size=4,
                seed=3,
                augmentation=augmentation,
                cache_bytes=cache_bytes,
            ),
            6,
        )
        for cache_bytes in (4e9, 0)
    )
    for one, other in zip(itertools.chain(*cached), itertools.chain(*streamed), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_cache_reads_each_example_once_and_before_training():
    source = Maps(40)
    dataset = pipeline.training_batches(source, ("image",), batch_size=4, seed=0, cache_bytes=1e6)
    assert set(source.read_indices) == set(range(40))
    # Besides, the first is looked at for shape and type, and 48 to see whether threads help.
    assert len(source.read_indices) <= 40 + 48 + 2
    source.read_indices.clear()
    take(dataset, 30)
    assert source.read_indices == []


def test_part_that_does_not_fit_is_read_when_it_is_used():
    source = Maps(1000)
    assert pipeline.decoded_bytes(source, ("image",)) == 1000 * HEIGHT * WIDTH * 3
    size = 1000 * HEIGHT * WIDTH * 3
    pipeline.training_batches(source, ("image",), batch_size=4, seed=0, cache_bytes=size)
    assert len(source.read_indices) >= 1000
    source.read_indices.clear()
    dataset = pipeline.training_batches(
        source, ("image",), batch_size=4, seed=0, cache_bytes=size - 1
    )
    assert len(source.read_indices) < 60
    take(dataset, 2)
    assert len(source.read_indices) < 200


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_threads_read_where_reading_waits_and_only_there(cache_bytes):
    found = []
    for pause, helped in ((0.005, True), (0.0, False)):
        source = Maps(100, pause=pause)
        dataset = pipeline.training_batches(
            source, ("image",), batch_size=50, seed=0, cache_bytes=cache_bytes
        )
        found.append(take(dataset, 2))
        assert (max(source.at_once[-40:]) > 1) == helped
    np.testing.assert_array_equal(*found)


def test_several_examples_are_read_at_once_where_the_source_can():
    class Many(Maps):
        def read_many(self, indices):
            asked.append(len(indices))
            return [self.read(index) for index in indices]

    asked = []
    options = {"batch_size": 50, "seed": 0}
    found = pipeline.training_batches(Many(400), ("label",), **options)
    assert max(asked) >= 100
    asked.clear()
    streamed = pipeline.training_batches(Many(400), ("label",), **options, cache_bytes=0)
    plain = pipeline.training_batches(Maps(400), ("label",), **options)
    expected = take(plain, 9)
    np.testing.assert_array_equal(take(found, 9), expected)
    np.testing.assert_array_equal(take(streamed, 9), expected)
    assert 50 in asked


def test_damaged_example_is_named_before_training():
    class Damaged(Maps):
        def read(self, index):
            if index == 7:
                raise UserError("7.png: damaged")
            return super().read(index)

    with pytest.raises(UserError, match="7.png: damaged"):
        pipeline.training_batches(Damaged(), ("image",), batch_size=2, seed=0)


# Shapes, types and ranges.


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_fields_come_in_the_order_asked_for(cache_bytes):
    dataset = pipeline.training_batches(
        Maps(), ("label", "image"), batch_size=4, seed=0, cache_bytes=cache_bytes
    )
    label_spec, image_spec = dataset.element_spec
    assert label_spec.dtype == tf.int32
    assert image_spec.dtype == tf.float32
    assert image_spec.shape == (4, HEIGHT, WIDTH, 3)
    assert label_spec.shape == (4,)
    (numbers, images) = take(dataset, 1)[0]
    assert numbers.shape == (4,)
    assert images.shape == (4, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(levels(images)[:, 0, 0, 2], numbers)


def test_one_field_is_no_tuple():
    dataset = pipeline.training_batches(Maps(), ("image",), batch_size=4, seed=0)
    assert dataset.element_spec.shape[1:] == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.uint8, [0, 51, 102, 255], [-1, -0.6, -0.2, 1]),
        (np.uint16, [0, 13107, 26214, 65535], [-1, -0.6, -0.2, 1]),
        (np.float32, [0, 0.25, 0.5, 1], [-1, -0.5, 0, 1]),
    ],
)
def test_images_are_brought_to_minus_one_and_one(dtype, values, expected):
    for given in (np.array(values, dtype), tf.constant(values, dtype)):
        found = pipeline.to_domain(given)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
        assert (float(found[0]), float(found[-1])) == (-1, 1)


def test_whole_range_stays_inside_and_rises():
    for dtype in (np.uint8, np.uint16):
        found = pipeline.to_domain(np.arange(np.iinfo(dtype).max + 1, dtype=dtype)).numpy()
        assert found.min() == -1
        assert found.max() == 1
        assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
@pytest.mark.parametrize("first", [np.uint8, np.uint16])
def test_images_of_8_and_of_16_bits_have_one_range(first, cache_bytes):
    def image(dtype, fraction):
        return np.full((2, 2, 1), np.iinfo(dtype).max // fraction, dtype)

    other = np.uint16 if first == np.uint8 else np.uint8
    source = Given([image(first, 1), image(other, 1), image(other, 5)])
    dataset = pipeline.training_batches(
        source, ("image",), batch_size=3, seed=0, cache_bytes=cache_bytes
    )
    found = np.sort(take(dataset, 1)[0][:, 0, 0, 0])
    np.testing.assert_allclose(found, [-0.6, 1, 1], rtol=0, atol=1e-6)
    (batch,) = next(pipeline.batches(source, ("image",), 3))
    np.testing.assert_allclose(batch[:, 0, 0, 0], [1, 1, -0.6], rtol=0, atol=1e-6)


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_two_replicas_share_the_batch_of_one(two_replicas, cache_bytes):
    def dataset():
        return pipeline.training_batches(
            Maps(),
            ("image", "label"),
            batch_size=4,
            seed=3,
            cache_bytes=cache_bytes,
            augmentation=Augmentation((5, 6), flip=True),
        )

    alone = take(dataset(), 3)
    shared = iter(two_replicas.experimental_distribute_dataset(dataset()))
    for images, numbers in alone:
        parts = next(shared)
        for field, expected in zip(parts, (images, numbers), strict=True):
            halves = two_replicas.experimental_local_results(field)
            assert [len(half) for half in halves] == [2, 2]
            np.testing.assert_array_equal(np.concatenate(halves), expected)


def test_workers_are_told_to_share_each_batch():
    # With OFF, two workers were given the same half of the batch; DATA gave them both halves.
    dataset = pipeline.training_batches(Maps(), ("image",), batch_size=4, seed=0)
    policy = dataset.options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA


# Augmentation.


def augmented(count=400, size=(5, 6), flip=True, seed=0, start_batch=0):
    dataset = pipeline.training_batches(
        Maps(20),
        ("input", "target", "label"),
        batch_size=count,
        seed=seed,
        start_batch=start_batch,
        augmentation=Augmentation(size, flip),
    )
    assert dataset.element_spec[0].shape == (count, *size, 3)
    return take(dataset, 1)[0]


def test_crops_are_windows_of_the_image():
    images, _, numbers = augmented(flip=False)
    assert images.shape == (400, 5, 6, 3)
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
    # Upside down is none, and mirroring does not depend on where the window lies.
    assert (np.diff(found[:, :, 0, 0], axis=1) == 1).all()
    assert abs(np.corrcoef(mirrored, found[:, 0, 0, 0])[0, 1]) < 5 / 400**0.5


def test_both_halves_of_a_pair_are_treated_alike():
    inputs, targets, _ = augmented()
    np.testing.assert_array_equal(levels(targets), 255 - levels(inputs))


def test_labels_are_left_alone():
    numbers = augmented()[2]
    plain = pipeline.training_batches(Maps(20), ("label",), batch_size=400, seed=0)
    np.testing.assert_array_equal(numbers, take(plain, 1)[0])


def test_mirroring_alone_keeps_the_whole_image():
    found = levels(augmented(size=(HEIGHT, WIDTH))[0])
    assert found.shape[1:3] == (HEIGHT, WIDTH)
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


# Reading without a shuffle.


def test_batches_keep_the_order_and_the_last_is_short():
    read = list(pipeline.batches(Maps(10), ("image", "label"), 4))
    assert [len(images) for images, _ in read] == [4, 4, 2]
    numbers = np.concatenate([numbers for _, numbers in read])
    np.testing.assert_array_equal(numbers, np.arange(10))
    images = np.concatenate([images for images, _ in read])
    assert images.dtype == np.float32
    np.testing.assert_array_equal(levels(images)[:, 0, 0, 2], np.arange(10))
    assert images[0, 0, 0].tolist() == [-1, -1, -1]


def test_batches_read_no_further_than_they_are_asked():
    source = Maps(10)
    next(pipeline.batches(source, ("image",), 3))
    assert set(source.read_indices) == {0, 1, 2}


def test_examples_are_the_first_by_key():
    found = pipeline.examples(Maps(10), ("input", "label"), 3)
    assert set(found) == {"input", "label"}
    assert found["label"].tolist() == [0, 1, 2]
    assert levels(found["input"])[:, 0, 0, 2].tolist() == [0, 1, 2]
    assert len(pipeline.examples(Maps(10), ("label",))["label"]) == 10
    assert len(pipeline.examples(Maps(10), ("label",), 99)["label"]) == 10


def test_shares_of_two_workers_with_two_replicas_each_cover_a_step_once():
    places = []
    for first in (0, 2):
        share = pipeline.Shard(replicas=4, first=first, local=2, batches_per_step=3)
        places.append([tuple(map(int, share.place(element))) for element in range(12)])
    # Elements come as a step takes them: 3 batches for one replica, then the same 3 for the next.
    assert places[0] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 0),
        (4, 0),
        (5, 0),
        (3, 1),
        (4, 1),
        (5, 1),
    ]
    assert places[1] == [(batch, replica + 2) for batch, replica in places[0]]


def test_shares_put_together_are_the_batches_of_one_process():
    def batches(share, count, first=0):
        dataset = pipeline.training_batches(
            Maps(7),
            ("input",),
            batch_size=4,
            seed=3,
            augmentation=Augmentation((3, 3), True),
            share=share,
            start_batch=first,
        )
        return [element.numpy() for element in dataset.take(count)]

    whole = batches(pipeline.WHOLE_BATCH, 4, first=2)
    assert whole[0].shape[0] == 4
    parts = [batches(pipeline.Shard(2, first, 1, 1), 4, first=2) for first in (0, 1)]
    for batch, *rows in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(np.concatenate(rows), batch)


def indices(images):
    """Reads off a batch of `Maps` which examples it holds; blue says so."""
    return np.rint((np.asarray(images)[:, 0, 0, 2] + 1) * 127.5).astype(int).tolist()


class TestJointBatches:
    """Of two domains, 6 and 9 examples."""

    def batches(self, count, start=0, share=pipeline.WHOLE_BATCH, augmentation=None):
        dataset = pipeline.joint_training_batches(
            [Maps(6), Maps(9)],
            ("image",),
            batch_size=4,
            seed=3,
            start_batch=start,
            share=share,
            augmentation=augmentation,
        )
        return [tuple(map(np.asarray, pair)) for pair in dataset.take(count)]

    def test_each_domain_is_passed_whole_in_an_order_of_its_own(self):
        first, second = (
            sum((indices(images) for images in side), [])
            for side in zip(*self.batches(9), strict=True)
        )
        # 36 images of each: six passes over 6, four over 9.
        assert [sorted(first[p : p + 6]) for p in range(0, 36, 6)] == [list(range(6))] * 6
        assert [sorted(second[p : p + 9]) for p in range(0, 36, 9)] == [list(range(9))] * 4

    def test_domains_of_the_same_size_do_not_go_in_step(self):
        dataset = pipeline.joint_training_batches(
            [Maps(9), Maps(9)], ("image",), batch_size=9, seed=3
        )
        for first, second in dataset.take(3):
            assert indices(first) != indices(second)

    def test_started_at_a_batch_gives_what_an_uninterrupted_run_gives(self):
        augmentation = Augmentation((5, 6), flip=True)
        whole = self.batches(5, augmentation=augmentation)
        for one, other in zip(
            whole[2:], self.batches(3, 2, augmentation=augmentation), strict=True
        ):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])

    def test_shares_of_two_processes_make_the_batch_of_one(self):
        whole = self.batches(3)
        shares = [self.batches(3, share=pipeline.Shard(2, process, 1)) for process in (0, 1)]
        for number, pair in enumerate(whole):
            for domain in (0, 1):
                parts = [share[number][domain] for share in shares]
                np.testing.assert_array_equal(np.concatenate(parts), pair[domain])

    def test_one_part_alone_is_as_training_batches_makes_it(self):
        how = {"batch_size": 4, "seed": 3}
        joint = pipeline.joint_training_batches([Maps(6)], ("input", "target"), **how)
        plain = pipeline.training_batches(Maps(6), ("input", "target"), **how)
        for one, other in zip(joint.take(3), plain.take(3), strict=True):
            for first, second in zip(one, other, strict=True):
                np.testing.assert_array_equal(first, second)


def test_refusal_comes_back_as_it_was_and_keeps_no_iterator():
    class Iterator:
        pass

    kept = []

    def step():
        iterator = Iterator()
        kept.append(weakref.ref(iterator))
        text = "UserError\n\n{0}: a.png: damaged\n\n{0}: b: x\n".format(
            "kgan.utils.errors.UserError"
        )
        raise tf.errors.UnknownError(None, None, f"{text}\n\t [[{{node PyFunc}}]]")

    with pytest.raises(UserError) as caught:
        pipeline.raise_user_errors(step)
    assert str(caught.value) == "b: x"
    assert kept[0]() is None


def test_other_errors_of_tensorflow_are_not_hidden():
    def step():
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    with pytest.raises(tf.errors.ResourceExhaustedError):
        pipeline.raise_user_errors(step)
    assert pipeline.raise_user_errors(lambda: 7) == 7

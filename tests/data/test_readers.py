"""Reading into memory or when used, with threads or without, and errors of the reading threads."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.readers import ReadErrors
from kgan.utils.errors import UserError
from tests.data.sources import HEIGHT, WIDTH, Maps, assert_equal, take


def training(source, *keys, batch_size=4, **how):
    return pipeline.training_batches(source, keys, batch_size=batch_size, seed=0, **how)


def test_cache_reads_each_example_once_and_before_training():
    source = Maps(40)
    batches = training(source, "image", cache_bytes=1e6)
    assert set(source.read_indices) == set(range(40))
    # In addition, the first is read for shape and dtype, and 48 to measure whether threads help.
    assert len(source.read_indices) <= 40 + 48 + 2
    source.read_indices.clear()
    take(batches, 30)
    assert source.read_indices == []


def test_part_that_does_not_fit_is_read_when_it_is_used():
    source, size = Maps(1000), 1000 * HEIGHT * WIDTH * 3
    assert pipeline.decoded_bytes(source, ("image",)) == size
    training(source, "image", cache_bytes=size)
    assert len(source.read_indices) >= 1000
    source.read_indices.clear()
    batches = training(source, "image", cache_bytes=size - 1)
    assert len(source.read_indices) < 60
    take(batches, 2)
    assert len(source.read_indices) < 200


@pytest.mark.parametrize("cache_bytes", [1e9, 0])
def test_threads_read_where_reading_waits_and_only_there(cache_bytes):
    found = []
    for pause, helped in ((0.005, True), (0.0, False)):
        source = Maps(100, pause=pause)
        batches = training(source, "image", batch_size=50, cache_bytes=cache_bytes)
        found.append(take(batches, 2))
        assert (max(source.at_once[-40:]) > 1) == helped
    assert_equal(*found)


def test_several_examples_are_read_at_once_where_the_source_can():
    class Many(Maps):
        def read_many(self, indices):
            asked.append(len(indices))
            return super().read_many(indices)

    asked = []
    cached = training(Many(400), "label", batch_size=50)
    assert max(asked) >= 100
    asked.clear()
    streamed = training(Many(400), "label", batch_size=50, cache_bytes=0)
    expected = take(training(Maps(400), "label", batch_size=50), 9)
    assert_equal(take(cached, 9), expected)
    assert_equal(take(streamed, 9), expected)
    assert 50 in asked


# Errors.


@dataclasses.dataclass
class Damaged(Maps):
    """One example cannot be read once `bad` is set."""

    bad: int | None = None

    def read(self, index):
        if index == self.bad:
            try:
                raise UserError(f"{index}.png: damaged")
            except UserError as error:
                raise UserError(f"--bad_limit=0: the last one: {error}") from error
        return super().read(index)


MESSAGE = "--bad_limit=0: the last one: 7.png: damaged"


def test_unreadable_example_of_a_cached_part_is_reported_before_training():
    with pytest.raises(UserError, match=f"^{MESSAGE}$"):
        training(Damaged(bad=7), "image", errors=ReadErrors())


def streamed(pause, errors):
    source = Damaged(pause=pause)
    batches = training(source, "image", cache_bytes=0, errors=errors)
    source.bad = 7
    return batches


@pytest.mark.parametrize("pause", [0, 0.005], ids=["one thread", "several threads"])
def test_error_of_a_reading_thread_comes_back_and_no_iterator_stays(pause):
    errors, kept = ReadErrors(), []

    def train():
        cycle, iterator = [], iter(streamed(pause, errors))
        kept.append(weakref.ref(iterator))
        try:
            for _ in range(3):  # each pass has the bad example
                next(iterator)
        except tf.errors.OpError as error:
            cycle.append(error)  # the frame and the error keep each other, and the iterator
            raise

    gc.disable()  # so that only a collection on purpose can free the iterator
    try:
        with pytest.raises(UserError) as caught:
            errors.run(train)
        assert kept[0]() is None
    finally:
        gc.enable()
    assert str(caught.value) == MESSAGE


def test_error_comes_back_from_one_of_two_replicas_and_out_of_a_compiled_step(two_replicas):
    errors = ReadErrors()

    @tf.function
    def step(iterator):
        return two_replicas.run(tf.reduce_mean, (next(iterator),))

    def train():
        iterator = iter(two_replicas.experimental_distribute_dataset(streamed(0, errors)))
        for _ in range(3):
            step(iterator)

    with pytest.raises(UserError, match=f"^{MESSAGE}$"):
        errors.run(train)


def test_error_comes_back_from_one_of_two_joint_parts_through_keras():
    import keras

    errors, source = ReadErrors(), Damaged()
    how = {"batch_size": 4, "seed": 0, "cache_bytes": 0, "errors": errors}
    batches = pipeline.joint_training_batches([Maps(), source], ("image",), **how)
    source.bad = 7
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    pairs = batches.map(lambda a, b: (a, tf.reduce_mean(b, (1, 2, 3))))
    with pytest.raises(UserError, match=f"^{MESSAGE}$"):
        errors.run(lambda: model.fit(pairs, steps_per_epoch=9, verbose=0))


@pytest.mark.parametrize(
    ("failed", "error"),
    [
        (False, tf.errors.UnknownError(None, None, "kgan.utils.errors.UserError: a: b")),
        (True, tf.errors.ResourceExhaustedError(None, None, "out of memory")),
        (True, ValueError("shapes")),
    ],
    ids=["no image failed", "an image that was read ahead failed", "not TensorFlow's"],
)
def test_other_errors_are_not_replaced(failed, error):
    def fail(raised):
        raise raised

    errors = ReadErrors()
    if failed:
        with pytest.raises(UserError):
            errors.watch(fail)(UserError("a.png: damaged"))
    with pytest.raises(type(error)) as caught:
        errors.run(lambda: fail(error))
    assert caught.value is error


def test_result_of_training_is_returned():
    assert ReadErrors().run(lambda: np.int32(7)) == 7

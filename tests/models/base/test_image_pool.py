"""The pool, held against one that is played with a Python list."""

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.models.base.image_pool import ImagePool

SHAPE = (2, 2, 1)


def numbered(numbers):
    """Images that hold their number in every pixel, so that they can be told apart."""
    return tf.constant(
        np.broadcast_to(np.reshape(numbers, (-1, 1, 1, 1)), (len(numbers), *SHAPE)), tf.float32
    )


def numbers_in(images):
    images = np.asarray(images)
    assert (images == images[:, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def played_by_hand(stored, size, new, seed):
    """Exchanges one image after the other with a list, as the paper's implementation does."""
    swaps = np.asarray(tf.random.stateless_uniform([len(new)], randomness.fold(seed, 0))) < 0.5
    places = tf.random.stateless_uniform(
        [len(new)], randomness.fold(seed, 1), maxval=size, dtype=tf.int32
    )
    given = []
    for image, swap, place in zip(new, swaps, np.asarray(places), strict=True):
        if len(stored) < size:
            stored.append(image)
            given.append(image)
        elif swap:
            given.append(stored[place])
            stored[place] = image
        else:
            given.append(image)
    return given


def test_pool_plays_as_a_list_does_image_by_image():
    for batch in (1, 3, 8):
        pool, stored, older = ImagePool(5, SHAPE), [], 0
        for step in range(30):
            seed = randomness.fold(7, step)
            new = [float(100 * step + place) for place in range(batch)]
            given = numbers_in(pool.exchange(numbered(new), seed))
            assert given == played_by_hand(stored, 5, new, seed)
            assert numbers_in(pool.images)[: len(stored)] == stored
            assert int(pool.count) == len(stored)
            older += sum(number < 100 * step for number in given)
        # Half, less what the first steps fill and what comes from earlier in the same batch.
        assert 0.15 < older / (30 * batch) < 0.75


def test_half_of_the_images_are_swapped_and_all_places_are_used():
    pool = ImagePool(10, SHAPE)
    pool.exchange(numbered(range(10)), randomness.fold(0, 0))
    given = []
    for step in range(1, 41):
        new = numbered(1000.0 + 10 * step + np.arange(10))
        given += numbers_in(pool.exchange(new, randomness.fold(0, step)))
    own = sum(number == 1010 + place for place, number in enumerate(given))
    # Binomial of 400 and ½: 200 ± 10.
    assert 150 < own < 250
    assert set(range(10)) <= set(given)
    assert min(numbers_in(pool.images)) > 1000


def test_while_it_fills_every_image_is_given_back():
    pool = ImagePool(6, SHAPE)
    for start in (0, 3):
        new = [float(start + place) for place in range(3)]
        assert numbers_in(pool.exchange(numbered(new), randomness.fold(0, start))) == new
    assert numbers_in(pool.images) == [0, 1, 2, 3, 4, 5]


def test_pool_of_none_gives_back_what_comes_and_keeps_nothing():
    pool = ImagePool(0, SHAPE)
    assert pool.kept == []
    for step in range(5):
        assert numbers_in(pool.exchange(numbered([step]), randomness.fold(0, step))) == [step]


def test_two_replicas_hold_one_pool_and_give_what_one_replica_gives(two_replicas):
    alone = ImagePool(3, SHAPE)
    with two_replicas.scope():
        split = ImagePool(3, SHAPE)

    @tf.function
    def together(new, seed):
        def on_replica(context_rows, seed):
            return split.exchange(context_rows, seed)

        return two_replicas.run(on_replica, args=(new, seed))

    for step in range(6):
        seed = randomness.fold(3, step)
        new = numbered([float(10 * step + place) for place in range(4)])
        halves = two_replicas.experimental_distribute_values_from_function(
            lambda context, new=new: new[2 * context.replica_id_in_sync_group :][:2]
        )
        given = two_replicas.experimental_local_results(together(halves, seed))
        wanted = numbers_in(alone.exchange(new, seed))
        assert numbers_in(tf.concat(given, 0)) == wanted
        for copy in two_replicas.experimental_local_results(split.images.value):
            np.testing.assert_array_equal(copy, alone.images)
        for copy in two_replicas.experimental_local_results(split.count.value):
            assert int(copy) == 3


def test_no_gradient_goes_through_the_pool():
    pool = ImagePool(2, SHAPE)
    new = tf.Variable(numbered([1.0]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(pool.exchange(new, randomness.fold(0, 0)))
    assert tape.gradient(total, new) is None

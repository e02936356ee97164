"""Tests of the stateless draws: functions of (seed, position) and of nothing else."""

import numpy as np
import tensorflow as tf

from kgan import randomness


def normal_rows(seed, size=3):
    return lambda count: tf.random.stateless_normal([count, size], seed)


def on_replicas(strategy, draw, local_batch):
    """Runs `replica_rows` on each replica and lays the rows end to end."""

    @tf.function
    def run():
        return strategy.run(lambda: randomness.replica_rows(draw, local_batch))

    return np.concatenate(strategy.experimental_local_results(run()))


def test_fold_gives_the_same_seed_for_the_same_numbers():
    first, second = randomness.fold(7, 3, 1), randomness.fold(7, 3, 1)
    assert first.dtype == tf.int32
    assert first.shape == (2,)
    np.testing.assert_array_equal(first, second)


def test_fold_tells_seeds_numbers_and_their_order_apart():
    folded = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 1, 2), (0, 2, 1), (0, 0, 0)]
    seeds = {tuple(randomness.fold(*numbers).numpy()) for numbers in folded}
    assert len(seeds) == len(folded)


def test_folding_at_once_is_folding_one_after_another():
    np.testing.assert_array_equal(
        randomness.fold(5, 8, 9), randomness.fold(randomness.fold(5, 8), 9)
    )


def test_fold_takes_tensors_of_either_integer_type():
    expected = randomness.fold(5, 8)
    for dtype in (tf.int32, tf.int64):
        np.testing.assert_array_equal(randomness.fold(5, tf.constant(8, dtype)), expected)


def test_one_replica_draws_its_whole_batch():
    draw = normal_rows(randomness.fold(1))
    np.testing.assert_array_equal(randomness.replica_rows(draw, 4), draw(4))


def test_two_replicas_draw_together_what_one_draws_alone(two_replicas):
    draw = normal_rows(randomness.fold(1))
    drawn = on_replicas(two_replicas, draw, 3)
    assert drawn.shape == (6, 3)
    np.testing.assert_array_equal(drawn, draw(6))
    assert len({tuple(row) for row in drawn}) == 6


def test_example_seeds_number_the_places_of_the_global_batch(two_replicas):
    alone = randomness.example_seeds(3, 11, 4).numpy()
    assert alone.shape == (4, 2)
    assert alone.dtype == np.int32
    np.testing.assert_array_equal(alone[:, 1], [0, 1, 2, 3])
    assert len(set(alone[:, 0])) == 1

    @tf.function
    def run():
        return two_replicas.run(lambda: randomness.example_seeds(3, 11, 2))

    together = np.concatenate(two_replicas.experimental_local_results(run()))
    np.testing.assert_array_equal(together, alone)


def test_example_seeds_change_with_step_and_seed():
    seeds = [
        randomness.example_seeds(*which, 2).numpy()[0, 0] for which in ((3, 1), (3, 2), (4, 1))
    ]
    assert len(set(seeds)) == 3


def test_numbers_become_seeds_one_a_number():
    seeds = randomness.seeds_from_numbers([5, 0, 5])
    assert seeds.dtype == tf.int32
    np.testing.assert_array_equal(seeds, [[5, 0], [0, 0], [5, 0]])


def test_a_row_depends_on_its_own_seed_and_not_on_its_neighbours():
    def draw(seed):
        return tf.random.stateless_normal([4], seed)

    def rows(*numbers):
        return randomness.rows_from_seeds(draw, randomness.seeds_from_numbers(numbers)).numpy()

    batch = rows(5, 6, 7)
    np.testing.assert_array_equal(batch[1], draw([6, 0]))
    np.testing.assert_array_equal(rows(7, 5), batch[[2, 0]])
    np.testing.assert_array_equal(rows(6), batch[[1]])
    assert len({tuple(row) for row in batch}) == 3


def test_rows_come_out_of_a_graph_of_unknown_batch_too():
    draw = normal_rows([0, 0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)])
    def rows(seeds):
        return randomness.rows_from_seeds(lambda s: tf.random.stateless_normal([3], s), seeds)

    seeds = randomness.seeds_from_numbers([0, 1])
    np.testing.assert_array_equal(rows(seeds)[0], draw(1)[0])
    assert rows(seeds[:0]).shape == (0, 3)

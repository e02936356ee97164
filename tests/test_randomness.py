"""Stateless random numbers: functions of seed and position alone."""

import ast
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import randomness


def normal_rows(seed, size=3):
    return lambda count: tf.random.stateless_normal([count, size], seed)


def on_replicas(strategy, sample, local_batch):
    """Runs `replica_rows` on each replica and concatenates the rows."""

    @tf.function
    def run():
        return strategy.run(lambda: randomness.replica_rows(sample, local_batch))

    return np.concatenate(strategy.experimental_local_results(run()))


def test_fold_depends_on_seed_numbers_and_their_order():
    folded = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 1, 2), (0, 2, 1), (0, 0, 0)]
    # Each twice: equal arguments give equal seeds.
    seeds = {tuple(randomness.fold(*numbers).numpy()) for numbers in folded * 2}
    assert len(seeds) == len(folded)


def test_fold_takes_numbers_at_once_or_one_by_one_and_tensors():
    expected = randomness.fold(5, 8, 9)
    assert (expected.dtype, expected.shape) == (tf.int32, (2,))
    np.testing.assert_array_equal(randomness.fold(randomness.fold(5, 8), 9), expected)
    for dtype in (tf.int32, tf.int64):
        np.testing.assert_array_equal(randomness.fold(5, 8, tf.constant(9, dtype)), expected)


def test_one_replica_samples_its_whole_batch():
    sample = normal_rows(randomness.fold(1))
    np.testing.assert_array_equal(randomness.replica_rows(sample, 4), sample(4))


def test_two_replicas_sample_together_what_one_samples_alone(two_replicas):
    sample = normal_rows(randomness.fold(1))
    rows_of_both = on_replicas(two_replicas, sample, 3)
    assert rows_of_both.shape == (6, 3)
    np.testing.assert_array_equal(rows_of_both, sample(6))
    assert len({tuple(row) for row in rows_of_both}) == 6


def test_example_seeds_number_the_positions_of_the_global_batch(two_replicas):
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


def test_each_number_becomes_a_seed():
    seeds = randomness.seeds_from_numbers([5, 0, 5])
    assert seeds.dtype == tf.int32
    np.testing.assert_array_equal(seeds, [[5, 0], [0, 0], [5, 0]])


def test_a_row_depends_on_its_own_seed_and_not_on_its_neighbours():
    def sample(seed):
        return tf.random.stateless_normal([4], seed)

    def rows(*numbers):
        return randomness.rows_from_seeds(sample, randomness.seeds_from_numbers(numbers)).numpy()

    batch = rows(5, 6, 7)
    np.testing.assert_array_equal(batch[1], sample([6, 0]))
    np.testing.assert_array_equal(rows(7, 5), batch[[2, 0]])
    np.testing.assert_array_equal(rows(6), batch[[1]])
    assert len({tuple(row) for row in batch}) == 3


def test_rows_come_out_of_a_graph_of_unknown_batch_too():
    sample = normal_rows([0, 0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int32)])
    def rows(seeds):
        return randomness.rows_from_seeds(lambda s: tf.random.stateless_normal([3], s), seeds)

    seeds = randomness.seeds_from_numbers([0, 1])
    np.testing.assert_array_equal(rows(seeds)[0], sample(1)[0])
    assert rows(seeds[:0]).shape == (0, 3)


def test_first_attempt_has_the_seed_of_the_run_and_each_other_attempt_one_of_its_own():
    seeds = [randomness.attempt_seed(5, attempt) for attempt in range(4)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


SAMPLERS = {
    "uniform": lambda: randomness.uniform([1001], randomness.fold(3)),
    "uniform in an interval": lambda: randomness.uniform([37], randomness.fold(3), -1.0, 1.0),
    "normal": lambda: randomness.normal([1001], randomness.fold(3), xla=True),
    "normal of an odd shape": lambda: randomness.normal([3, 5], randomness.fold(3), xla=True),
    "integers": lambda: randomness.integers([1001], randomness.fold(3), 10),
    "fold": lambda: randomness.fold(5, 8, 9),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_numbers_are_the_same_with_and_without_xla(name):
    found = [tf.function(SAMPLERS[name], jit_compile=xla)() for xla in (False, True)]
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(found[0], SAMPLERS[name]())


def test_numbers_are_those_of_earlier_versions():
    # TensorFlow's kernels, whose numbers runs were trained with, so that they resume.
    seed = randomness.fold(3)
    kernel = tf.random.stateless_uniform([100_000], seed)
    np.testing.assert_array_equal(randomness.uniform([100_000], seed), kernel)
    kernel = tf.random.stateless_uniform([100_000], seed, -1.0, 1.0)
    np.testing.assert_array_equal(randomness.uniform([100_000], seed, -1.0, 1.0), kernel)
    kernel = tf.random.stateless_normal([100_001], seed)
    np.testing.assert_array_equal(randomness.normal([100_001], seed), kernel)
    np.testing.assert_allclose(randomness.normal([100_001], seed, xla=True), kernel, atol=1e-6)


def test_everything_random_in_graphs_comes_from_randomness_and_names_its_algorithm():
    # TensorFlow's own samplers give other numbers under XLA.
    package = pathlib.Path(kgan.__file__).parent
    sampling = re.compile("stateless_|^random_|Dropout$|GaussianNoise$|SeedGenerator$")
    # Never called in training, and without effect outside of it.
    found, allowed = [], {"digit_network.py": {"Dropout"}, "band_rules.py": {"Dropout"}}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not sampling.search(node.attr):
                continue
            library = ast.unparse(node).split(".")[0] in ("tf", "keras", "layers")
            if library and node.attr not in allowed.get(path.name, ()):
                found.append(f"{path.relative_to(package)}:{node.lineno} {ast.unparse(node)}")
    assert not [place for place in found if not place.startswith("randomness.py")]
    tree = ast.parse((package / "randomness.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    sampling = [node for node in calls if "stateless_" in ast.unparse(node.func)]
    assert len(sampling) >= 3
    for node in sampling:
        assert any(k.arg == "alg" for k in node.keywords), ast.unparse(node)

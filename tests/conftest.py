"""What all tests share: two logical CPUs, fixed seeds, and one strategy over two replicas."""

import gc
import os

# Before TensorFlow is imported, which reads them once. The bits of tests/frozen are those of two
# threads.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
import tensorflow as tf

pytest.register_assert_rewrite("tests.models.contracts")

# Logical devices can be set only until a device is used, so it is done while tests are collected.
_part = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [_part, _part]
)


def pytest_collection_finish():
    """Keeps what is imported out of garbage collections, which took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True, scope="session")
def own_folders(tmp_path_factory):
    """What is kept of real images, and of runs that tests share, goes with the tests."""
    os.environ["KGAN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    os.environ["KGAN_TESTS_SHARED"] = str(shared)


@pytest.fixture(autouse=True)
def fixed_seed_and_precision():
    """Starts each test from the same seed, and takes back the precision that it set."""
    keras.utils.set_random_seed(0)
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.MirroredStrategy:
    """Two replicas on the two logical CPUs.

    One for the whole session: collectives are numbered anew by each strategy, and those of a
    second strategy in one process meet those of the first ("shape mismatch in the collective").
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture
def reloaded(tmp_path):
    """Gives a function that shakes a network's weights, saves it as .keras and loads it."""

    def save_and_load(network: keras.Model) -> keras.Model:
        rng = np.random.default_rng(0)
        network.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in network.get_weights()])
        network.save(tmp_path / "network.keras")
        return keras.models.load_model(tmp_path / "network.keras")

    return save_and_load

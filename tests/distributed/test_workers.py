import pytest
import tensorflow as tf

from kgan.distributed.workers import LostWorkerError, Workers, join
from kgan.utils.errors import UserError


@pytest.fixture
def alone():
    return Workers(tf.distribute.get_strategy())


def test_single_process_is_the_chief_and_receives_its_own_values(alone):
    assert alone.is_chief and alone.replicas == 1
    assert alone.gather(7) == [7]
    assert alone.from_chief({"a": [1, None]}) == {"a": [1, None]}


def test_sum_over_processes_counts_each_of_them_once(two_replicas):
    # One process with two replicas: both have its vector, only the first one counts.
    assert Workers(two_replicas).sum([3, 5]).numpy().tolist() == [3, 5]


@pytest.mark.parametrize(
    "error", [tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError]
)
def test_lost_worker_is_reported_with_tensorflows_last_line(error):
    workers = Workers(tf.distribute.get_strategy(), index=1, count=2)
    lost = pytest.raises(LostWorkerError, match="^Connection reset by peer$")
    with lost, workers.watched():
        raise error(None, None, "Graph execution error:\n\nConnection reset by peer\n")


def test_same_error_of_a_single_process_is_not_converted(alone):
    with pytest.raises(tf.errors.AbortedError), alone.watched():
        raise tf.errors.AbortedError(None, None, "x")


@pytest.mark.parametrize(
    ("logical_devices", "line"),
    [
        (1, "--strategy=multi_worker: needs TF_CONFIG or"),
        (2, "--logical_devices: needs --strategy=mirrored"),
    ],
)
def test_wrong_use_of_multi_worker_is_refused(logical_devices, line, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    with pytest.raises(UserError, match=line):
        join("multi_worker", logical_devices)

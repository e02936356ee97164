"""What the processes of a run tell each other, and what is refused."""

import pytest
import tensorflow as tf

from kgan.distributed import workers
from kgan.utils.errors import UserError


@pytest.fixture
def alone():
    return workers.Workers(tf.distribute.get_strategy())


def test_a_process_alone_is_the_chief_and_hears_itself(alone):
    assert alone.is_chief and alone.replicas == 1
    assert alone.gather(7) == [7]
    assert alone.from_chief({"a": [1, None]}) == {"a": [1, None]}


def test_sums_over_processes_count_each_of_them_once(two_replicas):
    # One process with two replicas: both hold its vector, the first one speaks.
    team = workers.Workers(two_replicas)
    assert team._sum([3, 5]).numpy().tolist() == [3, 5]


@pytest.mark.parametrize(
    "kind", [tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError]
)
def test_lost_worker_is_told_from_tensorflows_last_line(kind):
    team = workers.Workers(tf.distribute.get_strategy(), index=1, count=2)
    lost = pytest.raises(workers.LostWorkerError, match="^Connection reset by peer$")
    with lost, team.watched():
        raise kind(None, None, "Graph execution error:\n\nConnection reset by peer\n")


def test_such_an_error_of_a_process_alone_stays_what_it_is(alone):
    with pytest.raises(tf.errors.AbortedError), alone.watched():
        raise tf.errors.AbortedError(None, None, "x")


def test_workers_without_an_environment_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_PROCID", raising=False)
    with pytest.raises(UserError, match="--strategy=multi_worker: neither TF_CONFIG nor"):
        workers.join("multi_worker")


def test_logical_devices_of_workers_are_refused():
    with pytest.raises(UserError, match="--logical_devices: goes with --strategy=mirrored"):
        workers.join("multi_worker", 2)

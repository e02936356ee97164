import signal
import sys

import pytest

from kgan.utils import processes
from kgan.utils.processes import ProcessGroup, shared_environment

# Ignores SIGTERM, and reports when it does.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("gpus", "count", "given", "divided"),
    [
        ("4,5,6", 2, ["4,6", "5"], True),
        ("-1", 2, ["-1", "-1"], True),
        ("4,5,6", 1, ["4,5,6"], False),
    ],
    ids=["enough GPUs", "too few GPUs", "one process"],
)
def test_processes_share_cores_and_gpus(gpus, count, given, divided, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    found = [shared_environment(index, count) for index in range(count)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == given
    assert {one.get("TF_NUM_INTRAOP_THREADS") for one in found} == {"3" if divided else None}


def test_number_of_threads_that_is_set_is_kept(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert shared_environment(0, 2)["TF_NUM_INTRAOP_THREADS"] == "5"


def test_process_that_ignores_signals_is_killed_after_the_grace_period():
    group = ProcessGroup()
    command = [sys.executable, "-S", "-c", STUBBORN]
    stubborn = group.start(command, stdout=processes.subprocess.PIPE)
    polite = group.start(["sleep", "60"])
    stubborn.stdout.readline()
    group.send(signal.SIGTERM)
    group.end(grace=0.2)
    assert (stubborn.returncode, polite.returncode) == (-signal.SIGKILL, -signal.SIGTERM)
    stubborn.stdout.close()


def test_process_started_after_a_signal_gets_it_too():
    group = ProcessGroup()
    with group.passing_signals():
        signal.raise_signal(signal.SIGTERM)
        assert group.start(["sleep", "60"]).wait() == -signal.SIGTERM
    assert group.received == signal.SIGTERM

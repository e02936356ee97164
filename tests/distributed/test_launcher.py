"""Tests of the launcher with workers that are small scripts; tests/faults launches trainings."""

import json
import signal
import sys
import threading
import time

import pytest

from kgan.distributed.launcher import Launcher

# A worker that does what its own line of a plan says: an exit status, minus a signal that kills
# it, or `sleep 3`: wait, and end with 3 on SIGTERM. It records its starts, a file for each.
WORKER = """
import json, os, pathlib, signal, sys, time
folder, plan = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
starts = len(list(folder.glob(f"{index}-*")))
does = plan[index][min(starts, len(plan[index]) - 1)]
if not isinstance(does, int):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(does.partition(" ")[2])))
(folder / f"{index}-{starts}").write_text(json.dumps(
    {"config": config, "bar": os.environ.get("TQDM_DISABLE")}))
if isinstance(does, int):
    # The other one must have started by then.
    while len(list(folder.glob(f"?-{starts}"))) < len(plan):
        time.sleep(0.01)
    os.kill(os.getpid(), -does) if does < 0 else sys.exit(does)
time.sleep(60)
"""


def launcher(folder, plan, *, grace=20, max_restarts=3):
    arguments, command = [str(folder), json.dumps(plan)], (sys.executable, "-S", "-c", WORKER)
    return Launcher(len(plan), max_restarts, grace, arguments, command)


def starts(folder):
    """The number of starts of each of two workers."""
    return [len(list(folder.glob(f"{index}-*"))) for index in (0, 1)]


@pytest.mark.parametrize(
    ("plan", "max_restarts", "status", "started"),
    [
        ([[0], [0]], 3, 0, 1),
        ([[1], [1]], 3, 1, 1),
        ([[75], [2]], 3, 2, 1),
        ([[75, 0], [-9, 0]], 3, 0, 2),
        ([[75], [75]], 2, 75, 3),
        ([["sleep", 0], [-9, 0]], 3, 0, 2),
    ],
    ids=[
        "complete",
        "not finite",
        "an error of the user explains that the other lost a worker",
        "killed worker",
        "too many restarts",
        "other worker hangs",
    ],
)
def test_how_the_workers_end_decides_on_restarts_and_on_the_exit_status(
    plan, max_restarts, status, started, tmp_path, capsys
):
    grace = 0.3 if "sleep" in plan[0] else 20
    assert launcher(tmp_path, plan, max_restarts=max_restarts, grace=grace).run() == status
    assert starts(tmp_path) == [started, started]
    again = f"start 2 of at most {max_restarts + 1}, from the last checkpoint"
    assert (again in capsys.readouterr().err) == (started > 1)


def test_signal_is_passed_to_the_workers_and_their_status_returned(tmp_path):
    def send():
        while sum(starts(tmp_path)) < 2:
            time.sleep(0.01)
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=send).start()
    assert launcher(tmp_path, [["sleep 143"], ["sleep 143"]]).run() == 143
    assert starts(tmp_path) == [1, 1]
    assert signal.getsignal(signal.SIGTERM) is before


def test_each_worker_gets_its_place_in_the_cluster_and_one_shows_a_bar(tmp_path, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert launcher(tmp_path, [[0], [0]]).run() == 0
    first, second = (json.loads((tmp_path / f"{index}-0").read_text()) for index in (0, 1))
    workers = first["config"]["cluster"]["worker"]
    assert workers == second["config"]["cluster"]["worker"] and len(set(workers)) == 2
    assert all(address.startswith("127.0.0.1:") for address in workers)
    assert [n["config"]["task"]["index"] for n in (first, second)] == [0, 1]
    assert (first["bar"], second["bar"]) == (None, "1")

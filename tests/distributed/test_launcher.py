"""The launcher: which ends are final, what starts all workers again, who is told of a signal.

The workers are small scripts here; tests/faults/ launches trainings.
"""

import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import types

import pytest

from kgan import launch
from kgan.distributed.launcher import Launcher
from kgan.utils.errors import UserError

# A worker that does what its own line of a plan says: `status` ends with it, `sleep` waits and
# `sleep 3` ends with 3 when it is asked to end. It notes its starts, a file for each.
WORKER = """
import json, os, pathlib, signal, sys, time
folder, plan = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
starts = len(list(folder.glob(f"{index}-*")))
(folder / f"{index}-{starts}").write_text(json.dumps({
    "config": json.loads(os.environ["TF_CONFIG"]), "bar": os.environ.get("TQDM_DISABLE"),
    "threads": os.environ["TF_NUM_INTRAOP_THREADS"],
    "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}))
does = plan[index][min(starts, len(plan[index]) - 1)]
if isinstance(does, int):
    # The other one is to be there by then.
    while len(list(folder.glob(f"?-{starts}"))) < len(plan):
        time.sleep(0.01)
    os.kill(os.getpid(), -does) if does < 0 else sys.exit(does)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(does.partition(" ")[2])))
time.sleep(60)
"""


def launcher(folder, plan, *, grace=20, max_restarts=3):
    settings = types.SimpleNamespace(workers=len(plan), max_restarts=max_restarts, grace=grace)
    folder.mkdir(exist_ok=True)
    command = (sys.executable, "-c", WORKER)
    return Launcher(settings, [str(folder), json.dumps(plan)], command)


def starts(folder, index=0):
    return len(list(folder.glob(f"{index}-*")))


def noted(folder, index, start=0):
    return json.loads((folder / f"{index}-{start}").read_text())


@pytest.mark.parametrize("status", [0, 1, 2])
def test_final_status_of_all_is_the_launchers_and_nothing_starts_again(tmp_path, status):
    assert launcher(tmp_path, [[status], [status]]).run() == status
    assert starts(tmp_path) == 1


def test_all_start_again_when_one_was_killed(tmp_path, capsys):
    # In the first start worker 1 is killed, and 0 finds that it is gone.
    assert launcher(tmp_path, [[75, 0], [-9, 0]]).run() == 0
    assert starts(tmp_path, 0) == starts(tmp_path, 1) == 2
    said = capsys.readouterr().err
    assert "start 2 of at most 4, from the last checkpoint" in said


def test_user_error_of_one_says_more_than_that_the_other_lost_it(tmp_path):
    assert launcher(tmp_path, [[75], [2]]).run() == 2
    assert starts(tmp_path) == 1


def test_restarts_have_an_end(tmp_path):
    assert launcher(tmp_path, [[75], [75]], max_restarts=2).run() == 75
    assert starts(tmp_path) == 3


def test_worker_that_hangs_when_the_other_died_is_ended_after_the_grace(tmp_path):
    begun = time.monotonic()
    assert launcher(tmp_path, [["sleep", 0], [-9, 0]], grace=1).run() == 0
    assert 1 < time.monotonic() - begun < 30
    assert starts(tmp_path) == 2


def test_signal_goes_to_the_workers_and_their_status_comes_back(tmp_path):
    folder = tmp_path / "noted"
    group = launcher(folder, [["sleep 143"], ["sleep 143"]])

    def ask():
        while starts(folder, 0) + starts(folder, 1) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=ask).start()
    assert group.run() == 143
    assert starts(folder) == 1
    assert signal.getsignal(signal.SIGTERM) is before


def test_each_worker_is_told_who_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert launcher(tmp_path, [[0], [0]]).run() == 0
    first, second = noted(tmp_path, 0), noted(tmp_path, 1)
    workers = first["config"]["cluster"]["worker"]
    assert workers == second["config"]["cluster"]["worker"] and len(set(workers)) == 2
    assert all(address.startswith("127.0.0.1:") for address in workers)
    assert [n["config"]["task"]["index"] for n in (first, second)] == [0, 1]
    assert (first["gpus"], second["gpus"]) == ("4,6", "5")
    assert (first["bar"], second["bar"]) == (None, "1")
    assert first["threads"] == second["threads"] == "3"


def test_gpus_that_are_too_few_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert launcher(tmp_path, [[0], [0]]).run() == 0
    assert noted(tmp_path, 1)["gpus"] == "-1"


class Recorded(Launcher):
    """Runs nothing."""

    def run(self):
        self.recorded.append((self.settings, self.command))
        return 0


def arguments_of(monkeypatch, *given):
    Recorded.recorded = []
    monkeypatch.setattr(launch, "Launcher", Recorded)
    assert launch.main(list(given)) == 0
    ((settings, command),) = Recorded.recorded
    return settings, command[3:]


def test_flags_of_the_launcher_stay_and_the_others_go_to_the_workers(monkeypatch):
    settings, rest = arguments_of(monkeypatch, "--model=dcgan", "--workers=3", "--steps", "5")
    assert settings.workers == 3
    assert rest[1:] == ["--model=dcgan", "--steps", "5", "--strategy=multi_worker"]


def test_new_run_has_a_job_name_of_its_own(monkeypatch):
    names = {arguments_of(monkeypatch, "--model=dcgan")[1][0] for _ in range(2)}
    assert len(names) == 2 and all(name.startswith("--job=launch-") for name in names)


@pytest.mark.parametrize("word", ["--job=mine", "--resume=runs/1", "-job"])
def test_named_job_or_run_is_left_alone(monkeypatch, word):
    assert arguments_of(monkeypatch, word)[1] == [word, "--strategy=multi_worker"]


def test_wrong_number_of_workers_is_one_line():
    with pytest.raises(UserError, match="--workers=0: "):
        launch.main(["--workers=0"])


def test_help_is_quick_and_names_the_flags():
    root = pathlib.Path(launch.__file__).parents[1]
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kgan.launch", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert "--max_restarts" in said.stdout
    assert "tensorflow" not in said.stderr

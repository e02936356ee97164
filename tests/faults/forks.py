"""Trainings in child processes that are forked from a process that has imported TensorFlow.

Importing TensorFlow takes longer than training a small network. So one process imports it, uses no
device, and forks a child for each training. Until the first device is used TensorFlow has no state
and no threads, so that a child behaves as a new process; `test_kills.py` compares the two.
"""

import dataclasses
import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
LONGEST = 300.0  # seconds after which a training is considered hung
POLL = 0.002  # seconds between two checks of a training
OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir")  # Python's audit events on files


@dataclasses.dataclass(frozen=True)
class Moment:
    """The moment at which a training receives a signal.

    Args:
        kind: `file` (before its n-th operation on a file of a run), `clock` (so long after its
            start) or `training` (so long after the first line of its curve).
        when: operations or seconds.
        number: of the signal.
    """

    kind: str
    when: float
    number: int = signal.SIGKILL


@dataclasses.dataclass(frozen=True)
class Ended:
    """The end of a training.

    Args:
        status: exit status; minus the number of the signal that killed it.
        seconds: how long it took.
        first_line: seconds until metrics.jsonl had a line, or None.
        operations: on files of runs; 0 if it was killed.
        output: what it printed, both streams.
    """

    status: int
    seconds: float
    first_line: float | None
    operations: int
    output: str


class Trainer:
    """Runs trainings one after another, each in a child of one warm process.

        with Trainer() as trainer:
            ended = trainer.train(["--model=dcgan", "--runs_dir=/tmp/runs"], Moment("clock", 2.5))

    Args:
        environment: variables in addition to those of this process.
    """

    def __init__(self, environment=()):
        given = {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._environment = {**os.environ, **given, **dict(environment)}

    def __enter__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kgan-forks-"))
        # A Ctrl-C at the keyboard is for the calling process only.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,
        )
        return self

    def __exit__(self, *error):
        # It ends at the end of its input.
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, arguments, moment: Moment | None = None, before=None) -> None:
        """Starts `python -m kgan.train`; `wait` returns how it ended.

        Args:
            arguments: of the command; `--runs_dir` or `--resume` says where its files are.
            moment: when it receives a signal.
            before: module, function and arguments that the child calls first, to cause a fault.
        """
        request = {
            "arguments": [str(argument) for argument in arguments],
            "moment": moment and dataclasses.asdict(moment),
            "before": before,
            "output": str(self._folder / "output.txt"),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def wait(self) -> Ended:
        """Waits for the training that was started."""
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that forks trainings has died")
        output = (self._folder / "output.txt").read_text(errors="replace")
        return Ended(**json.loads(line), output=output)

    def train(self, arguments, moment: Moment | None = None, before=None) -> Ended:
        """Runs `python -m kgan.train` to its end."""
        self.start(arguments, moment, before)
        return self.wait()


def files_of(arguments) -> str:
    """Finds the folder in which a command's run lies."""
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in ("--runs_dir", "--resume"):
            return value
    raise ValueError("`arguments` must hold --runs_dir or --resume")


def _serve():
    """Answers requests, a line each, until there are no more."""
    from kgan.cli import entry
    from kgan.cli.models import model_class, model_names

    entry.keep_freed_memory()
    entry.import_tensorflow()
    for name in model_names():
        model_class(name)
    from kgan.training import loop  # noqa: F401  a child finds all modules imported

    for line in sys.stdin:
        # Unbuffered, so that no child inherits half an answer.
        os.write(1, (json.dumps(_one_training(json.loads(line))) + "\n").encode())


def _one_training(request):
    moment = request["moment"] and Moment(**request["moment"])
    folder = files_of(request["arguments"])
    before = _sizes_of_curves(folder)
    read, write = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(read)
        # A child that returned would answer the parent's requests.
        try:
            _be_a_training(request, moment, folder, write)
        finally:
            os._exit(70)
    os.close(write)
    first_line, sent = None, moment is None or moment.kind == "file"
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        now = time.monotonic() - begun
        if ended:
            break
        if first_line is None and _sizes_of_curves(folder) != before:
            first_line = now
        if not sent:
            start = 0.0 if moment.kind == "clock" else first_line
            if start is not None and now - start >= moment.when:
                os.kill(child, moment.number)
                sent = True
        if now > LONGEST:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(f"no end after {LONGEST:.0f} s: {request['arguments']}")
        time.sleep(POLL)
    operations = int(os.read(read, 100) or 0)
    os.close(read)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": now,
        "first_line": first_line,
        "operations": operations,
    }


def _sizes_of_curves(folder):
    root = pathlib.Path(folder)
    curves = [*root.glob("metrics.jsonl"), *root.glob("*/metrics.jsonl")]
    return {path: path.stat().st_size for path in curves if path.stat().st_size}


def _be_a_training(request, moment, folder, write):
    from kgan import train
    from kgan.cli import entry

    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    if request["before"]:
        module, function, arguments = request["before"]
        getattr(importlib.import_module(module), function)(*arguments)
    counted = [0]
    last = moment.when if moment and moment.kind == "file" else None

    def count(event, arguments):
        if event not in OPERATIONS or not isinstance(arguments[0], (str, os.PathLike)):
            return
        if os.fspath(arguments[0]).startswith(folder):
            counted[0] += 1
            if counted[0] == last:
                os.kill(os.getpid(), moment.number)

    sys.addaudithook(count)
    sys.argv = ["kgan", *request["arguments"]]
    try:
        entry.run(train.main)
    except SystemExit as end:
        status = end.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(write, str(counted[0]).encode())
    os._exit(status)


if __name__ == "__main__":
    _serve()

"""Runs a grid: a process a run, some at a time; goes on where an earlier start was stopped.

sweeps/first/
    sweep.json    the grid, the base settings, and how each run ended
    runs/         the run folders, each with a --job made from its settings and seed
    logs/         what each run printed
    curves.png, table.md, table.csv, samples.png    see `kgan/sweeps/comparison.py`
"""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from kgan.plots import curves
from kgan.runs import logs
from kgan.runs.folder import Run, find_job
from kgan.sweeps import comparison
from kgan.sweeps.grid import Grid
from kgan.utils import progress
from kgan.utils.atomic import atomic_write, check_writable, report_write_errors
from kgan.utils.errors import UserError

ASKED = (signal.SIGINT, signal.SIGTERM)
LOOK_SECONDS = 0.05
BAR_SECONDS = 2  # between two looks at how far the runs are
GRACE_SECONDS = 60  # for runs to save when the sweep itself cannot go on
TAIL_BYTES = 8192  # of metrics.jsonl, in which a last step stands
DONE, FAILED, CRASHED, STOPPED = "done", "failed", "crashed", "stopped"
FINAL = (DONE, FAILED)


class Sweep:
    """Trains what is missing of a grid, then draws all that is there.

    Args:
        out: the sweep's folder.
        grid: what belongs to it.
        parallel: how many runs at a time.
        measures: what is drawn; none: the losses and what was validated.
        command: what trains, before the flags.
    """

    def __init__(
        self,
        out: str,
        grid: Grid,
        parallel: int,
        measures: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-m", "kgan.train"),
    ):
        self.out = pathlib.Path(out)
        self.grid = grid
        self.parallel = parallel
        self.measures = measures
        self.command = command
        self.outcomes: dict[str, str] = {}
        self.running: list[SweepRun] = []
        self.asked: int | None = None
        self.refusal: UserError | None = None

    @property
    def runs_dir(self) -> str:
        return str(self.out / "runs")

    def run(self) -> int:
        """Trains and draws; returns the exit status (128 + signal where one ended it).

        Raises:
            UserError: one line: another grid, a run that was refused, a folder that cannot be
                written. What was done by then is drawn.
        """
        check_writable("--out", str(self.out))
        record = self._read_record()
        if self.grid.dry_run:
            self._announce()
            return 0
        with report_write_errors(f"--out={self.out}"):
            (self.out / "logs").mkdir(parents=True, exist_ok=True)
        # The handlers come first: waiting for an earlier sweep's runs can be ended, too.
        with self._locked() as lock, self._passing_signals():
            # Read again under the lock: another sweep may have ended a run meanwhile.
            record = self._read_record()
            self.outcomes = dict(record.get("runs", {}))
            self._write_record()
            self._announce()
            try:
                self._train(lock)
            finally:
                self._end()
            self._draw()
        if self.refusal:
            raise self.refusal
        if self.asked:
            print("stopped; the same command goes on")
            return 128 + self.asked
        return 1 if CRASHED in self.outcomes.values() else 0

    # What is kept

    def _read_record(self) -> dict:
        path = self.out / "sweep.json"
        if not os.path.lexists(path):
            return {}
        try:
            record = json.loads(path.read_bytes())
            _check_record(record)
        except (
            OSError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            raise UserError(
                f"{path}: damaged ({error}); right would be the file as it was"
            ) from error
        self.grid.check_goes_on(record, str(self.out))
        return record

    def _write_record(self):
        with atomic_write(self.out / "sweep.json") as place:
            record = {**self.grid.record(), "runs": self.outcomes}
            place.write_text(json.dumps(record, indent=2) + "\n")

    @contextlib.contextmanager
    def _locked(self):
        """Keeps other sweeps out, and waits for runs that a killed one left; gives their lock.

        The runs inherit the second lock, so it is free when the last of them has ended.
        """
        with contextlib.ExitStack() as held:
            with report_write_errors(f"--out={self.out}"):
                own = held.enter_context(open(self.out / ".lock", "a"))
                theirs = held.enter_context(open(self.out / ".runs.lock", "a"))
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"--out={self.out}: another sweep works there; wait for it or give another"
                ) from error
            try:
                fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting for the runs that a killed sweep left", flush=True)
                fcntl.flock(theirs, fcntl.LOCK_EX)
            yield theirs

    # The runs

    def _missing(self):
        """Lists the runs that have not ended, or whose folder is gone."""
        ended = {
            job
            for job, outcome in self.outcomes.items()
            if outcome in FINAL and find_job(self.runs_dir, job)
        }
        return [(cell, seed) for cell, seed in self.grid.runs() if cell.job(seed) not in ended]

    def _announce(self):
        grid, missing = self.grid, len(self._missing())
        every = len(grid.runs())
        done = f", {every - missing} of them done" if missing < every else ""
        cells = f"{len(grid.cells)} cells x {grid.repeats} repeats"
        print(f"sweep: {cells} = {every} runs{done}, in {self.out}", flush=True)
        if grid.dry_run:
            for cell in grid.cells:
                print(f"  {cell.label}")

    def _train(self, lock):
        missing = self._missing()
        if not missing:
            return
        every = len(self.grid.runs())
        fractions = {cell.job(seed): self._fraction(cell, seed) for cell, seed in missing}
        done = before = every - len(missing)
        with progress.bar(
            total=every,
            initial=done + sum(fractions.values()),
            smoothing=0,
            miniters=0,
            bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]",
        ) as bar:
            looked = 0.0
            while self.running or (missing and not self._leaving):
                while missing and len(self.running) < self.parallel and not self._leaving:
                    self._start(*missing.pop(0), lock)
                for worker in [one for one in self.running if one.process.poll() is not None]:
                    self.running.remove(worker)
                    line = self._ended(worker)
                    if worker.job in self.outcomes:
                        fractions[worker.job] = 1.0
                        done += 1
                        line = f"[{done}/{every}] {line}"
                    bar.write(line, file=sys.stdout)
                    sys.stdout.flush()
                if time.monotonic() - looked > BAR_SECONDS:
                    looked = time.monotonic()
                    for worker in self.running:
                        now = self._fraction(worker.cell, worker.seed)
                        fractions[worker.job] = max(now, fractions[worker.job])
                    bar.set_description_str(f"{done} of {every} runs", refresh=False)
                    bar.update(max(0.0, before + sum(fractions.values()) - bar.n))
                time.sleep(LOOK_SECONDS)
            bar.set_description_str(f"{done} of {every} runs", refresh=False)
            bar.update(max(0.0, before + sum(fractions.values()) - bar.n))

    @property
    def _leaving(self) -> bool:
        return self.asked is not None or self.refusal is not None

    def _start(self, cell, seed, lock):
        job = cell.job(seed)
        places = [f"--runs_dir={self.runs_dir}", f"--job={job}", f"--name={job}"]
        if not any(word.startswith("--export_dir=") for word in cell.base):
            places.append(f"--export_dir={self.out / 'saved_models'}")
        path = self.out / "logs" / f"{job}.txt"
        with report_write_errors(path), open(path, "ab") as log:
            begin = log.tell()
            process = subprocess.Popen(
                [*self.command, *cell.arguments(seed), *places],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment(),
                pass_fds=(lock.fileno(),),
                # A Ctrl-C reaches the runs through the sweep, and only once.
                start_new_session=True,
            )
        self.running.append(SweepRun(cell, seed, process, path, begin, self._free_slot()))
        if self.asked:
            # The signal came between the look at it and the start.
            process.send_signal(self.asked)

    def _free_slot(self) -> int:
        return min(set(range(self.parallel)) - {worker.slot for worker in self.running})

    def _environment(self) -> dict[str, str]:
        """Divides the machine among the runs that are trained at a time."""
        environment = {**os.environ, "TQDM_DISABLE": "1"}
        if self.parallel > 1:
            threads = max(1, (os.cpu_count() or 1) // self.parallel)
            environment.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
            environment.setdefault("TF_NUM_INTEROP_THREADS", "2")
            # Else the first run takes all of a GPU's memory.
            environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
            named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
            if len(named) >= self.parallel:
                environment["CUDA_VISIBLE_DEVICES"] = ",".join(
                    named[self._free_slot() :: self.parallel]
                )
        return environment

    def _fraction(self, cell, seed) -> float:
        """Tells how far a run is, from 0 to 1, by the last lines of its log."""
        folder = find_job(self.runs_dir, cell.job(seed))
        if folder is None:
            return 0.0
        reached = [0.0]
        for line in _last_lines(Run(pathlib.Path(folder)).metrics):
            if cell.steps:
                reached.append(line.get("step", 0) / cell.steps)
            if cell.epochs:
                reached.append(line.get("epoch", 0) / cell.epochs)
        return min(max(reached), 1.0)

    def _ended(self, worker) -> str:
        """Takes down how a run ended; returns the line that says so."""
        status, said = worker.process.returncode, worker.said()
        if status == 2 and not self.asked:
            self._refuse(worker, said)
            outcome = STOPPED
        elif self._leaving and status != 0:
            outcome = STOPPED
        elif status == 0:
            outcome = DONE
        elif status == 1 and "Traceback (most recent call last)" not in said:
            outcome = FAILED
        else:
            outcome = CRASHED
        if outcome != STOPPED:
            self.outcomes[worker.job] = outcome
            self._write_record()
        else:
            self.outcomes.pop(worker.job, None)
        line = f"{worker.cell.label}, seed {worker.seed}: {outcome}"
        if outcome == DONE:
            return f"{line}, {self._numbers(worker)}"
        if outcome == STOPPED and not (status == 2 and self.refusal):
            return f"{line}; the next start goes on with it"
        reason = _last_line(said)
        return f"{line} (status {status}){f': {reason}' if reason else ''}; all in {worker.log}"

    def _refuse(self, worker, said):
        errors = re.findall(r"^error: (.*)$", said, re.MULTILINE)
        line = errors[-1] if errors else f"{worker.log}: the run ended with status 2"
        self.refusal = UserError(f"{line} ({worker.cell.label}, seed {worker.seed})")
        self._signal_workers(signal.SIGTERM)

    def _numbers(self, worker) -> str:
        folder = pathlib.Path(find_job(self.runs_dir, worker.job))
        lines = logs.read_metrics(Run(folder).metrics)
        try:
            found = curves.curves_of(lines, curves.choose_measures([lines], self.measures))
        except UserError as error:
            # No later run would log it either: told now, not after all of them.
            self.refusal = error
            self._signal_workers(signal.SIGTERM)
            return "but a measure is not logged"
        numbers = [f"{name} {curve.values[-1]:.4g}" for name, curve in found.items()]
        return ", ".join([f"{curves.seconds_of(lines):.0f} s", *numbers])

    # The end

    def _draw(self):
        with report_write_errors(f"--out={self.out}"):
            drawn = comparison.write(
                self.out, self.runs_dir, self.grid, self.outcomes, self.measures
            )
        print("\n".join(str(path) for path in drawn), flush=True)

    @contextlib.contextmanager
    def _passing_signals(self):
        before = {number: signal.signal(number, self._pass_on) for number in ASKED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _pass_on(self, number, frame):
        self.asked = number
        self._signal_workers(number)

    def _signal_workers(self, number):
        for worker in self.running:
            if worker.process.poll() is None:
                worker.process.send_signal(number)

    def _end(self):
        """Ends what still runs after an error: politely, then not."""
        self._signal_workers(signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        for worker in self.running:
            try:
                worker.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


class SweepRun:
    """A run that is being trained.

    Args:
        cell: what of.
        seed: which repeat.
        process: the training.
        log: where it prints to.
        begin: where in the log this start of it began.
        slot: its place among those that run at a time.
    """

    def __init__(self, cell, seed, process, log, begin, slot):
        self.cell, self.seed, self.process = cell, seed, process
        self.log, self.begin, self.slot = log, begin, slot

    @property
    def job(self) -> str:
        return self.cell.job(self.seed)

    def said(self) -> str:
        """Reads what this start of the run printed."""
        with open(self.log, "rb") as file:
            file.seek(self.begin)
            return file.read().decode(errors="replace")


def _check_record(record):
    lists = record["grid"].values()
    if not lists or not all(isinstance(values, list) and values for values in lists):
        raise ValueError("grid")
    if type(record["repeats"]) is not int or not isinstance(record["settings"], dict):
        raise ValueError("repeats or settings")
    if not set(record["runs"].values()) <= {*FINAL, CRASHED}:
        raise ValueError("runs")


def _last_line(text) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _last_lines(path) -> list[dict]:
    """Reads the end of metrics.jsonl, of which a run may be writing the last line."""
    found = []
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - TAIL_BYTES))
        for line in file.read().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]

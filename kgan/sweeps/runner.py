"""Training of a grid, each run in a process of its own; a stopped sweep is resumed.

sweeps/first/
    sweep.json    the grid, the base settings, and how each run ended
    runs/         the run folders, each with a --job made from its settings and seed
    logs/         what each run printed
    curves.png, table.md, table.csv, samples.png    see `kgan/sweeps/comparison.py`
"""

import contextlib
import dataclasses
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
from kgan.sweeps import comparison, record
from kgan.sweeps.grid import Cell, Grid
from kgan.sweeps.record import CRASHED, DONE, FAILED, STOPPED
from kgan.utils import progress
from kgan.utils.atomic import check_writable, make_folder, report_write_errors
from kgan.utils.errors import UserError
from kgan.utils.processes import ProcessGroup, shared_environment

POLL_SECONDS = 0.05
BAR_SECONDS = 2  # between two updates of the progress bar
GRACE_SECONDS = 60  # for runs to save when the sweep itself cannot continue
TAIL_BYTES = 8192  # of metrics.jsonl, enough to contain the last step
BAR = "{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"


@dataclasses.dataclass
class Training:
    """A run that is being trained.

    Args:
        cell: its settings.
        seed: of the repeat.
        slot: number among the runs that are trained at the same time.
        log: file to which it prints.
        start: size of the log before this start of the run.
        process: the training.

    Example:
        >>> cell = Cell({"g_lr": "0.1"}, (), (0, 1), {}, None, None)
        >>> Training(cell, 1, 0, pathlib.Path("log.txt"), 0, None).job
        'g_lr=0.1+seed=1'
    """

    cell: Cell
    seed: int
    slot: int
    log: pathlib.Path
    start: int
    process: subprocess.Popen

    @property
    def job(self) -> str:
        """The name of the run."""
        return self.cell.job(self.seed)

    def output(self) -> str:
        """Reads what this start of the run has printed."""
        return self.log.read_bytes()[self.start :].decode(errors="replace")


class Sweep:
    """Trains the missing runs of a grid, then compares all runs.

    Args:
        out: the sweep's folder.
        grid: its cells.
        parallel: number of runs at a time.
        measures: logged values to compare; default: the losses and what was validated.
        command: program that trains, to which the flags are given.

    Example:
        >>> from kgan.sweeps import grid
        >>> cells = grid.build(["g_lr:0.1|0.2"], 2, ["--model=dcgan", "--dry_run"])
        >>> Sweep("sweeps/first", cells, parallel=1).run()
        sweep: 2 cells x 2 repeats = 4 runs, in sweeps/first
          g_lr=0.1
          g_lr=0.2
        0
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
        self.runs_dir = str(self.out / "runs")
        self.grid = grid
        self.parallel = parallel
        self.measures = measures
        self.command = command
        self.outcomes: dict[str, str] = {}
        self.running: list[Training] = []
        self.refusal: UserError | None = None
        self._group = ProcessGroup()

    def run(self) -> int:
        """Trains and compares; returns the exit status (128 + signal if one ended the sweep)."""
        check_writable("--out", str(self.out))
        self.outcomes = record.read(self.out, self.grid)
        if self.grid.dry_run:
            self._announce()
            return 0
        make_folder(self.out / "logs", f"--out={self.out}")
        # A signal also ends the wait for the runs of an earlier sweep.
        with self._group.passing_signals(), record.lock(self.out) as lock:
            # Another sweep may have completed a run before the lock was free.
            self.outcomes = record.read(self.out, self.grid)
            record.write(self.out, self.grid, self.outcomes)
            self._announce()
            try:
                self._train(lock)
            finally:
                self._group.send(signal.SIGTERM)
                self._group.end(GRACE_SECONDS)
            with report_write_errors(f"--out={self.out}"):
                paths = comparison.write(
                    self.out, self.runs_dir, self.grid, self.outcomes, self.measures
                )
            print("\n".join(str(path) for path in paths), flush=True)
        if self.refusal:
            raise self.refusal
        if self._group.received:
            print("stopped; the same command resumes the sweep")
            return 128 + self._group.received
        return 1 if CRASHED in self.outcomes.values() else 0

    def _missing(self) -> list[tuple[Cell, int]]:
        """Lists the runs that have not ended, or whose folder has been deleted."""
        ended = {
            job
            for job, outcome in self.outcomes.items()
            if outcome in record.FINAL and find_job(self.runs_dir, job)
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

    @property
    def _leaving(self) -> bool:
        return self._group.received is not None or self.refusal is not None

    def _train(self, lock):
        missing = self._missing()
        if not missing:
            return
        fractions = {cell.job(seed): 1.0 for cell, seed in self.grid.runs()}
        fractions |= {cell.job(seed): self._fraction(cell, seed) for cell, seed in missing}
        every, ended = len(fractions), len(fractions) - len(missing)
        start = sum(fractions.values())
        with progress.bar(
            total=every, initial=start, smoothing=0, miniters=0, bar_format=BAR
        ) as bar:

            def show():
                bar.set_description_str(f"{ended} of {every} runs", refresh=False)
                bar.update(max(0.0, sum(fractions.values()) - bar.n))

            shown = 0.0
            while self.running or (missing and not self._leaving):
                while missing and len(self.running) < self.parallel and not self._leaving:
                    self._start(*missing.pop(0), lock)
                for run in [one for one in self.running if one.process.poll() is not None]:
                    self.running.remove(run)
                    line = self._record_end(run)
                    if run.job in self.outcomes:
                        fractions[run.job] = 1.0
                        ended += 1
                        line = f"[{ended}/{every}] {line}"
                    bar.write(line, file=sys.stdout)
                    sys.stdout.flush()
                if time.monotonic() - shown > BAR_SECONDS:
                    shown = time.monotonic()
                    for run in self.running:
                        now = self._fraction(run.cell, run.seed)
                        fractions[run.job] = max(now, fractions[run.job])
                    show()
                time.sleep(POLL_SECONDS)
            show()

    def _start(self, cell, seed, lock):
        job = cell.job(seed)
        places = [f"--runs_dir={self.runs_dir}", f"--job={job}", f"--name={job}"]
        if not any(word.startswith("--export_dir=") for word in cell.base):
            places.append(f"--export_dir={self.out / 'saved_models'}")
        path = self.out / "logs" / f"{job}.txt"
        slot = min(set(range(self.parallel)) - {run.slot for run in self.running})
        environment = {**shared_environment(slot, self.parallel), "TQDM_DISABLE": "1"}
        if self.parallel > 1:
            # By default the first run takes all of a GPU's memory.
            environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        with report_write_errors(path), open(path, "ab") as log:
            start = log.tell()
            process = self._group.start(
                [*self.command, *cell.arguments(seed), *places],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=(lock.fileno(),),
            )
        self.running.append(Training(cell, seed, slot, path, start, process))

    def _fraction(self, cell, seed) -> float:
        """Reads from the end of its log how much of a run is complete, from 0 to 1."""
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

    def _record_end(self, run) -> str:
        """Records how a run ended; returns the line that reports it."""
        status, output = run.process.returncode, run.output()
        name = f"{run.cell.label}, seed {run.seed}"
        outcome = CRASHED
        if status == 2 and not self._group.received:
            errors = re.findall(r"^error: (.*)$", output, re.MULTILINE)
            reason = errors[-1] if errors else f"{run.log}: the run ended with status 2"
            self._refuse(UserError(f"{reason} ({name})"))
            outcome = STOPPED
        elif status == 0:
            outcome = DONE
        elif self._leaving:
            outcome = STOPPED
        elif status == 1 and "Traceback (most recent call last)" not in output:
            outcome = FAILED
        self.outcomes.pop(run.job, None)
        if outcome != STOPPED:
            self.outcomes[run.job] = outcome
            record.write(self.out, self.grid, self.outcomes)
        if outcome == DONE:
            return f"{name}: {outcome}, {self._summary(run)}"
        if outcome == STOPPED and not (status == 2 and self.refusal):
            return f"{name}: {outcome}; the next start resumes it"
        lines = [line for line in output.splitlines() if line.strip()]
        reason = f": {lines[-1]}" if lines else ""
        return f"{name}: {outcome} (status {status}){reason}; see {run.log}"

    def _summary(self, run) -> str:
        lines = logs.read_metrics(Run(pathlib.Path(find_job(self.runs_dir, run.job))).metrics)
        try:
            measures = curves.choose_measures([lines], self.measures)
        except UserError as error:
            # No later run would log it: the sweep ends now, not after all of them.
            self._refuse(error)
            return "but a measure is not logged"
        found = curves.curves_of(lines, measures)
        numbers = [f"{name} {curve.values[-1]:.4g}" for name, curve in found.items()]
        return ", ".join([f"{curves.seconds_of(lines):.0f} s", *numbers])

    def _refuse(self, error):
        """Stops the sweep with an error."""
        self.refusal = error
        self._group.send(signal.SIGTERM)


def _last_lines(path) -> list[dict]:
    """Reads the end of metrics.jsonl; a run may be writing the last line."""
    found = []
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - TAIL_BYTES))
        for line in file.read().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]

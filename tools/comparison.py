"""Trainings that a page compares: a table of named rows of flags, trained by `kgan.sweeps`."""

import dataclasses
import os
import pathlib
import statistics
import types
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image

from kgan import evaluate
from kgan.evaluation import storage
from kgan.plots import curves
from kgan.runs import logs
from kgan.runs.folder import Run, find_job
from kgan.sweeps import grid, runner
from tools import command

# Only the end of a run counts here.
QUIET = ("--noevaluate", "--strategy=none", "--checkpoint_every=1000000", "--sample_every=1000000")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
WIDEST = 1500  # pixels of an image in docs/


@dataclasses.dataclass(frozen=True)
class Row(grid.Cell):
    """A row of a comparison: `varied` holds only its name, `base` all its flags."""

    def arguments(self, seed):
        return [*self.base, f"--seed={seed}"]


def parse(tool: str, arguments: Sequence[str], needed=("work",), **defaults):
    """Parses a tool's flags, those that all comparisons have among them."""
    shared = {"work": str, "data_dir": str, "manual_dir": str, "parallel": CORES, "seeds": 1}
    given = command.parse(tool, arguments, needed, **{**shared, **defaults})
    given.work = pathlib.Path(given.work)
    given.data_dir = given.data_dir or str(given.work.absolute() / "tfds")
    return given


def train(
    rows: Mapping[str, Sequence[str]], given: types.SimpleNamespace, name: str = "sweep"
) -> dict[str, list[Run]]:
    """Trains each row with each seed, `--parallel` runs at a time.

    A run that was trained to its end by an earlier call is not trained again.

    Args:
        rows: flags of `kgan.train` by the row's name.
        given: `work`, `data_dir`, `manual_dir`, `parallel` and `seeds`.
        name: of the sweep's folder in `work`.

    Returns:
        The runs of each row, one per seed.
    """
    data = [f"--data_dir={given.data_dir}"]
    data += [f"--manual_dir={given.manual_dir}"] if given.manual_dir else []
    cells = []
    for label, flags in rows.items():
        (cell,) = grid.build([], given.seeds, [*QUIET, *data, *flags]).cells
        cells.append(Row(**{**vars(cell), "varied": {"row": label}}))
    table = grid.Grid({"row": tuple(rows)}, tuple(cells))
    sweep = runner.Sweep(str(given.work / name), table, given.parallel)
    if status := sweep.run():
        raise SystemExit(status)
    return {
        cell.label.removeprefix("row="): [
            Run(pathlib.Path(find_job(sweep.runs_dir, cell.job(seed)))) for seed in cell.seeds
        ]
        for cell in cells
    }


def logged(run: Run) -> list[dict]:
    """Reads what a run logged in training."""
    return [line for line in logs.read_metrics(run.metrics) if line["kind"] == "train"]


def seconds(runs: Iterable[Run]) -> float:
    """Computes how long runs were trained on average."""
    return statistics.mean(curves.seconds_of(logs.read_metrics(run.metrics)) for run in runs)


def summary(runs: Iterable[Run], given: types.SimpleNamespace, length: str = "") -> str:
    """Writes seeds, length (--steps or --minutes), time and machine of runs, above a table."""
    runs = list(runs)
    lines = (line for run in runs for line in logs.read_metrics(run.metrics))
    cores = sorted({int(line["cores"]) for line in lines if line["kind"] == "end"})
    many = f"{cores[0]}" if len(cores) == 1 else f"{cores[0]} to {cores[-1]}"
    if not length:
        length = (
            f"{given.steps:,} steps" if hasattr(given, "steps") else f"{given.minutes:g} minutes"
        )
    return (
        f"{given.seeds} seed{'s' * (given.seeds > 1)}, {length} each, {seconds(runs):.0f} s per "
        f"run on average, {given.parallel} at a time on {many} core{'s' * (cores[-1] > 1)}.\n\n"
    )


def measure(run: Run, kind: str, *flags: str) -> dict:
    """Returns what `kgan.evaluate` finds in a run, which is measured once.

    Args:
        run: to be measured.
        kind: of evaluation.
        *flags: of `kgan.evaluate`.
    """
    if kind not in storage.read_results(run):
        evaluate.main([f"--run={run.folder}", *flags])
    return storage.read_results(run)[kind][-1]


def save_samples(given: types.SimpleNamespace, page: str, name: str = "sweep") -> None:
    """Copies a sweep's sheet of samples, the last one of each row's first seed, to docs/."""
    sheet = Image.open(given.work / name / "samples.png")
    sheet.thumbnail((WIDEST, 2 * WIDEST))
    sheet.save(command.DOCS / f"{page}.png", optimize=True)

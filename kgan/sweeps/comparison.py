"""Comparison of a sweep's cells: a table of final values; see `figures.py` for its images.

Only complete runs count; those that ended with NaN are counted as failures. Final values and their
deviations are those of `kgan.plots.curves.final_value`.
"""

import csv
import dataclasses
import math
import pathlib
import shlex
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kgan.plots import curves
from kgan.runs import logs
from kgan.runs.folder import Run, find_job
from kgan.sweeps import figures
from kgan.sweeps.grid import Cell, Grid
from kgan.utils.atomic import atomic_write


@dataclasses.dataclass(frozen=True)
class Result:
    """The complete runs of a cell.

    Args:
        cell: the settings.
        runs: the complete runs, in the order of the seeds.
        logs: the lines that each of them logged.
        failures: number of runs that failed.

    Example:
        >>> cell = Cell({"g_lr": "0.1"}, (), (0, 1), {}, None, None)
        >>> Result(cell, [], [], failures=1).seconds
        nan
    """

    cell: Cell
    runs: list[Run]
    logs: list[list[dict]]
    failures: int

    @classmethod
    def read(cls, cell: Cell, runs_dir: str, outcomes: Mapping[str, str]) -> "Result":
        """Reads the logs of a cell's runs.

        Args:
            cell: the settings.
            runs_dir: folder of the runs.
            outcomes: by job, `done` or how else the run ended.
        """
        ended = [job for job in map(cell.job, cell.seeds) if job in outcomes]
        done = [job for job in ended if outcomes[job] == "done"]
        folders = [folder for job in done if (folder := find_job(runs_dir, job))]
        runs = [Run(pathlib.Path(folder)) for folder in folders]
        lines = [logs.read_metrics(run.metrics) for run in runs]
        return cls(cell, runs, lines, len(ended) - len(done))

    def curves(self, measure: str) -> list[curves.Curve]:
        """Returns a measure's curves, of the runs that logged it."""
        return curves.of_runs(self.logs, measure)

    @property
    def seconds(self) -> float:
        """The mean training time of a run in seconds; NaN without runs."""
        seconds = [curves.seconds_of(lines) for lines in self.logs]
        return float(np.mean(seconds)) if seconds else math.nan


def write(
    out: pathlib.Path,
    runs_dir: str,
    grid: Grid,
    outcomes: Mapping[str, str],
    measures: Sequence[str],
) -> list[pathlib.Path]:
    """Writes table.md, table.csv and, if a run is complete, curves.png and samples.png.

    Args:
        out: the folder.
        runs_dir: folder of the runs.
        grid: all cells.
        outcomes: by job, `done` or how else the run ended.
        measures: logged values to compare; none: the losses and what was validated.
    """
    results = [Result.read(cell, runs_dir, outcomes) for cell in grid.cells]
    every = [lines for result in results for lines in result.logs]
    measures = curves.choose_measures(every, measures) if every else list(measures)
    paths = [out / "table.md", out / "table.csv"]
    with atomic_write(paths[0]) as place:
        place.write_text(_markdown(grid, results, measures))
    with atomic_write(paths[1]) as place, open(place, "w", newline="") as file:
        csv.writer(file).writerows(_rows(grid, results, measures))
    if every:
        paths += [out / "curves.png", out / "samples.png"]
        with atomic_write(paths[2]) as place:
            figures.plot_curves(results, measures).savefig(place, format="png", dpi=110)
        with atomic_write(paths[3]) as place:
            figures.sample_sheet(results).save(place, "PNG")
    return paths


def command(cell: Cell) -> str:
    """Returns the shell command that trains all repeats of a cell as ordinary runs."""
    program = "python -m kgan.train"
    if len(cell.seeds) == 1:
        return f"{program} {shlex.join(cell.arguments(cell.seeds[0]))}"
    words = shlex.join(cell.arguments("")[:-1])
    seeds = " ".join(map(str, cell.seeds))
    return f"for seed in {seeds}; do {program} {words} --seed=$seed; done"


def _markdown(grid, results, measures) -> str:
    """Returns the table for people."""
    head = [*grid.axes, "repeats done", *measures, "seconds", "failures"]
    rows = [head, ["---"] * len(head)]
    for result in results:
        done = f"{len(result.runs)} of {len(result.cell.seeds)}"
        values = [_plus_minus(*curves.final_value(result.curves(name))) for name in measures]
        seconds = "–" if math.isnan(result.seconds) else f"{result.seconds:.1f}"
        rows.append([*result.cell.varied.values(), done, *values, seconds, str(result.failures)])
    escaped = ([word.replace("|", r"\|") for word in row] for row in rows)
    table = "\n".join(f"| {' | '.join(row)} |" for row in escaped)
    commands = "\n".join(
        f"{result.cell.label}:\n\n```\n{command(result.cell)}\n```\n" for result in results
    )
    return (
        f"{table}\n\nMean ± standard deviation over the repeats, of each run's mean over the last "
        f"tenth of its steps; seconds of training per run.\n\n## Commands\n\n{commands}"
    )


def _plus_minus(mean, deviation) -> str:
    if math.isnan(mean):
        return "–"
    return f"{mean:.4g}" if math.isnan(deviation) else f"{mean:.4g} ± {deviation:.2g}"


def _rows(grid, results, measures) -> Iterator[list]:
    """Yields the rows of the table for programs: a number a column, empty if there is none."""
    numbers = [f"{m}_{part}" for m in measures for part in ("mean", "deviation")]
    yield [*grid.axes, "repeats", "repeats_done", *numbers, "seconds", "failures", "command"]
    for result in results:
        cell = result.cell
        values = [v for measure in measures for v in curves.final_value(result.curves(measure))]
        texts = ["" if math.isnan(v) else f"{v:.6g}" for v in (*values, result.seconds)]
        counts = (len(cell.seeds), len(result.runs))
        yield [*cell.varied.values(), *counts, *texts, result.failures, command(cell)]

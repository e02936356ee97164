"""What came of a sweep, cell by cell: curves, a table, samples side by side.

Only runs that were trained to their end count; those that NaN ended are counted as failures.

Curves of the runs of a cell are brought together as `curves.py` says. The numbers of the table
are taken over the last tenth of their common steps: first each run's mean over its points there, or
its last point where none lies there, then mean and sample standard deviation over the runs.
"""

import csv
import dataclasses
import math
import pathlib
import shlex
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from kgan.plots import curves, grids
from kgan.runs import logs
from kgan.runs.folder import Run, find_job
from kgan.sweeps.grid import Cell, Grid
from kgan.utils.atomic import atomic_write

SHEET_LIMIT = 640  # pixels of a sheet's longer side
GAP, FONT = 16, 18  # pixels


@dataclasses.dataclass(frozen=True)
class Result:
    """What there is of a cell.

    Args:
        cell: its settings.
        folders: of the runs that were trained to their end, in the order of the seeds.
        lines: what each of them logged.
        failures: how many could not be trained.
    """

    cell: Cell
    folders: list[pathlib.Path]
    lines: list[list[dict]]
    failures: int

    def curves(self, measure: str) -> list[curves.Curve]:
        """Lists a measure's curves, of the runs that logged it."""
        return curves.of_runs(self.lines, measure)


def write(
    out: pathlib.Path,
    runs_dir: str,
    grid: Grid,
    outcomes: Mapping[str, str],
    measures: Sequence[str],
) -> list[pathlib.Path]:
    """Writes curves.png, table.md, table.csv and samples.png; returns their paths.

    Args:
        out: the folder.
        runs_dir: where the runs lie.
        grid: all cells, done or not.
        outcomes: by job, `done` or what else became of it.
        measures: what is shown; none: the losses and what was validated.

    Raises:
        UserError: when a measure was never logged, or nothing can be written.
    """
    results = [_result(cell, runs_dir, outcomes) for cell in grid.cells]
    every = [lines for result in results for lines in result.lines]
    measures = curves.choose_measures(every, measures) if every else list(measures)
    paths = [out / "table.md", out / "table.csv"]
    with atomic_write(paths[0]) as place:
        place.write_text(_markdown(grid, results, measures))
    with atomic_write(paths[1]) as place, open(place, "w", newline="") as file:
        csv.writer(file).writerows(_rows(grid, results, measures))
    if every:
        paths += [out / "curves.png", out / "samples.png"]
        with atomic_write(paths[2]) as place:
            _curves(results, measures).savefig(place, format="png", dpi=110)
        with atomic_write(paths[3]) as place:
            _samples(results).save(place, "PNG")
    return paths


def _result(cell, runs_dir, outcomes) -> Result:
    said = [(outcomes.get(cell.job(seed)), cell.job(seed)) for seed in cell.seeds]
    found = [find_job(runs_dir, job) for outcome, job in said if outcome == "done"]
    folders = [pathlib.Path(folder) for folder in found if folder]
    lines = [logs.read_metrics(Run(folder).metrics) for folder in folders]
    failures = sum(outcome not in (None, "done") for outcome, _ in said)
    return Result(cell, folders, lines, failures)


# The table


def command(cell: Cell) -> str:
    """Writes the line for a shell that trains all repeats of a cell, in run folders of its own."""
    program = "python -m kgan.train"
    if len(cell.seeds) == 1:
        return f"{program} {shlex.join(cell.arguments(cell.seeds[0]))}"
    words = shlex.join(cell.arguments("")[:-1])
    seeds = " ".join(map(str, cell.seeds))
    return f"for seed in {seeds}; do {program} {words} --seed=$seed; done"


def _markdown(grid, results, measures) -> str:
    """Writes the table for people."""
    head = [*grid.axes, "repeats done", *measures, "seconds", "failures"]
    rows = [head, ["---"] * len(head)]
    for result in results:
        seconds = [curves.seconds_of(lines) for lines in result.lines]
        rows.append(
            [
                *result.cell.varied.values(),
                f"{len(result.lines)} of {len(result.cell.seeds)}",
                *(_plus_minus(*curves.final_value(result.curves(measure))) for measure in measures),
                f"{np.mean(seconds):.1f}" if seconds else "–",
                str(result.failures),
            ]
        )
    table = "\n".join(f"| {' | '.join(_cell_text(word) for word in row)} |" for row in rows)
    commands = "\n".join(
        f"{result.cell.label}:\n\n```\n{command(result.cell)}\n```\n" for result in results
    )
    return (
        f"{table}\n\nMean ± standard deviation over the repeats, of each run's mean over the last "
        f"tenth of its steps; seconds of training, a run.\n\n## Each cell again\n\n{commands}"
    )


def _cell_text(text) -> str:
    return text.replace("|", "\\|")


def _plus_minus(mean, deviation) -> str:
    if math.isnan(mean):
        return "–"
    return f"{mean:.4g}" if math.isnan(deviation) else f"{mean:.4g} ± {deviation:.2g}"


def _rows(grid, results, measures):
    """Gives the table's rows for programs: a number a column, empty where there is none."""
    numbers = [f"{m}_{part}" for m in measures for part in ("mean", "deviation")]
    yield [*grid.axes, "repeats", "repeats_done", *numbers, "seconds", "failures", "command"]
    for result in results:
        seconds = [curves.seconds_of(lines) for lines in result.lines]
        values = [v for measure in measures for v in curves.final_value(result.curves(measure))]
        values.append(float(np.mean(seconds)) if seconds else math.nan)
        yield [
            *result.cell.varied.values(),
            len(result.cell.seeds),
            len(result.lines),
            *("" if math.isnan(value) else f"{value:.6g}" for value in values),
            result.failures,
            command(result.cell),
        ]


# Images


def _curves(results, measures) -> Figure:
    """Draws a panel for each measure, with a line and a band for each cell."""
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    shown = [(number, result) for number, result in enumerate(results) if result.lines]
    legend_columns = max(1, min(4, 100 // max(len(r.cell.label) + 12 for _, r in shown)))
    legend_inches = 0.3 + 0.22 * -(-len(shown) // legend_columns)
    width, height = (6.2 * columns if columns > 1 else 8), 4.2 * rows + legend_inches
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    handles = {}
    for panel, measure in zip(panels, measures, strict=False):
        drawn = {number: _labelled(result, measure) for number, result in shown}
        handles |= curves.plot_curves(panel, measure, drawn)
    for panel in panels[len(measures) :]:
        panel.set_visible(False)
    figure.legend(
        handles=[handles[number] for number in sorted(handles)],
        loc="outside lower center",
        ncols=legend_columns,
        frameon=False,
    )
    if any(len(result.lines) > 1 for _, result in shown):
        repeats = max(len(result.cell.seeds) for _, result in shown)
        figure.suptitle(f"mean over {repeats} runs each, band: one standard deviation", fontsize=11)
    return figure


def _labelled(result, measure):
    """Gives a cell's curves, and what stands in the legend where some of its runs are missing."""
    found, every = result.curves(measure), len(result.cell.seeds)
    fewer = f" ({len(found)} of {every} runs)" if len(found) < every else ""
    return f"{result.cell.label}{fewer}", found


def _samples(results) -> Image.Image:
    """Lays the last sheet of each cell's first repeat side by side, with captions."""
    font = ImageFont.load_default(FONT)
    tiles = [_tile(result, font) for result in results]
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = -(-len(tiles) // columns)
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    sheet = Image.new(
        "RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), (255, 255, 255)
    )
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return sheet


def _tile(result, font) -> Image.Image:
    """Draws a caption, a line for each flag, above a cell's image."""
    paths = sorted(Run(result.folders[0]).samples.glob("*.png")) if result.folders else []
    image = Image.new("RGB", (1, 1), (255, 255, 255))
    words = [f"{name}={value}" for name, value in result.cell.varied.items()]
    if paths:
        with Image.open(paths[-1]) as opened:
            image = grids.on_white(opened)
        image.thumbnail((SHEET_LIMIT, SHEET_LIMIT))
        words.append(f"step {int(paths[-1].stem.partition('-')[2]):,}")
    else:
        words.append("failed" if result.failures else "not trained yet")
    line = FONT + 6
    wide = max(image.width, *(math.ceil(font.getlength(word)) for word in words))
    tile = Image.new("RGB", (wide, image.height + line * len(words)), (255, 255, 255))
    draw = ImageDraw.Draw(tile)
    for number, word in enumerate(words):
        draw.text((0, number * line), word, (0, 0, 0), font)
    tile.paste(image, (0, line * len(words)))
    return tile

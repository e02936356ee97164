"""Curves of what runs logged: bringing several together, and drawing them in one panel.

Several runs that repeat each other are a mean and a band of one standard deviation. They are
brought together on common steps: all steps at which one of them was logged, from the last first one
to the first last one, with straight lines between a run's points. So runs of different length are
cut to the shortest.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from kgan.utils.errors import UserError

LOSSES = ("loss", "g_loss", "d_loss")
VALIDATION = "validation/"
ALARM = "alarm/"
LINES = ("-", "--", ":", "-.")
COLOURS = 10  # of matplotlib's own cycle, told apart by eye
OUTLIER = 10  # times the middle range of what is drawn, and the axis becomes a logarithmic one
HELD = 0.9  # the end of a run is what comes after this share of it


@dataclasses.dataclass(frozen=True)
class Curve:
    """One measure of one run.

    Args:
        steps: int [N], increasing.
        values: float [N].
    """

    steps: np.ndarray
    values: np.ndarray


def curves_of(lines: Sequence[Mapping], measures: Sequence[str]) -> dict[str, Curve]:
    """Picks measures out of what a run logged; values that were not finite are left out.

    Args:
        lines: of metrics.jsonl.
        measures: names as in training lines, or with `validation/` or `alarm/` before.

    Returns:
        A curve for each measure that was logged.
    """
    found = {}
    for measure in measures:
        kind, name = "train", measure
        for before in (VALIDATION, ALARM):
            if measure.startswith(before):
                kind, name = before.removesuffix("/"), measure.removeprefix(before)
        points = {
            line["step"]: line[name]
            for line in lines
            if line["kind"] == kind and line.get(name) is not None
        }
        if points:
            steps = sorted(points)
            found[measure] = Curve(np.array(steps), np.array([points[s] for s in steps], float))
    return found


def of_runs(every: Sequence[Sequence[Mapping]], measure: str) -> list[Curve]:
    """Lists a measure's curves, of the runs that logged it.

    Args:
        every: the lines of each run.
        measure: its name.
    """
    found = [curves_of(lines, [measure]) for lines in every]
    return [curves[measure] for curves in found if measure in curves]


def choose_measures(every: Sequence[Sequence[Mapping]], asked: Sequence[str]) -> list[str]:
    """Says what is shown: what was asked for, or the losses and what was validated.

    Args:
        every: the lines of each run.
        asked: measures; `l1` may stand for `validation/l1` where training logs no `l1`.

    Raises:
        UserError: when a measure was asked for that no run logged.
    """
    logged: dict[str, None] = {}
    for line in (line for lines in every for line in lines):
        before = {"train": "", "validation": VALIDATION}.get(line["kind"])
        if before is not None:
            logged |= dict.fromkeys(f"{before}{k}" for k in line if k not in ("kind", "step"))
    if not asked:
        return [n for n in logged if n in LOSSES] + [n for n in logged if n.startswith(VALIDATION)]
    names = [name if name in logged else f"{VALIDATION}{name}" for name in asked]
    for name, given in zip(names, asked, strict=True):
        if name not in logged:
            raise UserError(f"--measure={given}: not logged; there are {', '.join(logged)}")
    return list(dict.fromkeys(names))


def align(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Brings curves together on common steps, cut to the shortest.

    Args:
        curves: at least one.

    Returns:
        Steps [N] and values [curves, N]; none where the curves have no step in common.
    """
    first = max(curve.steps[0] for curve in curves)
    last = min(curve.steps[-1] for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, curve.steps, curve.values) for curve in curves])


def final_value(curves: Sequence[Curve]) -> tuple[float, float]:
    """Takes mean and sample standard deviation over runs of their means at the end.

    Args:
        curves: one a run; the end is the last tenth of the shortest.

    Returns:
        NaN for what there are too few runs for: none, or one for the deviation.
    """
    if not curves:
        return math.nan, math.nan
    last = min(curve.steps[-1] for curve in curves)
    ends = []
    for curve in curves:
        before = curve.values[curve.steps <= last]
        held = curve.values[(curve.steps <= last) & (curve.steps > HELD * last)]
        ends.append(
            (held if held.size else before[-1:] if before.size else curve.values[:1]).mean()
        )
    return float(np.mean(ends)), float(np.std(ends, ddof=1)) if len(ends) > 1 else math.nan


def seconds_of(lines: Sequence[Mapping]) -> float:
    """Reads how long a run was trained, over all its starts."""
    known = (line.get("seconds") or 0.0 for line in lines if line["kind"] == "train")
    return max(known, default=0.0)


def plot_curves(
    panel: Axes, measure: str, drawn: Mapping[int, tuple[str, Sequence[Curve]]]
) -> dict[int, Line2D]:
    """Draws a measure: a line for each entry, and a band where it has several runs.

    Args:
        panel: empty.
        measure: its name.
        drawn: by number, which gives colour and pattern: a label and a curve a run.

    Returns:
        The lines that were drawn: none for runs without a common step.
    """
    lines, ranges = {}, []
    for number, (label, curves) in drawn.items():
        steps, values = align(curves) if curves else (np.array([]), None)
        if steps.size:
            lines[number] = _line(panel, number, label, steps, values)
            ranges += [values.min(axis=0), values.max(axis=0)]
    panel.set_xlabel("steps")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylabel(measure)
    panel.grid(alpha=0.3)
    if ranges and _spreads(np.concatenate(ranges)):
        panel.set_yscale("symlog", linthresh=1)
    return lines


def line_style(number: int) -> tuple[str, str]:
    """Gives the colour and the pattern of the lines of an entry."""
    return f"C{number % COLOURS}", LINES[number // COLOURS % len(LINES)]


def _line(panel, number, label, steps, values):
    (colour, pattern), mean = line_style(number), values.mean(axis=0)
    (line,) = panel.plot(
        steps,
        mean,
        pattern,
        color=colour,
        linewidth=1.6,
        marker="o" if steps.size == 1 else None,
        label=label,
    )
    if len(values) > 1:
        band = values.std(axis=0, ddof=1)
        panel.fill_between(steps, mean - band, mean + band, color=colour, alpha=0.18, linewidth=0)
    return line


def _spreads(values) -> bool:
    """Tells whether a few curves would press all the others flat."""
    low, high = np.percentile(values, [10, 90])
    return np.ptp(values) > OUTLIER * max(high - low, 1e-9) and np.abs(values).max() > OUTLIER

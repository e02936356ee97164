"""Curves of logged measures, aligned over several runs, and their plots.

Runs that differ only in the seed are plotted as their mean with a band of one standard deviation.
They are aligned on common steps: all steps at which one of them logged a value, from the latest
first step to the earliest last step, with linear interpolation. Longer runs are cut
to the shortest.
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
COLOURS = 10  # in matplotlib's default cycle
OUTLIER = 10  # ratio of the whole range to the middle 80 % from which the axis is logarithmic
FINAL = 0.9  # the final value of a run is its mean after this share of its steps


@dataclasses.dataclass(frozen=True)
class Curve:
    """The curve of one measure of one run.

    Args:
        steps: int [N], increasing.
        values: float [N].

    Example:
        >>> curve = Curve(np.array([10, 20]), np.array([0.5, 0.25]))
        >>> final_value([curve])[0]
        0.25
    """

    steps: np.ndarray
    values: np.ndarray


def curves_of(lines: Sequence[Mapping], measures: Sequence[str]) -> dict[str, Curve]:
    """Extracts the curves of measures from the log of a run, without values that are not finite.

    Args:
        lines: of metrics.jsonl.
        measures: names as in training lines, or with the prefix `validation/` or `alarm/`.

    Returns:
        A curve for each measure that was logged.
    """
    found = {}
    for measure in measures:
        kind, name = "train", measure
        for prefix in (VALIDATION, ALARM):
            if measure.startswith(prefix):
                kind, name = prefix.removesuffix("/"), measure.removeprefix(prefix)
        points = {
            line["step"]: line[name]
            for line in lines
            if line["kind"] == kind and line.get(name) is not None
        }
        if points:
            steps = sorted(points)
            found[measure] = Curve(np.array(steps), np.array([points[s] for s in steps], float))
    return found


def of_runs(logs: Sequence[Sequence[Mapping]], measure: str) -> list[Curve]:
    """Returns the curves of a measure, one for each run whose lines (`logs`) contain it."""
    found = [curves_of(lines, [measure]) for lines in logs]
    return [curves[measure] for curves in found if measure in curves]


def choose_measures(logs: Sequence[Sequence[Mapping]], requested: Sequence[str]) -> list[str]:
    """Returns the measures to show: the requested ones, or the losses and validation metrics.

    Args:
        logs: the lines of each run.
        requested: measures; `l1` stands for `validation/l1` if training logs no `l1`.

    Raises:
        UserError: no run logged a requested measure.
    """
    logged: dict[str, None] = {}
    for line in (line for lines in logs for line in lines):
        prefix = {"train": "", "validation": VALIDATION}.get(line["kind"])
        if prefix is not None:
            logged |= dict.fromkeys(f"{prefix}{k}" for k in line if k not in ("kind", "step"))
    if not requested:
        return [n for n in logged if n in LOSSES] + [n for n in logged if n.startswith(VALIDATION)]
    names = [name if name in logged else f"{VALIDATION}{name}" for name in requested]
    for name, given in zip(names, requested, strict=True):
        if name not in logged:
            raise UserError(f"--measure={given}: not logged; logged are {', '.join(logged)}")
    return list(dict.fromkeys(names))


def align(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Interpolates curves (at least one) at common steps, up to the end of the shortest.

    Returns:
        Steps [N] and values [curves, N]; N is 0 if the curves do not overlap.
    """
    first = max(curve.steps[0] for curve in curves)
    last = min(curve.steps[-1] for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, curve.steps, curve.values) for curve in curves])


def final_value(curves: Sequence[Curve]) -> tuple[float, float]:
    """Computes mean and sample standard deviation over runs of their final values.

    Args:
        curves: one for each run. The final value is the mean over the last tenth of the steps of
            the shortest run, or the last value before them.

    Returns:
        NaN for the mean of no run, and for the deviation of fewer than two.
    """
    if not curves:
        return math.nan, math.nan
    last = min(curve.steps[-1] for curve in curves)
    ends = []
    for curve in curves:
        before = curve.values[curve.steps <= last]
        final = curve.values[(curve.steps <= last) & (curve.steps > FINAL * last)]
        ends.append(next(v for v in (final, before[-1:], curve.values[:1]) if v.size).mean())
    return float(np.mean(ends)), float(np.std(ends, ddof=1)) if len(ends) > 1 else math.nan


def seconds_of(lines: Sequence[Mapping]) -> float:
    """Returns the training time of a run in seconds, over all its restarts."""
    known = (line.get("seconds") or 0.0 for line in lines if line["kind"] == "train")
    return max(known, default=0.0)


def plot_curves(
    axes: Axes, measure: str, entries: Mapping[int, tuple[str, Sequence[Curve]]]
) -> dict[int, Line2D]:
    """Plots a measure: a line for each entry, with a band if it has several runs.

    Args:
        axes: empty.
        measure: name of the measure.
        entries: by number, which determines colour and dashes: a label and a curve for each run.

    Returns:
        The lines by number; none for runs without a common step.
    """
    lines, ranges = {}, []
    for number, (label, curves) in entries.items():
        steps, values = align(curves) if curves else (np.array([]), None)
        if steps.size:
            lines[number] = _line(axes, number, label, steps, values)
            ranges += [values.min(axis=0), values.max(axis=0)]
    axes.set_xlabel("steps")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(measure)
    axes.grid(alpha=0.3)
    if ranges and _has_outliers(np.concatenate(ranges)):
        axes.set_yscale("symlog", linthresh=1)
    return lines


def line_style(number: int) -> tuple[str, str]:
    """Returns the colour and the dashes of an entry's line."""
    return f"C{number % COLOURS}", LINES[number // COLOURS % len(LINES)]


def _line(axes, number, label, steps, values):
    (colour, dashes), mean = line_style(number), values.mean(axis=0)
    look = {"color": colour, "linewidth": 1.6, "marker": "o" if steps.size == 1 else None}
    (line,) = axes.plot(steps, mean, dashes, label=label, **look)
    if len(values) > 1:
        band = values.std(axis=0, ddof=1)
        axes.fill_between(steps, mean - band, mean + band, color=colour, alpha=0.18, linewidth=0)
    return line


def _has_outliers(values) -> bool:
    """Returns whether a few values would leave little room for all others on a linear axis."""
    low, high = np.percentile(values, [10, 90])
    return np.ptp(values) > OUTLIER * max(high - low, 1e-9) and np.abs(values).max() > OUTLIER

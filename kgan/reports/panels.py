"""Curves of a report: an SVG image for each measure, in the colours of the page."""

import html
import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from kgan.plots import curves
from kgan.reports.records import Group

INK = "#0a0b0c"  # replaced by the page's text colour, which depends on light or dark mode
INCHES = (4.4, 2.9)
THICK, THIN = 60, 600  # maximum number of points of a line; neighbours are averaged
NOT_PLOTTED = ("kind", "step", "seconds", "epoch")
PREFIXES = {"train": "", "validation": curves.VALIDATION, "alarm": curves.ALARM}
MAIN = (  # measures that are shown first, in this order
    *(re.compile(f"{loss}$") for loss in curves.LOSSES),
    re.compile("validation/"),
    re.compile("wasserstein$"),
    re.compile(r".*score"),
    re.compile("alarm/"),
)
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "xtick.color", "ytick.color", "grid.color"), INK),
    **dict.fromkeys(("axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor"), "none"),
    "axes.formatter.useoffset": False,
    "text.parse_math": False,
    "grid.linewidth": 0.5,
}


def legend(groups: Sequence[Group]) -> list[tuple[str, str, Group]]:
    """Returns each group with the colour and the CSS border style of its lines."""
    borders = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashed"}
    styles = [curves.line_style(group.number) for group in groups]
    return [(to_hex(c), borders[dashes], g) for (c, dashes), g in zip(styles, groups, strict=True)]


def plot(groups: Sequence[Group]) -> tuple[list[str], list[str]]:
    """Plots every logged measure.

    Returns:
        The images of the main measures (losses, validation, Wasserstein estimate, scores,
        diversity), and those of all others.
    """
    lines = [line for group in groups for record in group.records for line in record.lines]
    main, others = [], []
    for measure in sorted(dict.fromkeys(m for line in lines for m in _measures(line)), key=_rank):
        entries = {
            group.number: (group.name, curves.of_runs([r.lines for r in group.records], measure))
            for group in groups
        }
        if any(found for _, found in entries.values()):
            (main if _rank(measure) < len(MAIN) else others).append(_svg(measure, entries))
    return main, others


def is_smoothed(groups: Sequence[Group]) -> bool:
    """Returns whether some lines are plotted twice: as logged, and as means of neighbours."""
    single = [group.records[0] for group in groups if len(group.records) == 1]
    return any(sum(line["kind"] == "train" for line in r.lines) > THICK for r in single)


def thin_out(curve: curves.Curve, count: int) -> curves.Curve:
    """Averages neighbouring points, in `count` equal parts, where a curve has more points."""
    if curve.steps.size <= count:
        return curve
    steps, values = (
        np.array([part.mean() for part in np.array_split(numbers, count)])
        for numbers in (curve.steps, curve.values)
    )
    return curves.Curve(steps, values)


def _measures(line):
    prefix = PREFIXES.get(line["kind"])
    return [] if prefix is None else [f"{prefix}{n}" for n in line if n not in NOT_PLOTTED]


def _rank(measure) -> int:
    """Returns the position of a measure among the main ones, or behind them."""
    return next((n for n, begins in enumerate(MAIN) if begins.match(measure)), len(MAIN))


def _svg(measure, entries) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": measure}):
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots()
        # Single runs also as they were logged; several runs have a band instead.
        for number, (_, found) in entries.items():
            if len(found) == 1 and found[0].steps.size > THICK:
                curve, (colour, _) = thin_out(found[0], THIN), curves.line_style(number)
                axes.plot(curve.steps, curve.values, color=colour, alpha=0.35, linewidth=0.7)
        thick = {n: (name, [thin_out(c, THICK) for c in f]) for n, (name, f) in entries.items()}
        curves.plot_curves(axes, measure, thick)
        axes.set_ylabel("")
        axes.set_title(measure, fontsize=10, loc="left")
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator"), None))
    return _inline(buffer.getvalue(), measure)


def _inline(text, measure) -> str:
    """Turns an SVG file into an element that can be repeated in a page."""
    text = text[text.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r' xmlns(:\w+)?="[^"]*"'):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text).replace("xlink:href", "href")
    text = text.replace(INK, "currentColor")
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(measure)}"', 1)

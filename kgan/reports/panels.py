"""The curves of a report: an SVG for each measure, in the colours of the page around it."""

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

INK = "#0a0b0c"  # stands for the colour of the page's text, which is another one in the dark
INCHES = (4.4, 2.9)
THICK, THIN = 60, 600  # points of a line at most; of more, neighbours are taken together
NOT_DRAWN = ("kind", "step", "seconds", "epoch")
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": INK,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,
    "grid.linewidth": 0.5,
}


def legend(groups: Sequence[Group]) -> list[tuple[str, str, Group]]:
    """Gives each group with the colour and the CSS border style of its lines."""
    styles = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashed"}
    looks = [curves.line_style(group.number) for group in groups]
    return [(to_hex(c), styles[p], g) for (c, p), g in zip(looks, groups, strict=True)]


def draw(groups: Sequence[Group]) -> dict[bool, list[str]]:
    """Draws every measure that was logged.

    Returns:
        Under True what a reader looks at first (losses, validation, Wasserstein estimate, scores,
        diversity), under False all else.
    """
    logged = dict.fromkeys(
        name
        for group in groups
        for record in group.records
        for line in record.lines
        for name in _measures(line)
    )
    found: dict[bool, list[str]] = {True: [], False: []}
    for measure in sorted(logged, key=_rank):
        drawn = {g.number: (g.name, _curves(g, measure)) for g in groups}
        if any(of_group for _, of_group in drawn.values()):
            found[_rank(measure) < len(FIRST)].append(_svg(measure, drawn))
    return found


def smoothed(groups: Sequence[Group]) -> bool:
    """Tells whether any lines are drawn twice: as logged, and thicker as means of neighbours."""
    alone = [group.records[0] for group in groups if len(group.records) == 1]
    return any(sum(line["kind"] == "train" for line in r.lines) > THICK for r in alone)


def _measures(line):
    before = {"train": "", "validation": curves.VALIDATION, "alarm": curves.ALARM}
    if line["kind"] not in before:
        return []
    return [f"{before[line['kind']]}{name}" for name in line if name not in NOT_DRAWN]


FIRST = (
    *(re.compile(f"{loss}$") for loss in curves.LOSSES),
    re.compile("validation/"),
    re.compile("wasserstein$"),
    re.compile(r".*score"),
    re.compile("alarm/"),
)


def _rank(measure) -> int:
    """Sorts measures; those after the FIRST keep their order."""
    return next((n for n, begins in enumerate(FIRST) if begins.match(measure)), len(FIRST))


def _curves(group, measure):
    return curves.of_runs([record.lines for record in group.records], measure)


def _thinned(curve, points):
    """Takes neighbouring points together, a mean at their mean step."""
    if curve.steps.size <= points:
        return curve
    steps, values = (
        np.array([part.mean() for part in np.array_split(numbers, points)])
        for numbers in (curve.steps, curve.values)
    )
    return curves.Curve(steps, values)


def _svg(measure, drawn) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": measure}):
        figure = Figure(figsize=INCHES, layout="constrained")
        panel = figure.subplots()
        _draw_thin(panel, drawn)
        curves.plot_curves(panel, measure, {n: (name, _thick(c)) for n, (name, c) in drawn.items()})
        panel.set_ylabel("")
        panel.set_title(measure, fontsize=10, loc="left")
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator"), None))
    return _inline(buffer.getvalue(), measure)


def _thick(found):
    return [_thinned(curve, THICK) for curve in found]


def _draw_thin(panel, drawn):
    """Draws single runs as they were logged; of several the band shows how far they go."""
    for number, (_, found) in drawn.items():
        if len(found) == 1 and found[0].steps.size > THICK:
            curve, (colour, _) = _thinned(found[0], THIN), curves.line_style(number)
            panel.plot(curve.steps, curve.values, color=colour, alpha=0.35, linewidth=0.7)


def _inline(text, measure) -> str:
    """Makes of an SVG file what may stand in a page beside others."""
    text = text[text.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r' xmlns(:\w+)?="[^"]*"'):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text).replace("xlink:href", "href")
    text = text.replace(INK, "currentColor")
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(measure)}"', 1)

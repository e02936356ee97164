"""Tables of a report: facts about the runs, metrics, flags and events."""

import dataclasses
import re
import shlex
import statistics
import time
from collections.abc import Sequence

from kgan.evaluation.printing import format_value
from kgan.evaluation.selection import EVALUATIONS, lower_is_better
from kgan.evaluation.storage import NOT_VALUES
from kgan.metrics.comparison import ERROR
from kgan.plots import curves
from kgan.reports.records import Group, Record, differing

STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d", re.MULTILINE)  # of log.txt


@dataclasses.dataclass(frozen=True)
class Cell:
    """The value of a metric for a group.

    Args:
        text: the value; empty if there is none.
        by_seed: the values of its runs, if there are several.
        best: whether no other group has a better value and one has a worse one.

    Example:
        >>> Cell("0.25 ± 0.01", ["seed 0: 0.24", "seed 1: 0.26"]).best
        False
    """

    text: str
    by_seed: list[str]
    best: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """The results of one evaluation on one part of the dataset.

    Args:
        evaluation: its name.
        part: part of the dataset.
        measured: a text for each group: which checkpoint, how many images.
        rows: full name of a metric, `lower is better`, `higher is better` or nothing, and a cell
            for each group.

    Example:
        >>> row = ("l1", "lower is better", [Cell("0.25", [])])
        >>> Section("pairs", "test", ["step 40; 5 images"], [row]).rows[0][0]
        'l1'
    """

    evaluation: str
    part: str
    measured: list[str]
    rows: list[tuple[str, str, list[Cell]]]


# Head


def facts(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Returns rows of facts: a name, and a value for each run."""
    columns = [_facts(record) for record in records]
    return [(name, [column[name] for column in columns]) for name in columns[0]]


def _facts(record):
    train = [line for line in record.lines if line["kind"] == "train"]
    ends = [line for line in record.lines if line["kind"] == "end"]
    speeds = [line["images_per_second"] for line in train if line.get("images_per_second")]
    memory = max((line.get("peak_memory_mb") or 0 for line in ends), default=0)
    cores = ends[-1].get("cores") if ends else None
    seconds = curves.seconds_of(train)
    return {
        "model": record.flags["model"],
        "dataset": record.flags["dataset"],
        "seed": record.flags["seed"],
        "trained": trained(record),
        "steps": f"{max(line['step'] for line in record.lines):,}",
        "training time": duration(seconds) if seconds else "–",
        "images/s, median": f"{statistics.median(speeds):,.4g}" if speeds else "–",
        "cores": f"{cores:g}" if cores else "–",
        "peak memory": f"{memory:,.0f} MiB" if memory else "–",
    }


def trained(record: Record) -> str:
    """Returns start and end of training by log.txt; without it, the time of the last metrics."""
    log = record.run.folder / "log.txt"
    stamps = STAMP.findall(log.read_text(errors="replace")) if log.exists() else []
    if not stamps:
        written = time.localtime(record.run.metrics.stat().st_mtime)
        return f"until {time.strftime('%Y-%m-%d %H:%M', written)}"
    first, last = stamps[0], stamps[-1]
    if first == last:
        return first
    return f"{first} to {last.removeprefix(first[:11])}"


def duration(seconds: float) -> str:
    """Formats a time as 47 s, 3 min 5 s or 2 h 9 min."""
    seconds = round(seconds)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours:,} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def command(record: Record) -> str:
    """Returns the shell command that repeats a run."""
    return f"python -m kgan.train --flagfile={shlex.quote(str(record.run.flags))}"


# Metrics


def metrics(groups: Sequence[Group]) -> list[Section]:
    """Returns the newest results on each part, by evaluation.

    Runs that differ only in the seed give a mean and a sample standard deviation. Values of another
    protocol have other names and so rows of their own.
    """
    found = {
        (name, line["part"])
        for group in groups
        for record in group.records
        for name, lines in record.results.items()
        for line in lines
    }
    order = {evaluation.NAME: number for number, evaluation in enumerate(EVALUATIONS)}
    found = sorted(found, key=lambda p: (order.get(p[0], len(order)), p[1] != "test", p))
    return [_section(groups, evaluation, part) for evaluation, part in found]


def _section(groups, evaluation, part):
    newest = [[_newest(record, evaluation, part) for record in group.records] for group in groups]
    names = dict.fromkeys(
        name
        for lines in newest
        for line in lines
        for name in line
        if name not in NOT_VALUES and not name.endswith(ERROR)
    )
    rows = []
    for name in names:
        lower = lower_is_better(evaluation, name)
        better = {True: "lower is better", False: "higher is better", None: ""}[lower]
        rows.append((name, better, _cells(groups, newest, name, lower)))
    return Section(evaluation, part, [_measured(lines) for lines in newest], rows)


def _newest(record, evaluation, part) -> dict:
    lines = [line for line in record.results.get(evaluation, []) if line["part"] == part]
    return max(lines, key=lambda line: line.get("time") or 0, default={})


def _measured(lines) -> str:
    steps = sorted({line["step"] for line in lines if line})
    counts = sorted({int(line["pictures"]) for line in lines if line.get("pictures")})
    if not steps:
        return ""
    words = f"step{'s' if len(steps) > 1 else ''} {', '.join(f'{step:,}' for step in steps)}"
    return words + "".join(f"; {count:,} images" for count in counts)


def _cells(groups, newest, name, lower):
    found = [_cell(group, lines, name) for group, lines in zip(groups, newest, strict=True)]
    means = [mean for mean, _ in found if mean is not None]
    best = None if lower is None or len(set(means)) < 2 else min(means) if lower else max(means)
    return [dataclasses.replace(cell, best=best is not None and m == best) for m, cell in found]


def _cell(group, lines, name):
    """Returns a group's mean (None without values) and its cell of the table."""
    measured = [
        (record, line[name], line.get(f"{name}{ERROR}"))
        for record, line in zip(group.records, lines, strict=True)
        if name in line
    ]
    finite = [(r, v, e) for r, v, e in measured if v is not None]
    if not finite:
        return None, Cell("not finite" if measured else "", [])
    values = [value for _, value, _ in finite]
    mean = statistics.fmean(values)
    if len(group.records) == 1:
        return mean, Cell(format_value(mean, finite[0][2]), [])
    deviation = statistics.stdev(values) if len(values) > 1 else None
    by_seed = [f"seed {r.flags['seed']}: {format_value(v, e)}" for r, v, e in finite]
    return mean, Cell(format_value(mean, deviation), by_seed)


# Flags and events


def settings(records: Sequence[Record]) -> list[tuple[str, list[str], bool]]:
    """Returns rows of all flags: a name, a value for each run, and whether the runs differ."""
    unlike = set(differing(records))
    names = {name for record in records for name in record.flags}
    return [
        (name, [r.flags.get(name, "") for r in records], name in unlike) for name in sorted(names)
    ]


def events(record: Record) -> list[tuple[int, str, str]]:
    """Returns the events of a run: step, kind, text."""
    found = [(at["step"], at["kind"], at["text"]) for at in record.lines if "text" in at]
    ends = [line["step"] for line in record.lines if line["kind"] == "end"]
    found += [(step, "end", "stopped and resumed later") for step in ends[:-1]]
    last = max(line["step"] for line in record.lines)
    if record.run.in_use():
        found.append((last, "now", "training is running"))
    elif not ends or ends[-1] < last:
        found.append((last, "last line", "no end was logged: training was killed or failed"))
    else:
        found.append((ends[-1], "end", "training ended"))
    return sorted(found, key=lambda event: event[0])

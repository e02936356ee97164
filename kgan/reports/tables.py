"""The tables of a report: what the runs are, what was measured, the flags, what happened."""

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
    """What a group reached in a metric.

    Args:
        text: the value; empty where there is none.
        by_seed: the values of its runs, where there are several.
        best: whether no other group has a better one, and one has a worse one.
    """

    text: str
    by_seed: list[str]
    best: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """All that one kind of evaluation found on one part of the data.

    Args:
        kind: of evaluation.
        part: of the data set.
        measured: a line for each group: which checkpoint, how many images.
        rows: the full name of a metric, which way is better in words, and a cell a group.
    """

    kind: str
    part: str
    measured: list[str]
    rows: list[tuple[str, str, list[Cell]]]


# Head


def facts(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Says what each run is, a row for each thing."""
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
        "scheme": record.flags["model"],
        "data set": record.flags["dataset"],
        "seed": record.flags["seed"],
        "when": when(record),
        "steps": f"{max(line['step'] for line in record.lines):,}",
        "training time": duration(seconds) if seconds else "–",
        "images/s, median": f"{statistics.median(speeds):,.4g}" if speeds else "–",
        "cores": f"{cores:g}" if cores else "–",
        "peak memory": f"{memory:,.0f} MiB" if memory else "–",
    }


def when(record: Record) -> str:
    """Says from when to when a run was trained: by its log, else when its logs were written."""
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
    """Writes a time as people say it: 47 s, 3 min 5 s, 2 h 9 min."""
    seconds = round(seconds)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours:,} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def command(record: Record) -> str:
    """Writes the line for a shell that trains a run again."""
    return f"python -m kgan.train --flagfile={shlex.quote(str(record.run.flags))}"


# What was measured


def metrics(groups: Sequence[Group]) -> list[Section]:
    """Tables what was measured: the newest line of each part, by kind of evaluation.

    A group of seeds has the mean and the sample standard deviation over its runs. Full names keep
    figures apart that another protocol gave.
    """
    found = {
        (kind, line["part"])
        for group in groups
        for record in group.records
        for kind, lines in record.kept.items()
        for line in lines
    }
    order = [kind.NAME for kind in EVALUATIONS]
    known = sorted(found, key=lambda pair: (_place(order, pair[0]), pair[1] != "test", pair))
    return [_section(groups, kind, part) for kind, part in known]


def _place(order, kind):
    return order.index(kind) if kind in order else len(order)


def _section(groups, kind, part):
    newest = [[_newest(record, kind, part) for record in group.records] for group in groups]
    names = dict.fromkeys(
        name
        for lines in newest
        for line in lines
        for name in line
        if name not in NOT_VALUES and not name.endswith(ERROR)
    )
    rows = []
    for name in names:
        lower = lower_is_better(kind, name)
        way = {True: "lower is better", False: "higher is better", None: ""}[lower]
        rows.append((name, way, _cells(groups, newest, name, lower)))
    return Section(kind, part, [_measured(lines) for lines in newest], rows)


def _newest(record, kind, part) -> dict:
    lines = [line for line in record.kept.get(kind, []) if line["part"] == part]
    return max(lines, key=lambda line: line.get("time") or 0, default={})


def _measured(lines) -> str:
    steps = sorted({line["step"] for line in lines if line})
    counts = sorted({int(line["pictures"]) for line in lines if line.get("pictures")})
    if not steps:
        return ""
    words = f"step{'s' if len(steps) > 1 else ''} {', '.join(f'{step:,}' for step in steps)}"
    return words + "".join(f"; {count:,} images" for count in counts)


def _cells(groups, newest, name, lower):
    means, cells = [], []
    for group, lines in zip(groups, newest, strict=True):
        mean, cell = _cell(group, lines, name)
        means.append(mean)
        cells.append(cell)
    known = [mean for mean in means if mean is not None]
    if lower is None or len(set(known)) < 2:
        return cells
    best = min(known) if lower else max(known)
    return [dataclasses.replace(c, best=m == best) for c, m in zip(cells, means, strict=True)]


def _cell(group, lines, name):
    """Gives a group's mean (None where there is none) and what stands in the table."""
    there = [(r, line) for r, line in zip(group.records, lines, strict=True) if name in line]
    measured = [(r, line[name], line.get(f"{name}{ERROR}")) for r, line in there]
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
    """Tables all flags by name: a value a run, and whether they differ."""
    unlike = set(differing(records))
    names = {name for record in records for name in record.flags}
    return [
        (name, [r.flags.get(name, "") for r in records], name in unlike) for name in sorted(names)
    ]


def events(record: Record) -> list[tuple[int, str, str]]:
    """Lists what happened to a run: step, what kind of thing, words."""
    found = [(at["step"], at["kind"], at["text"]) for at in record.lines if "text" in at]
    ends = [line["step"] for line in record.lines if line["kind"] == "end"]
    found += [(step, "end", "went on later") for step in ends[:-1]]
    last = max(line["step"] for line in record.lines)
    if record.run.in_use():
        found.append((last, "now", "it is being trained"))
    elif not ends or ends[-1] < last:
        found.append((last, "last line", "no end was logged: it was killed, or failed"))
    else:
        found.append((ends[-1], "end", "training ended here"))
    return sorted(found, key=lambda event: event[0])

"""What the folders of runs hold, read and checked as a whole before anything is made of it."""

import dataclasses
import math
import pathlib
import types
from collections.abc import Sequence

from kgan.cli import settings as command_line
from kgan.evaluation import storage
from kgan.runs import logs
from kgan.runs.folder import Run, open_run
from kgan.sweeps import grid
from kgan.utils.errors import UserError

WORDS = ("kind", "part", "text")  # the values that are no numbers
MOST_NAMED = 3  # flags by which a group is told from the others


@dataclasses.dataclass(frozen=True)
class Record:
    """What the folder of a run holds.

    Args:
        run: the folder.
        name: what the page calls it.
        settings: the resolved flags.
        lines: of metrics.jsonl.
        kept: of metrics-*.jsonl, by kind of evaluation.
    """

    run: Run
    name: str
    settings: types.SimpleNamespace
    lines: list[dict]
    kept: dict[str, list[dict]]

    @property
    def flags(self) -> dict[str, str]:
        """The flags that were given or filled in, as text."""
        skipped = {*command_line.NOT_STORED, "given", "scheme"}
        return {
            name: _text(value)
            for name, value in sorted(vars(self.settings).items())
            if name not in skipped and value is not None
        }


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed (and in where they lie); often one.

    Args:
        number: counts the groups from 0; gives the colour of its curves.
        records: at least one.
        about: what tells it from the other groups, and its seeds.
    """

    number: int
    records: list[Record]
    about: str

    @property
    def name(self) -> str:
        more = len(self.records) - 1
        return self.records[0].name + (f" and {more} more" if more else "")


def read(folders: Sequence[str]) -> list[Record]:
    """Reads runs; a folder that is given twice counts once.

    Raises:
        UserError: one line, for what is no run, has nothing logged, or is damaged.
    """
    opened: dict[pathlib.Path, Run] = {}
    for run in map(open_run, folders):
        opened.setdefault(run.folder.resolve(), run)
    names = [path.name for path in opened]
    return [
        _read(run, path.name if names.count(path.name) == 1 else str(run.folder))
        for path, run in opened.items()
    ]


def _read(run, name):
    lines = logs.read_metrics(run.metrics)
    if not lines:
        raise UserError(f"--run={run.folder}: nothing logged there yet; train it first")
    _check(lines, "kind", run.metrics)
    kept = storage.read_results(run)
    for kind, measured in kept.items():
        _check(measured, "part", run.folder / f"metrics-{kind}.jsonl")
    return Record(run, name, run.settings(), lines, kept)


def _check(lines, needed, path):
    for number, line in enumerate(lines, start=1):
        right = needed in line and all(_is_right(name, value) for name, value in line.items())
        if not right:
            raise UserError(
                f"{path}, line {number}: damaged; right would be a {needed} and numbers by name"
            )


def _is_right(name, value) -> bool:
    if name in WORDS:
        return isinstance(value, str)
    try:
        # What is not finite is written as null.
        return value is None or (isinstance(value, int | float) and math.isfinite(value))
    except OverflowError:  # a whole number of hundreds of digits
        return False


def groups(records: Sequence[Record]) -> list[Group]:
    """Takes runs together that differ in nothing but the seed and in where they lie."""
    found: dict[tuple, list[Record]] = {}
    for record in records:
        kept = record.flags.items()
        key = tuple((name, value) for name, value in kept if name not in grid.NOT_VARIED)
        found.setdefault(key, []).append(record)
    firsts = [members[0] for members in found.values()]
    telling = [name for name in differing(firsts) if name not in grid.NOT_VARIED]
    return [
        Group(number, members, _about(members, telling))
        for number, members in enumerate(found.values())
    ]


def _about(members, telling):
    flags = members[0].flags
    # Another scheme or data set says enough; its flags differ in any case.
    chief = [name for name in ("model", "dataset") if name in telling]
    shown = chief if "model" in telling else [*chief, *(n for n in telling if n not in chief)]
    words = [f"{name}={flags.get(name, '')}" for name in shown[:MOST_NAMED]]
    if len(shown) > MOST_NAMED:
        words.append("…")
    if len(members) > 1:
        words.append(f"seeds {', '.join(member.flags['seed'] for member in members)}")
    return ", ".join(words)


def differing(records: Sequence[Record]) -> list[str]:
    """Lists the flags that not all runs have the same value of, by name."""
    names = sorted({name for record in records for name in record.flags})
    return [name for name in names if len({record.flags.get(name) for record in records}) > 1]


def _text(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

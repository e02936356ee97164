"""Contents of run folders, read and checked as a whole before a report is made."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

from kgan.cli.settings import NOT_STORED
from kgan.evaluation import storage
from kgan.runs import logs
from kgan.runs.folder import Run, open_run
from kgan.sweeps import grid
from kgan.utils.errors import UserError

TEXTS = ("kind", "part", "text")  # values that are no numbers
MAX_NAMED = 3  # flags in the description of a group


@dataclasses.dataclass(frozen=True)
class Record:
    """The contents of a run folder.

    Args:
        run: the folder.
        name: name of the run on the page.
        settings: the resolved flags.
        lines: of metrics.jsonl.
        results: lines of metrics-*.jsonl, by name of the evaluation.

    Example:
        >>> flags = {"model": "dcgan", "seed": 7}
        >>> Record(Run(pathlib.Path("runs/00001-a")), "00001-a", flags, [], {}).flags
        {'model': 'dcgan', 'seed': '7'}
    """

    run: Run
    name: str
    settings: Mapping[str, object]
    lines: list[dict]
    results: dict[str, list[dict]]

    @property
    def flags(self) -> dict[str, str]:
        """All flags that have a value, as text."""
        return {
            name: _text(value)
            for name, value in sorted(self.settings.items())
            if name not in NOT_STORED and value is not None
        }


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that differ only in the seed and in their names and folders; often a single run.

    Args:
        number: counts the groups from 0; determines the colour of its curves.
        records: at least one.
        about: flags in which it differs from the other groups, and its seeds.

    Example:
        >>> record = Record(Run(pathlib.Path("a")), "a", None, [], {})
        >>> Group(0, [record, record], "lr=0.1").name
        'a and 1 more'
    """

    number: int
    records: list[Record]
    about: str

    @property
    def name(self) -> str:
        """The name of the first run and the number of others."""
        more = len(self.records) - 1
        return self.records[0].name + (f" and {more} more" if more else "")


def read(folders: Sequence[str]) -> list[Record]:
    """Reads run folders; repetitions are ignored."""
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
        raise UserError(f"--run={run.folder}: nothing is logged there yet; train it first")
    _check(lines, "kind", run.metrics)
    results = storage.read_results(run)
    for evaluation, stored in results.items():
        _check(stored, "part", run.folder / f"metrics-{evaluation}.jsonl")
    return Record(run, name, run.settings().values, lines, results)


def _check(lines, needed, path):
    for number, line in enumerate(lines, start=1):
        if needed not in line or not all(_is_valid(*item) for item in line.items()):
            raise UserError(
                f"{path}, line {number}: damaged; a line has a {needed} and numbers by name"
            )


def _is_valid(name, value) -> bool:
    if name in TEXTS:
        return isinstance(value, str)
    try:
        # NaN and infinity are stored as null.
        return value is None or (isinstance(value, int | float) and math.isfinite(value))
    except OverflowError:  # an integer of hundreds of digits
        return False


def group(records: Sequence[Record]) -> list[Group]:
    """Groups runs that differ only in the seed and in their names and folders."""
    found: dict[tuple, list[Record]] = {}
    for record in records:
        key = tuple(item for item in record.flags.items() if item[0] not in grid.NOT_VARIED)
        found.setdefault(key, []).append(record)
    every = list(found.values())
    names = differing([members[0] for members in every])
    names = [name for name in names if name not in grid.NOT_VARIED]
    return [Group(n, members, _about(members, names)) for n, members in enumerate(every)]


def _about(members, names):
    flags = members[0].flags
    # With another model most flags differ: its name is enough.
    main = [name for name in ("model", "dataset") if name in names]
    shown = main if "model" in names else [*main, *(n for n in names if n not in main)]
    words = [f"{name}={flags.get(name, '')}" for name in shown[:MAX_NAMED]]
    if len(shown) > MAX_NAMED:
        words.append("…")
    if len(members) > 1:
        words.append(f"seeds {', '.join(member.flags['seed'] for member in members)}")
    return ", ".join(words)


def differing(records: Sequence[Record]) -> list[str]:
    """Returns the names of the flags in which runs differ, sorted."""
    names = sorted({name for record in records for name in record.flags})
    return [name for name in names if len({record.flags.get(name) for record in records}) > 1]


def _text(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

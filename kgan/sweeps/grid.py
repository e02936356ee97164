"""The grid of a sweep: varied flags, the cells that combine their values, and the runs of each."""

import dataclasses
import hashlib
import itertools
import pathlib
import re
from collections.abc import Mapping, Sequence

from kgan.cli.parsing import parse_training
from kgan.cli.settings import FREE_OF_SWEEPS, NOT_STORED, PLACES
from kgan.utils.errors import UserError

# Flags that the sweep gives each run, or that do not change the training.
NOT_VARIED = (
    *NOT_STORED,
    *PLACES,
    *("seed", "export", "export_dir", "keep_checkpoints", "checkpoint_every"),
    *("data_dir", "manual_dir"),
)
OWN = ("runs_dir", "name", "job", "resume")
# The length of the runs must not change either when a sweep is resumed.
LENGTHS = ("steps", "epochs", "minutes")
LONGEST_JOB = 120  # characters: it is part of a folder name


@dataclasses.dataclass(frozen=True)
class Cell:
    """A choice of one value for each varied flag.

    Args:
        varied: values by flag, as written on the command line.
        base: all other given flags, as arguments.
        seeds: one for each repeat.
        resolved: settings that must not change when the sweep is resumed, as arguments by name.
        steps: length of its runs in steps, if it is given.
        epochs: length of its runs in epochs, if it is given.

    Example:
        >>> cell = Cell({"g_lr": "0.1"}, ("--model=gan",), (0, 1), {}, None, None)
        >>> cell.arguments(seed=1)
        ['--model=gan', '--g_lr=0.1', '--seed=1']
        >>> cell.job(seed=1)
        'g_lr=0.1+seed=1'
    """

    varied: Mapping[str, str]
    base: tuple[str, ...]
    seeds: tuple[int, ...]
    resolved: Mapping[str, str]
    steps: int | None
    epochs: int | None

    @property
    def label(self) -> str:
        """The varied flags with their values."""
        return ", ".join(f"{name}={value}" for name, value in self.varied.items())

    def arguments(self, seed: int | str) -> list[str]:
        """Returns the arguments that train the cell with a seed."""
        varied = [f"--{name}={value}" for name, value in self.varied.items()]
        return [*self.base, *varied, f"--seed={seed}"]

    def job(self, seed: int) -> str:
        """Returns a name of a run that depends only on the varied values and the seed."""
        text = "+".join(f"{name}={value}" for name, value in self.varied.items())
        job = re.sub(r"[^\w.+=-]", "-", text)
        if job != text or len(job) > LONGEST_JOB:
            # Two cells may differ only in characters that were replaced or cut off.
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            job = f"{job[:LONGEST_JOB]}-{digest}"
        return f"{job}+seed={seed}"


@dataclasses.dataclass(frozen=True)
class Grid:
    """All cells of a sweep, in the order of the command line.

    Args:
        axes: the values of each varied flag.
        cells: their combinations.
        dry_run: whether nothing is trained.

    Example:
        >>> grid = build(["g_lr:0.1|0.2"], 2, ["--model=gan"])
        >>> [f"{cell.label} seed={seed}" for cell, seed in grid.runs()]
        ['g_lr=0.1 seed=0', 'g_lr=0.2 seed=0', 'g_lr=0.1 seed=1', 'g_lr=0.2 seed=1']
    """

    axes: Mapping[str, Sequence[str]]
    cells: tuple[Cell, ...]
    dry_run: bool = False

    @property
    def repeats(self) -> int:
        """The number of runs of each cell."""
        return len(self.cells[0].seeds)

    def runs(self) -> list[tuple[Cell, int]]:
        """Lists the runs, each cell once before any a second time."""
        return [(cell, cell.seeds[repeat]) for repeat in range(self.repeats) for cell in self.cells]

    def record(self) -> dict:
        """Returns, for JSON, what `check_extends` needs of this grid."""
        axes = {name: list(values) for name, values in self.axes.items()}
        return {"grid": axes, "repeats": self.repeats, "settings": dict(self.cells[0].resolved)}

    def check_extends(self, record: Mapping, out: str) -> None:
        """Checks that this grid contains an earlier one, with the same base settings.

        Args:
            record: returned by `record` of the earlier grid.
            out: the sweep's folder, for the message.
        """
        axes, another = record["grid"], "give another --out for another sweep"
        if set(axes) != set(self.axes):
            raise UserError(
                f"--sweep: varies {', '.join(self.axes)}, the sweep in {out} {', '.join(axes)}; "
                f"{another}"
            )
        for name, values in axes.items():
            missing = [value for value in values if value not in self.axes[name]]
            if missing:
                raise UserError(
                    f"--sweep={name}:{'|'.join(self.axes[name])}: the sweep in {out} has "
                    f"{', '.join(missing)}, too; give all of its values and more, or {another}"
                )
        if self.repeats < record["repeats"]:
            raise UserError(
                f"--repeats={self.repeats}: the sweep in {out} has {record['repeats']}; give as "
                f"many or more, or {another}"
            )
        first = {name: values[0] for name, values in axes.items()}
        cell = next(cell for cell in self.cells if cell.varied == first)
        for name in sorted(set(cell.resolved) | set(record["settings"])):
            now = cell.resolved.get(name, f"no --{name}")
            before = record["settings"].get(name, f"no --{name}")
            if now != before:
                raise UserError(f"{now}: the sweep in {out} has {before}; keep it, or {another}")


def build(texts: Sequence[str], repeats: int, arguments: Sequence[str]) -> Grid:
    """Parses the flags of every run.

    Args:
        texts: the `--sweep` flags, NAME:VALUE|VALUE….
        repeats: number of runs of each cell, with consecutive seeds from `--seed` on.
        arguments: flags of `kgan.train` for all runs.
    """
    given = _axes(texts)
    axes: dict[str, dict[str, None]] = {name: {} for name in given}
    cells = []
    for values in itertools.product(*given.values()):
        words = [f"--{name}={value}" for name, value in zip(given, values, strict=True)]
        resolved = parse_training([*arguments, *words])
        for name in OWN:
            if name in resolved.given:
                raise UserError(f"--{name}: set by the sweep; use --out for the folder")
        varied = {
            name: _written(resolved.values[name], value)
            for name, value in zip(given, values, strict=True)
        }
        for name, value in varied.items():
            axes[name][value] = None
        seeds = tuple(range(resolved.run.seed, resolved.run.seed + repeats))
        for seed in seeds[1:]:
            parse_training([*arguments, *words, f"--seed={seed}"])
        cells.append(_cell(resolved, varied, seeds))
    for name, values in given.items():
        if len(axes[name]) < len(values):
            raise UserError(f"--sweep={name}:{'|'.join(values)}: contains a value twice")
    axes = {name: tuple(values) for name, values in axes.items()}
    return Grid(axes, tuple(cells), dry_run=resolved.run.dry_run)


def _axes(texts):
    axes = {}
    for text in texts:
        match = re.fullmatch(r"-*(\w+):(.*)", text)
        values = [value.strip() for value in match[2].split("|")] if match else []
        if not values or not all(values):
            raise UserError(f"--sweep={text}: give NAME:VALUE|VALUE…, such as 'g_lr:0.0001|0.0002'")
        if match[1] in NOT_VARIED:
            raise UserError(
                f"--sweep={text}: {match[1]} cannot be varied; seeds are set by --seed "
                "and --repeats, folders by --out"
            )
        if match[1] in axes:
            raise UserError(
                f"--sweep={text}: {match[1]} is varied already; give all values in one flag"
            )
        axes[match[1]] = values
    return axes


def _written(value, given):
    """Writes a value in a unique form: 1e-3 and 0.001 are one cell."""
    if isinstance(value, bool):
        return str(value).lower()
    return given if isinstance(value, list) else str(value)


def _cell(resolved, varied, seeds):
    skipped = {*NOT_STORED, *PLACES, "seed", *varied}
    base = resolved.as_arguments(resolved.given - skipped)
    if "export" not in resolved.given:
        # A sweep is made for its curves; few of its models are ever served.
        base.append("--noexport")
    lengths = {name: " ".join(resolved.as_arguments({name})) or f"no --{name}" for name in LENGTHS}
    # A data set's folder may be moved; only its name counts.
    named = resolved.replace(dataset=pathlib.Path(resolved.data.dataset).name)
    fixed = {**resolved.fixed_on_resume(), **named.by_name(FREE_OF_SWEEPS), **lengths}
    fixed = {name: words for name, words in fixed.items() if name not in varied}
    return Cell(varied, tuple(base), seeds, fixed, resolved.run.steps, resolved.run.epochs)

"""The grid of a sweep: what is varied, the cells that this makes, and the runs of each."""

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence

from kgan.cli import settings
from kgan.utils.errors import UserError

# What the sweep itself gives each run, or what makes no run.
NOT_VARIED = (
    *settings.NOT_STORED,
    *settings.PLACES,
    "seed",
    "export",
    "export_dir",
    "keep_checkpoints",
    "checkpoint_every",
    "data_dir",
    "manual_dir",
)
OWN = ("runs_dir", "name", "job", "resume")
# How long a run is counts here: cells that are to be compared are trained alike.
LENGTHS = ("steps", "epochs", "minutes")
LONGEST_JOB = 120  # characters: it is part of a folder's name


@dataclasses.dataclass(frozen=True)
class Cell:
    """A choice of one value for each flag that is varied.

    Args:
        varied: the values by flag, as they are written on the command line.
        base: all other flags that were given, as words.
        seeds: one a repeat.
        resolved: by name, what counts when a sweep is gone on with, as words.
        steps: where its runs end, if that is known beforehand.
        epochs: the same in epochs.
    """

    varied: Mapping[str, str]
    base: tuple[str, ...]
    seeds: tuple[int, ...]
    resolved: Mapping[str, str]
    steps: int | None
    epochs: int | None

    @property
    def label(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.varied.items())

    def arguments(self, seed: int | str) -> list[str]:
        """Writes the flags that train the cell with a seed."""
        varied = [f"--{name}={value}" for name, value in self.varied.items()]
        return [*self.base, *varied, f"--seed={seed}"]

    def job(self, seed: int) -> str:
        """Names a run by its settings: the same name each time, another for each cell and seed."""
        text = "+".join(f"{name}={value}" for name, value in self.varied.items())
        job = re.sub(r"[^\w.+=-]", "-", text)
        if job != text or len(job) > LONGEST_JOB:
            # What was changed or cut off could have told two cells apart.
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            job = f"{job[:LONGEST_JOB]}-{digest}"
        return f"{job}+seed={seed}"


@dataclasses.dataclass(frozen=True)
class Grid:
    """All cells, in the order of the command line.

    Args:
        axes: the values by flag that is varied.
        cells: their product.
        dry_run: whether nothing is to be trained.
    """

    axes: Mapping[str, Sequence[str]]
    cells: tuple[Cell, ...]
    dry_run: bool = False

    @property
    def repeats(self) -> int:
        return len(self.cells[0].seeds)

    def runs(self) -> list[tuple[Cell, int]]:
        """Lists the runs, all cells once before any a second time: an early end has them all."""
        return [(cell, cell.seeds[repeat]) for repeat in range(self.repeats) for cell in self.cells]

    def record(self) -> dict:
        """Writes as JSON what tells whether another command goes on with this sweep."""
        axes = {name: list(values) for name, values in self.axes.items()}
        return {"grid": axes, "repeats": self.repeats, "settings": dict(self.cells[0].resolved)}

    def check_goes_on(self, record: Mapping, out: str) -> None:
        """Checks that this grid holds all of an earlier one, with the same base settings.

        Args:
            record: what `record` gave for the earlier one.
            out: the sweep's folder, for the message.

        Raises:
            UserError: one line that names the flag.
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
                    f"{', '.join(missing)}, too; name all that it has and then more, or {another}"
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
        repeats: runs of each cell, with seeds that follow each other from `--seed` on.
        arguments: flags of `kgan.train` for all of them.

    Raises:
        UserError: one line, for anything that is wrong with one of them.
    """
    given = _axes(texts)
    axes: dict[str, dict[str, None]] = {name: {} for name in given}
    cells = []
    for values in itertools.product(*given.values()):
        words = [f"--{name}={value}" for name, value in zip(given, values, strict=True)]
        resolved = settings.parse([*arguments, *words])
        for name in OWN:
            if name in resolved.given:
                raise UserError(f"--{name}: the sweep gives its own; --out says where it lies")
        varied = {
            name: _written(getattr(resolved, name), value)
            for name, value in zip(given, values, strict=True)
        }
        for name, value in varied.items():
            axes[name][value] = None
        seeds = tuple(range(resolved.seed, resolved.seed + repeats))
        for seed in seeds[1:]:
            settings.parse([*arguments, *words, f"--seed={seed}"])
        cells.append(_cell(resolved, varied, seeds))
    for name, values in given.items():
        if len(axes[name]) < len(values):
            raise UserError(f"--sweep={name}:{'|'.join(values)}: names a value twice")
    return Grid(
        {name: tuple(values) for name, values in axes.items()},
        tuple(cells),
        dry_run=resolved.dry_run,
    )


def _axes(texts):
    axes = {}
    for text in texts:
        match = re.fullmatch(r"-*(\w+):(.*)", text)
        values = [value.strip() for value in match[2].split("|")] if match else []
        if not values or not all(values):
            raise UserError(f"--sweep={text}: NAME:VALUE|VALUE…, such as 'g_lr:0.0001|0.0002'")
        if match[1] in NOT_VARIED:
            raise UserError(
                f"--sweep={text}: {match[1]} cannot be varied; seeds come from --seed and "
                "--repeats, places from --out"
            )
        if match[1] in axes:
            raise UserError(f"--sweep={text}: {match[1]} is varied already; name all values once")
        axes[match[1]] = values
    return axes


def _written(value, given):
    """Writes a value in one way: 1e-3 and 0.001 are one cell."""
    if isinstance(value, bool):
        return str(value).lower()
    return given if isinstance(value, list) else str(value)


def _cell(resolved, varied, seeds):
    skipped = {*settings.NOT_STORED, *settings.PLACES, "seed", *varied}
    base = settings.as_arguments(resolved, resolved.given - skipped)
    if "export" not in resolved.given:
        # A sweep is made for its curves; most of its models nobody will serve.
        base.append("--noexport")
    lengths = {
        name: " ".join(settings.as_arguments(resolved, {name})) or f"no --{name}"
        for name in LENGTHS
    }
    decisive = {**settings.fixed_on_resume(resolved), **lengths}
    fixed = {name: words for name, words in decisive.items() if name not in varied}
    return Cell(varied, tuple(base), seeds, fixed, resolved.steps, resolved.epochs)

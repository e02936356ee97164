"""Trains the runs that a tool compares, each once, and lays their samples side by side."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image, ImageDraw, ImageOps

from kgan.runs.folder import find_job
from kgan.utils import progress

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
# Nothing but the end counts here.
QUIET = (
    "--noevaluate",
    "--noexport",
    "--strategy=none",
    "--checkpoint_every=100000",
    "--sample_every=100000",
)
# Those that this process may use.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
COMPANY = "company.json"  # in a run's folder: what ran beside it
LAST_STEPS = 20  # seconds before the end of its time at which a run may have logged last
TITLE = 18  # pixels above a sheet
GAP = 8


@dataclasses.dataclass(frozen=True)
class Cell:
    """A training to be compared with others.

    Args:
        name: what it is called in tables and under images.
        flags: of `kgan.train`.
        steps: of the generator.
        seed: of weights, noise and order.
        minutes: after which it is ended in any case.
        begun: the shorter training that it goes on with, measured before.
    """

    name: str
    flags: tuple[str, ...]
    steps: int
    seed: int = 0
    minutes: float | None = None
    begun: "Cell | None" = None

    @property
    def job(self) -> str:
        """Names the run by what it is, so that it is trained once."""
        if self.begun is not None:
            return self.begun.job
        return f"{re.sub(r'[^a-z0-9]+', '_', self.name.lower())}-{self.seed}-{self.steps}"


def add_flags(parser: argparse.ArgumentParser, steps: int) -> None:
    """Adds the flags that all comparing tools have."""
    parser.add_argument("--work", type=pathlib.Path, required=True, help="for runs; kept")
    parser.add_argument("--data_dir", help="where TFDS keeps prepared sets")
    parser.add_argument("--manual_dir", default=None, help="MNIST's four files")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--parallel", type=int, default=CORES, help="runs at a time")


def add_methods(parser: argparse.ArgumentParser, methods: Sequence[str]) -> None:
    """Adds the flag that leaves methods out."""
    parser.add_argument("--methods", nargs="+", choices=methods, default=list(methods))


def methods_flag(given: argparse.Namespace, methods: Sequence[str]) -> str:
    """Writes that flag as it was given; nothing where all are there."""
    if len(given.methods) == len(methods):
        return ""
    return " --methods " + " ".join(f"'{n}'" if " " in n else n for n in given.methods)


def train(cells: Sequence[Cell], given: argparse.Namespace) -> dict[Cell, pathlib.Path]:
    """Trains the cells that are not there, `given.parallel` at a time; returns their run folders.

    Each process has its share of the cores: small networks gain nothing from more threads.
    """
    folder = given.work / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    threads = str(max(1, CORES // given.parallel))
    data = [f"--manual_dir={given.manual_dir}"] if given.manual_dir else []
    data += [f"--data_dir={given.data_dir or given.work / 'tfds'}"]

    def command(cell, *flags):
        if cell.minutes is not None:
            trained = place(cell)
            left = 60 * cell.minutes - (0 if trained is None else seconds(trained))
            flags = (*flags, f"--minutes={left / 60}")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "kgan.train",
                *QUIET,
                *data,
                *cell.flags,
                f"--steps={cell.steps}",
                f"--seed={cell.seed}",
                f"--job={cell.job}",
                f"--name={cell.job}",
                f"--runs_dir={folder}",
                *flags,
            ],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TF_NUM_INTRAOP_THREADS": threads,
                "OMP_NUM_THREADS": threads,
            },
        )
        if done.returncode:
            raise SystemExit(f"{cell.name}: {done.stderr.splitlines()[-1]}")
        if "--dry_run" not in flags:
            (place(cell) / COMPANY).write_text(json.dumps([given.parallel, CORES]) + "\n")

    def place(cell):
        found = find_job(str(folder), cell.job)
        return None if found is None else pathlib.Path(found)

    missing = [cell for cell in cells if place(cell) is None or not ended(place(cell), cell)]
    if missing:
        command(missing[0], "--dry_run")  # prepares the data that all read
    with (
        concurrent.futures.ThreadPoolExecutor(given.parallel) as pool,
        progress.bar(total=len(cells), initial=len(cells) - len(missing), unit="run") as bar,
    ):
        for future in concurrent.futures.as_completed(
            [pool.submit(command, cell) for cell in missing]
        ):
            future.result()
            bar.update()
    return {cell: place(cell) for cell in cells}


def ended(run: pathlib.Path, cell: Cell) -> bool:
    """Tells whether a run came to its end: its last step, or the end of the time it was given."""
    in_time = cell.minutes is not None and seconds(run) >= 60 * cell.minutes - LAST_STEPS
    return last_step(run) >= cell.steps or (in_time and last_step(run) > 0)


def logged(run: pathlib.Path) -> list[dict]:
    """Reads what a run logged in training."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == "train"]


def company(folders: Iterable[pathlib.Path]) -> str:
    """Says how many runs were trained at a time on how many cores, each run as it was trained."""
    kept = [
        # What was begun by hand ran alone.
        json.loads((run / COMPANY).read_text()) if (run / COMPANY).exists() else [1, _cores(run)]
        for run in folders
    ]
    parallel, cores = (
        f"{min(of)} to {max(of)}" if len(set(of)) > 1 else f"{of[0]}"
        for of in zip(*kept, strict=True)
    )
    return f"{parallel} at a time on {cores} core" + "s" * (cores != "1")


def _cores(run):
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [int(line["cores"]) for line in lines if line["kind"] == "end"][-1]


def seconds(run: pathlib.Path) -> float:
    """Gives how long a run has been trained."""
    return max((line["seconds"] for line in logged(run)), default=0.0)


def seconds_at(run: pathlib.Path, step: int) -> float:
    """Gives how long a run had been trained at a step."""
    return max((line["seconds"] for line in logged(run) if line["step"] <= step), default=0.0)


def evaluate(
    folders: Mapping[Cell, pathlib.Path], kind: str, given: argparse.Namespace, *flags: str
) -> dict[Cell, dict]:
    """Gives what `kgan.evaluate` finds in runs; each is measured once.

    A run that went on after it was measured is as it was when its cell ended.

    Args:
        folders: of the runs.
        kind: of evaluation.
        given: has `parallel`.
        flags: of `kgan.evaluate`.
    """
    threads = str(max(1, CORES // given.parallel))

    def one(cell):
        run = folders[cell]
        place, step = run / f"metrics-{kind}.jsonl", min(last_step(run), cell.steps)
        if not _measured(place, step):
            subprocess.run(
                [sys.executable, "-m", "kgan.evaluate", f"--run={run}", *flags],
                check=True,
                capture_output=True,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "TF_NUM_INTRAOP_THREADS": threads,
                    "OMP_NUM_THREADS": threads,
                },
            )
        return _measured(place, step)

    with concurrent.futures.ThreadPoolExecutor(given.parallel) as pool:
        measured = pool.map(one, folders)
        bar = progress.bar(measured, total=len(folders), unit="run", desc="measuring")
        return dict(zip(folders, bar, strict=True))


def _measured(place: pathlib.Path, step: int) -> dict | None:
    if not place.exists():
        return None
    lines = map(json.loads, place.read_text().splitlines())
    return next((line for line in lines if line["step"] == step), None)


def last_step(run: pathlib.Path) -> int:
    """Gives the step at which a run came to an end, or was stopped; 0 while it is trained."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return max((line["step"] for line in lines if line["kind"] == "end"), default=0)


def draw(
    sheets: Sequence[tuple[str, pathlib.Path]],
    place: pathlib.Path,
    *,
    columns: int,
    size: tuple[int, int],
    part: float = 1.0,
) -> None:
    """Puts the runs' last sample sheets side by side, with their names.

    Args:
        sheets: names and run folders.
        place: the image to write.
        columns: sheets a row.
        size: pixels, width and height, that a sheet may have at most.
        part: of each sheet, from above.
    """
    wide, high = size
    rows = -(-len(sheets) // columns)
    page = Image.new(
        "RGB", (columns * (wide + GAP) - GAP, rows * (high + TITLE + GAP) - GAP), "white"
    )
    pen = ImageDraw.Draw(page)
    for number, (name, run) in enumerate(sheets):
        left = number % columns * (wide + GAP)
        top = number // columns * (high + TITLE + GAP)
        sheet = Image.open(sorted((run / "samples").glob("step-*.png"))[-1]).convert("RGB")
        sheet = sheet.crop((0, 0, sheet.width, round(sheet.height * part)))
        page.paste(ImageOps.contain(sheet, size, Image.LANCZOS), (left, top + TITLE))
        pen.text((left, top + 2), name, fill="black")
    page.save(place, optimize=True)

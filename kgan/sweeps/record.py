"""The record of a sweep, sweep.json, and the locks of its folder."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import IO

from kgan.sweeps.grid import Grid
from kgan.utils.atomic import atomic_write, report_write_errors, try_lock
from kgan.utils.errors import UserError

DONE, FAILED, CRASHED, STOPPED = "done", "failed", "crashed", "stopped"
FINAL = (DONE, FAILED)  # outcomes of runs that are not trained again


def read(out: pathlib.Path, grid: Grid) -> dict[str, str]:
    """Reads how the runs of a sweep ended.

    Args:
        out: the sweep's folder.
        grid: must contain all of the recorded grid, with the same base settings.

    Returns:
        The outcome of each run that has ended, by job; none for a new sweep.
    """
    path = out / "sweep.json"
    if not os.path.lexists(path):
        return {}
    try:
        record = json.loads(path.read_bytes())
        _check(record)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); restore the original") from error
    grid.check_extends(record, str(out))
    return record["runs"]


def _check(record):
    lists = record["grid"].values()
    if not lists or not all(isinstance(values, list) and values for values in lists):
        raise ValueError("grid")
    if type(record["repeats"]) is not int or not isinstance(record["settings"], dict):
        raise ValueError("repeats or settings")
    if not set(record["runs"].values()) <= {*FINAL, CRASHED}:
        raise ValueError("runs")


def write(out: pathlib.Path, grid: Grid, outcomes: Mapping[str, str]) -> None:
    """Writes the grid, the base settings and the outcome of each run that has ended."""
    with atomic_write(out / "sweep.json") as place:
        place.write_text(json.dumps({**grid.record(), "runs": outcomes}, indent=2) + "\n")


@contextlib.contextmanager
def lock(out: pathlib.Path) -> Iterator[IO]:
    """Excludes other sweeps, and waits for runs that a killed sweep left.

    Yields:
        A lock that the runs have to inherit: it is released when the last of them has ended.
    """
    with contextlib.ExitStack() as files:
        with report_write_errors(f"--out={out}"):
            own = files.enter_context(open(out / ".lock", "a"))
            of_runs = files.enter_context(open(out / ".runs.lock", "a"))
        if not try_lock(own):
            raise UserError(
                f"--out={out}: another sweep uses this folder; wait for it or give another one"
            )
        if not try_lock(of_runs):
            print("waiting for the runs that a killed sweep left", flush=True)
            fcntl.flock(of_runs, fcntl.LOCK_EX)
        yield of_runs

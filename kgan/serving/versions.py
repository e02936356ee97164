"""Numbered versions of an exported model: claimed atomically, compared, and taken back.

TensorFlow Serving serves the highest number in a model's folder, as soon as that folder exists. So
a version is written in full beside it and then renamed; a number that another process has taken in
the meantime is left to it.
"""

import contextlib
import errno
import json
import pathlib
import shutil
import uuid
from collections.abc import Iterator, Mapping

from kgan.utils.atomic import atomic_write, try_lock
from kgan.utils.errors import UserError, printable

RECORD = "export.json"  # in assets.extra, which TensorFlow Serving leaves alone
RETRACTED = "retracted"
TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


def served_version(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the version of a model that TensorFlow Serving serves, the highest; or None."""
    numbers = _numbers(folder)
    return folder / str(numbers[-1]) if numbers else None


def retracted(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the versions of a model that were taken back."""
    return [folder / RETRACTED / str(number) for number in _numbers(folder / RETRACTED)]


def read_record(version: pathlib.Path) -> dict:
    """Reads what a version records of its origin; empty where it has no readable record."""
    try:
        record = json.loads((version / "assets.extra" / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(version: pathlib.Path, record: Mapping) -> None:
    """Writes what a version records of its origin, in place of what it recorded before."""
    folder = version / "assets.extra"
    folder.mkdir(exist_ok=True)
    with atomic_write(folder / RECORD) as place:
        place.write_text(json.dumps(record, indent=2) + "\n")


@contextlib.contextmanager
def new_version(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a place for the files of a version; removes it, unless `add` has taken it.

    What killed processes left is removed, too: a living one holds a lock.

    Args:
        folder: of the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    work = folder / f".{uuid.uuid4().hex}.writing"
    work.mkdir()
    try:
        with open(work / "lock", "w") as lock:
            try_lock(lock)
            yield work / "model"
    finally:
        shutil.rmtree(work, ignore_errors=True)


def add(place: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Makes the files of `new_version` the highest version; returns its folder.

    A number is used once: those of versions that were taken back count.
    """
    while True:
        highest = max([0, *_numbers(folder), *_numbers(folder / RETRACTED)])
        version = folder / str(highest + 1)
        try:
            return place.rename(version)
        except OSError as error:
            if error.errno not in TAKEN:
                raise


def retract(export_dir: str, what: str) -> tuple[pathlib.Path, pathlib.Path | None]:
    """Takes a version back: it is moved to `<name>/retracted/<version>`.

    Args:
        export_dir: folder of the exports.
        what: NAME for the version that is served, or NAME/VERSION; the path of either, too.

    Returns:
        Where it is now, and the version that is served then, None for none.
    """
    place = pathlib.Path(export_dir)
    # Paths come from a shell that completes them.
    name, _, number = what.removeprefix(f"{place}/").rstrip("/").partition("/")
    folder = place / name
    version = served_version(folder) if not number else folder / number
    refusal = UserError(
        f"--retract={what}: no such version in {export_dir}, which has {_has(place)}"
    )
    if not name.strip(".") or version is None or version.parent != folder:
        raise refusal
    if not version.name.isdecimal() or not version.is_dir():
        raise refusal
    aside = folder / RETRACTED / version.name
    aside.parent.mkdir(exist_ok=True)
    try:
        return version.rename(aside), served_version(folder)
    except FileNotFoundError as error:  # another process was faster
        raise refusal from error
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        raise UserError(
            f"--retract={what}: {aside} is there already; remove it first, or the copy of it"
        ) from error


def _has(export_dir):
    """Lists the versions of all models, and those that were taken back."""
    folders = sorted(export_dir.iterdir()) if export_dir.is_dir() else []
    found = [f"{folder.name}/{number}" for folder in folders for number in _numbers(folder)]
    back = [
        f"{folder.name}/{number}" for folder in folders for number in _numbers(folder / RETRACTED)
    ]
    taken = f" (taken back before: {', '.join(back)})" if back else ""
    return printable((", ".join(found) or "nothing") + taken)


def _numbers(folder):
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def _remove_leftovers(folder):
    for work in folder.glob(".*.writing"):
        try:
            with open(work / "lock") as lock:
                is_left = try_lock(lock)
        except OSError:
            continue  # has just been made, or is no more
        if is_left:
            shutil.rmtree(work, ignore_errors=True)

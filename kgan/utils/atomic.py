"""Atomic writes of files, errors of writing reported as one line, and locks."""

import contextlib
import fcntl
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator
from typing import IO

import tensorflow as tf
from safetensors import SafetensorError

from kgan.utils.errors import UserError

# Raised by the system, TensorFlow's C++ and safetensors when a file cannot be written.
WRITE_ERRORS = (
    OSError,
    SafetensorError,
    tf.errors.ResourceExhaustedError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,
    tf.errors.NotFoundError,
    tf.errors.OutOfRangeError,
    tf.errors.UnknownError,
)
PROBE = b"\0" * 4096  # a page: less may fit on a full disk


@contextlib.contextmanager
def report_write_errors(what: pathlib.Path | str) -> Iterator[None]:
    """Converts the errors of writing inside the context.

    Args:
        what: the file, or the flag that names it.

    Raises:
        UserError: the disk is full, the folder is read-only, or the like.
    """
    try:
        yield
    except WRITE_ERRORS as error:
        raise UserError(
            f"{what}: cannot be written ({_reason(error)}); make room or choose another place; "
            "what was saved before is kept"
        ) from error


def _reason(error) -> str:
    """Extracts the system's reason from an error.

    Only `OSError` has it as an attribute. Without any, the text is shortened: TensorFlow writes
    `PATH; REASON [Op:…]`, safetensors `Error while serializing: I/O error: REASON (os error 28)`.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    text = re.sub(r" \[Op:.*| \(os error \d+\)", "", text, flags=re.DOTALL)
    return re.split("; |: ", text)[-1]


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary path in the same folder, which replaces the file at the end.

    After a crash or on a full disk an older file is unchanged.

    Args:
        path: of the file.

    Raises:
        UserError: the file cannot be written; the temporary file is deleted.
    """
    place = path.with_name(f".{path.name}.{os.getpid()}.writing")
    with report_write_errors(path):
        try:
            yield place
            with open(place, "rb") as file:
                os.fsync(file.fileno())
            os.replace(place, path)
        finally:
            place.unlink(missing_ok=True)


def make_folder(path: pathlib.Path, what: str | None = None) -> None:
    """Creates a folder and its parents where they are missing.

    Args:
        path: of the folder.
        what: the flag that names it, for the message; default: the path.

    Raises:
        UserError: it cannot be created.
    """
    with report_write_errors(what or path):
        path.mkdir(parents=True, exist_ok=True)


def find_leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the temporary files that killed processes left in a folder and its subfolders."""
    return sorted(folder.rglob(".*.writing"))


def try_lock(file: IO, shared: bool = False) -> bool:
    """Locks a file until it is closed; returns False where another process has the lock."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_writable(flag: str, folder: str) -> None:
    """Checks that files can be written in a folder, or in its first parent that exists.

    Args:
        flag: the flag that names the folder, such as `--runs_dir`.
        folder: need not exist yet.

    Raises:
        UserError: no file can be written.
    """
    place = pathlib.Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with report_write_errors(f"{flag}={folder}"), tempfile.TemporaryFile(dir=place) as file:
        file.write(PROBE)
        file.flush()

"""Writing so that a full disk or a read-only folder ends in one line and nothing is half there."""

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator

import tensorflow as tf
from safetensors import SafetensorError

from kgan.utils.errors import UserError

# What the system, TensorFlow's C++ and safetensors raise where a file cannot be written.
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
PROBE = b"\0" * 4096  # a page: less may still fit where nothing else does


@contextlib.contextmanager
def report_write_errors(what: pathlib.Path | str) -> Iterator[None]:
    """Ends a write that fails in one line.

    Args:
        what: the file, or the flag that says where.

    Raises:
        UserError: when what is done inside meets a full disk, a read-only folder and the like.
    """
    try:
        yield
    except WRITE_ERRORS as error:
        raise UserError(
            f"{what}: cannot be written ({_reason(error)}); make room or choose another place; "
            "what was saved before is kept"
        ) from error


def _reason(error) -> str:
    """Finds the system's words: TensorFlow says `PATH; REASON [Op:…]`, safetensors
    `Error while serializing: I/O error: REASON (os error 28)`.
    """
    said = getattr(error, "strerror", None) or str(getattr(error, "message", error))
    said = re.sub(r" \[Op:.*| \(os error \d+\)", "", said, flags=re.DOTALL)
    return re.split("; |: ", said)[-1]


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a place beside a file to write to, which becomes the file when all went well.

    So a crash or a full disk leaves the older file as it was.

    Raises:
        UserError: when it cannot be written; then nothing is left beside.
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


def find_leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists what killed processes left beside files in a folder and those below it."""
    return sorted(folder.rglob(".*.writing"))


def check_writable(flag: str, folder: str) -> None:
    """Checks that a folder, or the first above it that is there, takes a file; leaves none.

    Args:
        flag: what the folder was given as, such as `--runs_dir`.
        folder: need not be there yet.

    Raises:
        UserError: when nothing can be written there.
    """
    place = pathlib.Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with report_write_errors(f"{flag}={folder}"), tempfile.TemporaryFile(dir=place) as file:
        file.write(PROBE)
        file.flush()

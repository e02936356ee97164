"""Start and end of every command: exit status 0, or one line and exit status 2."""

import contextlib
import ctypes
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence

from kgan.utils import progress
from kgan.utils.errors import UserError

# Beginnings of the information and warnings in absl's C++ log.
START_NOTE = re.compile(r"WARNING: All log messages before absl::|[IW]\d{4} ")


class Help(Exception):
    """The text of `--help`: it is printed, and the exit status is 0."""


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """Runs a command; a `UserError` is printed as one line, with exit status 2.

    Args:
        main: takes the arguments without the program's name; returns the exit status or None.
    """
    # TensorFlow's C++ start-up notes bury everything that a user should read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keep_freed_memory()
    try:
        status = _status(main)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    sys.exit(status)


def _status(main: Callable) -> int | None:
    try:
        return main(sys.argv[1:])
    except Help as text:
        print(text)
        return 0
    except UserError as error:
        progress.end_bars()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        # Before the first step or after the last: there is nothing to save or to explain.
        progress.end_bars()
        return 128 + getattr(stop, "number", signal.SIGINT)


def import_tensorflow() -> None:
    """Imports TensorFlow and keeps back the notes that its C++ writes to standard error meanwhile.

    Those on missing CUDA drivers are written while the libraries load, when no log level counts
    yet, and would stand around the one line that a refusal is. All other lines are passed on.
    """
    if "tensorflow" in sys.modules:
        return
    with tempfile.TemporaryFile() as written, contextlib.ExitStack() as back:
        own = os.dup(2)
        back.callback(os.close, own)
        os.dup2(written.fileno(), 2)
        back.callback(os.dup2, own, 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            back.close()
            written.seek(0)
            for line in written.read().decode(errors="replace").splitlines():
                if not START_NOTE.match(line):
                    print(line, file=sys.stderr)


def keep_freed_memory() -> None:
    """Tells glibc to keep freed memory for the next step instead of giving it back.

    TensorFlow frees and takes the same large arrays in each step. By default glibc returns them
    to the system, which then has to map and clear every page again: a pix2pix step took 40,000
    page faults, a fifth of its time. Elsewhere than on glibc this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # names and numbers of malloc.h
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 2**28)
    mallopt(mmap_max, 0)

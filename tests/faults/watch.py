"""Calls of readers of untrusted input, which must end in a result or in one line."""

import contextlib
import io
import logging
import os
import signal
import sys

from kgan.utils.errors import UserError

SECONDS = 10  # that one call may take
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN = (
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "socket.connect",
    "subprocess.Popen",
    "tempfile.mkstemp",
    "tempfile.mkdtemp",
)


class Failure(BaseException):
    """Not an Exception: nothing on the way may take it for a damaged file."""


class Watch:
    """Counts inputs, and fails on a traceback, a hang, a write, a program or a connection.

    Args:
        may_write: the folder below which files may be written.
    """

    def __init__(self, may_write: str | os.PathLike):
        self.inputs = 0
        self.refused = 0
        self._may_write = os.path.realpath(may_write) + os.sep
        self._on = False
        self._broken: list[str] = []
        # A hook stays as long as the process: it sees what C code does through Python's os, too.
        sys.addaudithook(self._audit)

    def _audit(self, event, arguments):
        if not self._on:
            return
        writes = event == "open" and bool(arguments[2] & WRITING)
        if (writes or event in FORBIDDEN) and not self._is_allowed(arguments[0]):
            self._broken.append(f"{event} {arguments!r}"[:300])

    def _is_allowed(self, path):
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        return os.path.realpath(os.fsdecode(path)).startswith(self._may_write)

    def outcome(self, read, *arguments, **options):
        """Returns what a call returns, or the `UserError` that it ends with.

        Raises:
            Failure: any other end.
        """
        signal.signal(signal.SIGALRM, self._too_slow)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        self._on = True
        try:
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                return read(*arguments, **options)
        except UserError as error:
            return self._one_line(error)
        finally:
            self._on = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            if self._broken:
                raise Failure(f"touched what it must not: {self._broken.pop()}")

    def input(self, read, *arguments, **options):
        """Counts one input, and returns what `outcome` returns."""
        self.inputs += 1
        found = self.outcome(read, *arguments, **options)
        self.refused += isinstance(found, UserError)
        return found

    def _too_slow(self, number, frame):
        raise Failure(f"more than {SECONDS} s")

    def _one_line(self, error):
        line = str(error)
        if not line.strip() or len(line.splitlines()) != 1 or "Traceback" in line:
            raise Failure(f"not one line: {line!r}")
        line.encode()  # what cannot be printed is no line
        return error


@contextlib.contextmanager
def quiet():
    """Suppresses the log lines about skipped images."""
    logger = logging.getLogger("kgan")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers[:], logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate

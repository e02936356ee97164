"""Messages of kgan: to standard output, and into the log file of a run."""

import contextlib
import logging
import pathlib
import sys
from collections.abc import Iterator

from kgan.utils.atomic import report_write_errors
from kgan.utils.failures import Failures

logger = logging.getLogger("kgan")


def start_logging(speaks: bool = True) -> None:
    """Sends messages to standard output, as plain lines.

    Args:
        speaks: False for workers other than the chief, which print nothing.
    """
    # What is for the log file only, such as a traceback, has the level DEBUG.
    logger.setLevel(logging.DEBUG if speaks else logging.CRITICAL)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setLevel(logging.INFO)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)


@contextlib.contextmanager
def log_file(path: pathlib.Path, failures: Failures | None = None) -> Iterator[None]:
    """Writes messages to a file as well while the context lasts, or until that fails.

    Args:
        path: of the file.
        failures: notes that it fails.

    Raises:
        UserError: the file cannot be opened.
    """
    with report_write_errors(path):
        handler = _LogFile(path, failures or Failures())
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with contextlib.suppress(OSError):  # what could not be written has been said
            handler.close()


class _LogFile(logging.FileHandler):
    """A log file that is given up when it cannot be written; the terminal still has all."""

    def __init__(self, path, failures):
        super().__init__(path)
        self._failures = failures
        self._is_given_up = False

    def emit(self, record):
        if self._is_given_up:
            return
        try:
            super().emit(record)
        except OSError as error:
            # Before anything is said of it, which comes here, too.
            self._is_given_up = True
            with (
                self._failures.tolerated("log.txt", "a message"),
                report_write_errors(self.baseFilename),
            ):
                raise error

    def handleError(self, record):
        # By default logging would print a traceback and continue.
        raise

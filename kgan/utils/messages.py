"""Messages of kgan: to standard output, and into the log file of a run."""

import contextlib
import logging
import pathlib
import sys
from collections.abc import Iterator

from kgan.utils.atomic import report_write_errors

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
def log_file(path: pathlib.Path) -> Iterator[None]:
    """Writes messages to a file as well while the context lasts.

    Raises:
        UserError: the file cannot be written.
    """
    with report_write_errors(path):
        handler = _LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with report_write_errors(path):
            handler.close()


class _LogFile(logging.FileHandler):
    """A log file that raises a `UserError` when it cannot be written."""

    def emit(self, record):
        with report_write_errors(self.baseFilename):
            super().emit(record)

    def handleError(self, record):
        # By default logging would print a traceback and continue.
        raise

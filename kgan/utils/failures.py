"""Failures of what only shows or measures a training, which goes on without it."""

import contextlib
import logging
from collections.abc import Iterator

from kgan.utils.errors import UserError, printable

logger = logging.getLogger("kgan")

LONGEST = 500  # characters of a reason


class Failures:
    """Says once of each kind of work that it fails, and counts how often.

    Sample sheets, validation and logs for people are repeated or missed without harm; hours of
    training are not. What the run itself needs, its checkpoints, never belongs in here.

    Attributes:
        counts: number of failures by kind.

    Example:
        >>> failures = Failures()
        >>> with failures.tolerated("samples", "step 20"):
        ...     raise OSError("no space")
        >>> failures.counts
        {'samples': 1}
    """

    def __init__(self):
        self.counts: dict[str, int] = {}

    @contextlib.contextmanager
    def tolerated(self, kind: str, when: str) -> Iterator[None]:
        """Catches any error that is raised inside the context.

        Args:
            kind: of work, for messages.
            when: for the message, such as `step 20`.
        """
        try:
            yield
        except Exception as error:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if self.counts[kind] > 1:
                return
            if not isinstance(error, UserError):
                logger.debug("%s failed", kind, exc_info=True)
            logger.warning(
                "warning: %s failed at %s: %s; training continues; this is said once",
                *(kind, when, describe(error)),
            )

    def summary(self) -> str:
        """Returns what has failed and how often; empty for nothing."""
        return ", ".join(
            f"{kind} ({count} {'time' if count == 1 else 'times'})"
            for kind, count in self.counts.items()
        )


def describe(error: Exception) -> str:
    """Returns an error as a part of one line, with its type where it is not the user's.

    Example:
        >>> describe(OSError("no\\nspace")), describe(UserError("file: damaged"))
        ('OSError: no space', 'file: damaged')
    """
    reason = printable(" ".join(str(error).split()))
    if not isinstance(error, UserError):
        reason = f"{type(error).__name__}: {reason}"
    return reason[:LONGEST]

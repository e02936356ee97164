"""What happens with images that cannot be read: named, skipped and counted, up to a limit."""

import logging
import threading
from collections.abc import Sequence

from kgan.data.dataset import Source, read_many
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")


class SkippingSource:
    """Reads the next readable image in the place of a bad one.

    Which image stands in depends on the index alone, so that batches stay a function of
    (seed, step) and a resumed run sees what it would have seen.

    Args:
        source: whose `read` raises `UserError` for a bad image.
        limit: the share of images, in [0, 1], above which skipping ends with an error.
    """

    def __init__(self, source: Source, limit: float):
        self.source = source
        self.limit = limit
        self.bad: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int):
        """Returns the example at `index`, or the first readable one after it.

        Raises:
            UserError: when more than the limit cannot be read.
        """
        while True:
            place = self._place(index)
            try:
                return self.source.read(place)
            except UserError as error:
                self._note(place, error)

    def read_many(self, indices: Sequence[int]) -> list:
        """Returns what `read` returns for each of several indices."""
        try:
            return read_many(self.source, [self._place(index) for index in indices])
        except UserError:
            # One of them: only reading them one by one says which.
            return [self.read(index) for index in indices]

    def _place(self, index):
        """Returns the first place from `index` on that is not known to be bad."""
        count = len(self.source)
        for place in range(index, index + count):
            if place % count not in self.bad:
                return place % count
        raise UserError("--dataset: none of its images can be read")

    def _note(self, index, error):
        with self._lock:
            if index in self.bad:
                return
            self.bad.add(index)
            share = len(self.bad) / len(self.source)
            logger.warning("skipped (%d so far): %s", len(self.bad), error)
            if share > self.limit:
                raise UserError(
                    f"--bad_limit={self.limit}: {len(self.bad)} of {len(self.source)} images "
                    f"cannot be read, the last one: {error}"
                ) from error

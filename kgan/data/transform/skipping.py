"""Replacement of images that cannot be read, which are logged and counted, up to a limit."""

import logging
import threading
from collections.abc import Mapping, Sequence

from kgan.data.dataset import Source
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")


class SkippingSource(Source):
    """A source that replaces each unreadable image by the next readable one.

    The replacement depends on the index alone, so that batches stay a function of (seed, step) and
    a resumed run reads the same images as an uninterrupted one.

    Args:
        source: its `read` raises `UserError` for an unreadable image.
        limit: share of unreadable images, in [0, 1], above which reading ends with an error.

    Example:
        >>> class Damaged(Source):
        ...     def __len__(self):
        ...         return 3
        ...     def read(self, index):
        ...         if index == 1:
        ...             raise UserError("1.png: damaged")
        ...         return index
        >>> SkippingSource(Damaged(), 0.5).read_many([0, 1])
        [0, 2]
    """

    def __init__(self, source: Source, limit: float):
        self.source = source
        self.limit = limit
        self.bad: set[int] = set()
        self._refusal: str | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.source)

    @property
    def one_hot(self) -> Mapping[str, int]:
        """That of the other source."""
        return self.source.one_hot

    def read(self, index: int):
        """Returns the example at `index`, or the first readable one after it.

        Raises:
            UserError: more images than the limit allows cannot be read.
        """
        while True:
            place = self._place(index)
            try:
                return self.source.read(place)
            except UserError as error:
                self._count(place, error)

    def read_many(self, indices: Sequence[int]) -> list:
        """Returns what `read` returns for each index."""
        try:
            return self.source.read_many([self._place(index) for index in indices])
        except UserError:  # one of them is bad: only reading them one by one shows which
            return super().read_many(indices)

    def _place(self, index):
        """Returns the first index from this one on that is not known to be bad."""
        # A training goes on where measuring it has failed, and must not measure the rest then.
        if self._refusal is not None and index in self.bad:
            raise UserError(self._refusal)
        count = len(self.source)
        for place in range(index, index + count):
            if place % count not in self.bad:
                return place % count
        raise UserError("--dataset: none of its images can be read; right would be whole images")

    def _count(self, index, error):
        with self._lock:
            if index in self.bad:
                return
            self.bad.add(index)
            logger.warning("skipped (%d so far): %s", len(self.bad), error)
            if len(self.bad) / len(self.source) > self.limit:
                self._refusal = (
                    f"--bad_limit={self.limit}: {len(self.bad)} of {len(self.source)} images "
                    f"cannot be read, the last one: {error}"
                )
                raise UserError(self._refusal) from error

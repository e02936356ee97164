"""Progress bars for terminals and files."""

import sys
import weakref

from tqdm import tqdm

_bars: weakref.WeakSet[tqdm] = weakref.WeakSet()


def bar(iterable=None, **kwargs) -> tqdm:
    """Creates a tqdm bar; in a file or a pipe it is updated every 30 seconds only.

    Args:
        iterable: to iterate over, or None to call `update` explicitly.
        **kwargs: arguments of tqdm.
    """
    interval = 0.2 if sys.stderr.isatty() else 30
    made = tqdm(iterable, mininterval=interval, maxinterval=interval, dynamic_ncols=True, **kwargs)
    _bars.add(made)
    return made


def end_bars() -> None:
    """Closes the bars that an error left open, so that its message has a line of its own."""
    for left in list(_bars):
        left.close()

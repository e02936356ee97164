"""Progress bars that suit a terminal and a file."""

import sys
import weakref

from tqdm import tqdm

_bars: weakref.WeakSet[tqdm] = weakref.WeakSet()


def bar(iterable=None, **kwargs) -> tqdm:
    """Makes a tqdm bar; into a file or a pipe it writes a line now and then, not many a second.

    Args:
        iterable: what to go over, or None to call `update` by hand.
        **kwargs: as tqdm takes them.
    """
    interval = 0.2 if sys.stderr.isatty() else 30
    made = tqdm(iterable, mininterval=interval, maxinterval=interval, dynamic_ncols=True, **kwargs)
    _bars.add(made)
    return made


def end_bars() -> None:
    """Ends the bars that an error left open, so that its line stands alone."""
    for left in list(_bars):
        left.close()

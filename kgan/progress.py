"""Progress bars that suit a terminal and a file."""

import sys

from tqdm import tqdm


def bar(iterable=None, **kwargs) -> tqdm:
    """Makes a tqdm bar; into a file or a pipe it writes a line now and then, not many a second.

    Args:
        iterable: what to go over, or None to call `update` by hand.
        **kwargs: as tqdm takes them.
    """
    interval = 0.2 if sys.stderr.isatty() else 30
    return tqdm(iterable, mininterval=interval, maxinterval=interval, dynamic_ncols=True, **kwargs)

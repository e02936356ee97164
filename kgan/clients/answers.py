"""What a server may answer, and how often a request is repeated."""

import dataclasses
import random
import time
from collections.abc import Callable


class Refused(Exception):
    """The server has refused a request; asking again gives the same answer.

    Args:
        reason: one line, as the server gave it.
        is_final: whether other requests of the same kind would be refused, too: the model, its
            version or its signature does not exist, or access is denied.
    """

    def __init__(self, reason: str, is_final: bool = False):
        super().__init__(" ".join(reason.split()))
        self.is_final = is_final or "ignature" in reason or "ervable not found" in reason


class Unavailable(Exception):
    """The server has not answered, or has asked to be asked later.

    Args:
        reason: one line.
        wait: seconds that the server asked for, or None.
    """

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(" ".join(reason.split()))
        self.wait = wait


@dataclasses.dataclass(frozen=True)
class Retries:
    """How often a request is repeated that was not answered, with waits that grow.

    Args:
        count: repetitions after the first try.
        first_wait: seconds; each wait is twice as long as the one before, up to `longest_wait`, and
            up to a half of it is left out by chance, so that clients do not come back together.
        longest_wait: seconds.
        sleep: waits.

    Example:
        >>> Retries(count=3).run(lambda: 7)
        7
    """

    count: int = 5
    first_wait: float = 0.5
    longest_wait: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def run(self, call: Callable):
        """Calls until there is an answer.

        Raises:
            Refused: at once.
            Unavailable: after the last repetition.
        """
        for place in range(self.count + 1):
            try:
                return call()
            except Unavailable as error:
                if place == self.count:
                    raise
                wait = min(self.first_wait * 2**place, self.longest_wait)
                wait *= random.uniform(0.5, 1)
                self.sleep(wait if error.wait is None else min(error.wait, self.longest_wait))
        raise AssertionError("not reached")

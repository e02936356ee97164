"""How every command ends: status 0, or one line and status 2."""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from kgan.errors import UserError


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """Runs a command; what the user can mend is printed as one line, with exit status 2.

    Args:
        main: takes the arguments without the program's name; returns the exit status or None.
    """
    # TensorFlow's C++ start-up notes bury everything that a user should read.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        status = main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        # `| head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    sys.exit(status)

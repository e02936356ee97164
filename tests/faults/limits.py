"""Full disks without a disk: a limit on the size of files."""

import contextlib
import resource


def cannot_be_written(reason):
    return (
        f"cannot be written ({reason}); make room or choose another place; "
        "what was saved before is kept"
    )


FULL = cannot_be_written("No space left on device")
TOO_LARGE = cannot_be_written("File too large")


@contextlib.contextmanager
def largest_file(size):
    """Lets this process write no file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

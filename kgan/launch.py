"""`python -m kgan.launch --workers=2 --model=…`: trains in several processes on this machine.

Starts the workers, and starts all of them again from the last checkpoint when one dies. On several
machines Kubernetes or Slurm does that (docs/cluster.md).
"""

import types
import uuid
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry
from kgan.distributed.launcher import Launcher
from kgan.utils.errors import UserError


def define_flags(values: flags.FlagValues) -> None:
    """Defines the launcher's own flags; all others go to `kgan.train`."""

    def number(name, default, about, low, high):
        flags.DEFINE_integer(name, default, about, low, high, flag_values=values)

    flags.DEFINE_boolean("help", False, "Shows these flags.", flag_values=values)
    number("workers", 2, "How many processes train together.", 1, 64)
    number("max_restarts", 20, "How often they are started again.", 0, 10**6)
    number("grace", 20, "Seconds that the others have to end when one has died.", 0, 3600)


def main(arguments: Sequence[str]) -> int:
    """Parses the launcher's flags, then runs the workers until they are done."""
    values = flags.FlagValues()
    define_flags(values)
    try:
        rest = values(["kgan", *arguments], known_only=True)[1:]
    except flags.Error as error:
        raise UserError(" ".join(str(error).split()).removeprefix("flag ")) from error
    if values.help:
        print("python -m kgan.launch --workers=N [--flag=value …] flags of kgan.train\n")
        for name in values:
            print(f"  --{name:14} {values[name].help} [{values[name].default}]")
        return 0
    if not any(word.startswith(("--job", "--resume", "-job", "-resume")) for word in rest):
        # What lets a new start find the run that an earlier one began.
        rest = [f"--job=launch-{uuid.uuid4().hex[:12]}", *rest]
    settings = types.SimpleNamespace(**{name: values[name].value for name in values})
    return Launcher(settings, [*rest, "--strategy=multi_worker"]).run()


if __name__ == "__main__":
    entry.run(main)

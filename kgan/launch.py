"""`python -m kgan.launch --workers=2 --model=…`: training in several processes of this machine.

Starts the workers, and restarts all of them from the last checkpoint when one of them fails. On
several machines Kubernetes or Slurm does that (docs/cluster.md).
"""

import uuid
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.distributed.launcher import Launcher

NUMBERS = (  # name, default, help, least and greatest value
    ("workers", 2, "Number of processes that train together.", 1, 64),
    (
        "max_restarts",
        20,
        "How often all workers are restarted after one has failed, before the launcher gives up.",
        0,
        10**6,
    ),
    (
        "grace",
        20,
        "Seconds that the other workers have to end after one has failed; then they are killed.",
        0,
        3600,
    ),
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the launcher's own flags; all others are passed to `kgan.train`."""
    for name, default, about, low, high in NUMBERS:
        flags.DEFINE_integer(name, default, about, low, high, flag_values=values)
    flags.DEFINE_boolean("help", False, "Prints these flags.", flag_values=values)


def main(arguments: Sequence[str]) -> int:
    """Runs the workers until they are done; returns the exit status."""
    own, rest = settings.own_flags(define_flags, arguments)
    if own.help:
        print("python -m kgan.launch --workers=N [--flag=value …] flags of kgan.train\n")
        for name, default, about, _, _ in NUMBERS:
            print(f"  --{name:14} {about} Default: {default}.")
        return 0
    if not any(word.startswith(("--job", "--resume", "-job", "-resume")) for word in rest):
        # By its job a restart finds the run that an earlier start created.
        rest = [f"--job=launch-{uuid.uuid4().hex[:12]}", *rest]
    rest.append("--strategy=multi_worker")
    return Launcher(own.workers, own.max_restarts, own.grace, rest).run()


if __name__ == "__main__":
    entry.run(main)

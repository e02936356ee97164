"""`python -m kgan.launch --workers=2 --model=…`: trains in several processes of this machine.

Starts the workers, and restarts all of them from the last checkpoint when one of them fails. On
several machines Kubernetes or Slurm does that (docs/cluster.md).
"""

import uuid
from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_own
from kgan.distributed.launcher import Launcher
from kgan.models.base.flags import integer

FLAGS = (
    integer("workers", 2, (1, 64), "Number of processes that train together."),
    integer("max_restarts", 20, (0, 10**6), "How often all workers are restarted after a failure."),
    integer("grace", 20, (0, 3600), "Seconds until the workers left by a failed one are killed."),
)


def main(arguments: Sequence[str]) -> int:
    """Runs the workers until they are done; returns the exit status."""
    usage = "python -m kgan.launch --workers=N [--flag=value …] flags of kgan.train"
    own, rest = parse_own(usage, FLAGS, arguments)
    if not any(word.startswith(("--job", "--resume", "-job", "-resume")) for word in rest):
        # By its job a restart finds the run that an earlier start created.
        rest = [f"--job=launch-{uuid.uuid4().hex[:12]}", *rest]
    rest.append("--strategy=multi_worker")
    return Launcher(own.workers, own.max_restarts, own.grace, rest).run()


if __name__ == "__main__":
    entry.run(main)

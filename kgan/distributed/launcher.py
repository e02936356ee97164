"""Local launcher of worker processes, which restarts them when one of them fails."""

import dataclasses
import socket
import sys
import time
from collections.abc import Sequence

from kgan.distributed import cluster
from kgan.utils.processes import ProcessGroup, shared_environment

POLL_SECONDS = 0.1
# Exit statuses after which a restart would end in the same way: complete, values that are not
# finite, a wrong flag or file.
FINAL = (0, 1, 2)


@dataclasses.dataclass
class Launcher:
    """Runs a group of workers and restarts all of them when one fails.

    Args:
        workers: number of processes.
        max_restarts: how often they are restarted.
        grace: seconds that the other workers have to end after one has failed.
        arguments: flags of each worker.
        command: program to which the flags are given.

    Example:
        >>> Launcher(2, max_restarts=0, grace=1, arguments=[], command=["true"]).run()
        0
    """

    workers: int
    max_restarts: int
    grace: float
    arguments: Sequence[str]
    command: Sequence[str] = (sys.executable, "-m", "kgan.train")

    def run(self) -> int:
        """Runs until the workers have ended for good; returns the exit status."""
        group = ProcessGroup()
        with group.passing_signals():
            try:
                for attempt in range(self.max_restarts + 1):
                    self._start(group)
                    status = self._wait(group)
                    if status in FINAL or group.received:
                        return status
                    print(f"a worker ended with status {status}", file=sys.stderr, flush=True)
                    if attempt < self.max_restarts:
                        again = f"start {attempt + 2} of at most {self.max_restarts + 1}"
                        print(f"{again}, from the last checkpoint", file=sys.stderr, flush=True)
                return status
            finally:
                group.end(self.grace)

    def _start(self, group):
        addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(self.workers))
        group.processes.clear()
        for index in range(self.workers):
            environment = shared_environment(index, self.workers)
            environment["TF_CONFIG"] = cluster.Cluster(addresses, index).tf_config()
            if index:
                environment["TQDM_DISABLE"] = "1"  # one progress bar is enough
            group.start([*self.command, *self.arguments], env=environment)

    def _wait(self, group) -> int:
        """Waits for all workers, or for the first that fails; then ends the others."""
        while True:
            statuses = [worker.poll() for worker in group.processes]
            failed = [status for status in statuses if status]
            if failed and not group.received:
                group.end(self.grace)
                # A worker's own error is the cause, that the others lost a worker the consequence.
                statuses = [worker.returncode for worker in group.processes]
                return next((s for s in statuses if s and s in FINAL), failed[0])
            if None not in statuses:
                return failed[0] if failed else 0
            time.sleep(POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """Finds ports of this machine on which no process listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

"""Local launcher of worker processes, which restarts them when one dies."""

import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Sequence

from kgan.distributed import cluster

ASKED = (signal.SIGINT, signal.SIGTERM)
LOOK_SECONDS = 0.1
# Exit statuses after which starting again would end in the same way: done, no way out of NaN,
# a wrong flag or file.
FINAL = (0, 1, 2)


class Launcher:
    """Keeps a group of workers going.

    Args:
        settings: `workers`, `max_restarts`, `grace`.
        arguments: of `kgan.train`, for each of them.
        command: what is started with them.
    """

    def __init__(
        self,
        settings: types.SimpleNamespace,
        arguments: Sequence[str],
        command: Sequence[str] = (sys.executable, "-m", "kgan.train"),
    ):
        self.settings = settings
        self.command = [*command, *arguments]
        self.workers: list[subprocess.Popen] = []
        self.asked: int | None = None

    def run(self) -> int:
        """Runs until the workers have ended for good; returns the exit status."""
        before = {number: signal.signal(number, self._pass_on) for number in ASKED}
        try:
            for attempt in range(self.settings.max_restarts + 1):
                self._start()
                status = self._wait()
                if status in FINAL or self.asked:
                    return status
                print(f"a worker ended with status {status}", file=sys.stderr, flush=True)
                if attempt < self.settings.max_restarts:
                    again = f"start {attempt + 2} of at most {self.settings.max_restarts + 1}"
                    print(f"{again}, from the last checkpoint", file=sys.stderr, flush=True)
            return status
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self):
        addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(self.settings.workers))
        threads = max(1, (os.cpu_count() or 1) // self.settings.workers)
        self.workers = [
            subprocess.Popen(
                self.command,
                env={
                    # Each worker would else start as many threads as the machine has cores.
                    "TF_NUM_INTRAOP_THREADS": str(threads),
                    "TF_NUM_INTEROP_THREADS": "2",
                    **os.environ,
                    "TF_CONFIG": cluster.Cluster(addresses, index).tf_config(),
                    # One bar is enough.
                    **({"TQDM_DISABLE": "1"} if index else {}),
                    **self._devices(index),
                },
                # A Ctrl-C reaches the workers through the launcher, and only once.
                start_new_session=True,
            )
            for index in range(self.settings.workers)
        ]

    def _devices(self, index) -> dict[str, str]:
        """Divides the GPUs that CUDA_VISIBLE_DEVICES names among the workers."""
        named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        if len(named) < self.settings.workers:
            return {}
        return {"CUDA_VISIBLE_DEVICES": ",".join(named[index :: self.settings.workers])}

    def _wait(self) -> int:
        """Waits for all workers, or for the first that fails; then ends the others."""
        while True:
            statuses = [worker.poll() for worker in self.workers]
            failed = [status for status in statuses if status not in (None, 0)]
            if failed and not self.asked:
                self._end()
                statuses = [worker.returncode for worker in self.workers]
                # What a worker found wrong itself says more than that its peers left after it.
                own = [status for status in statuses if status in FINAL and status]
                return own[0] if own else failed[0]
            if None not in statuses:
                return next((status for status in statuses if status), 0)
            time.sleep(LOOK_SECONDS)

    def _end(self):
        """Ends what still runs: politely, then not."""
        end = time.monotonic() + self.settings.grace
        while any(worker.poll() is None for worker in self.workers):
            if time.monotonic() > end:
                for worker in self.workers:
                    worker.kill()
                    worker.wait()
            time.sleep(LOOK_SECONDS)

    def _pass_on(self, number, frame):
        self.asked = number
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(number)


def free_ports(count: int) -> list[int]:
    """Finds ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

"""Child processes that are started, signalled and ended together."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from kgan.utils.signals import handled_signals, leave_terminal


class ProcessGroup:
    """Child processes to which Ctrl-C, SIGTERM and SIGHUP are passed on.

    `received` is the number of the last signal that this process received, or None.

    Example:
        >>> group = ProcessGroup()
        >>> process = group.start(["sleep", "60"])
        >>> group.send(signal.SIGTERM)
        >>> process.wait() == -signal.SIGTERM
        True
    """

    def __init__(self):
        self.processes: list[subprocess.Popen] = []
        self.received: int | None = None

    @contextlib.contextmanager
    def passing_signals(self) -> Iterator[None]:
        """Passes the signals that end a command on to the processes while the context lasts.

        SIGHUP, too: the processes, in sessions of their own, are not told of a closed terminal.
        """
        before = {number: signal.signal(number, self._receive) for number in handled_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number, frame):
        leave_terminal(number)
        self.received = number
        self.send(number)

    def start(self, command: Sequence[str], **options) -> subprocess.Popen:
        """Starts a process; `options` are those of `subprocess.Popen`."""
        # In a session of its own it gets a Ctrl-C only once, from this process.
        process = subprocess.Popen(command, start_new_session=True, **options)
        self.processes.append(process)
        if self.received:
            # The signal arrived before the process was in the list.
            process.send_signal(self.received)
        return process

    def send(self, number: int) -> None:
        """Sends a signal to all processes that still run."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def end(self, grace: float) -> None:
        """Waits until all processes have ended, and kills those that run after `grace` seconds."""
        end = time.monotonic() + grace
        for process in self.processes:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def shared_environment(index: int, count: int) -> dict[str, str]:
    """Returns the environment for one of several processes that share the machine.

    CPU threads and the GPUs in CUDA_VISIBLE_DEVICES, if there are enough, are divided among them.
    Thread numbers that are set already are kept.

    Args:
        index: of the process, from 0.
        count: number of processes.
    """
    if count == 1:
        return dict(os.environ)
    # By default each process would start as many threads as the machine has cores.
    threads = max(1, (os.cpu_count() or 1) // count)
    own = {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "2", **os.environ}
    gpus = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if len(gpus) >= count:
        own["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[index::count])
    return own

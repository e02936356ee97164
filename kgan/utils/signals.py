"""Signals that end a command: acknowledged at once, held back while something must not be lost.

Python calls its handlers between two of its own instructions only, which a long step of TensorFlow
delays by seconds. So a thread is woken by the system's handler itself, and acknowledges.
"""

import contextlib
import logging
import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator

logger = logging.getLogger("kgan")

# Of these a closed terminal sends SIGHUP; Windows has none.
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
MARK = 0  # no signal has this number
PRESSES = 3  # of Ctrl-C, the last of which ends a command at once


class Stopped(KeyboardInterrupt):
    """A signal ends the command.

    Args:
        number: of the signal.

    Example:
        >>> Stopped(signal.SIGTERM).number == signal.SIGTERM
        True
    """

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def handled_signals() -> tuple[int, ...]:
    """Lists the signals that end a command; under `nohup` SIGHUP is none of them."""
    hangup = getattr(signal, "SIGHUP", None)
    is_ignored = hangup is not None and signal.getsignal(hangup) == signal.SIG_IGN
    return tuple(n for n in STOP_SIGNALS if not (is_ignored and n == hangup))


def leave_terminal(number: int) -> None:
    """Sends what is printed to a terminal to nowhere, if the signal says that it was closed.

    Each line that is printed there would raise an error.
    """
    if number != getattr(signal, "SIGHUP", None):
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        with contextlib.suppress(OSError):  # is closed itself
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
    os.close(nowhere)


class SignalWatch:
    """Acknowledges the signals that end a command, within the context.

    Each raises `Stopped` in the main thread; inside of `held` it is only noted, in `received`. The
    second Ctrl-C, and the third inside of `held`, ends the process at once.

    Attributes:
        received: number of the last signal, or None.
        words: what is said of a signal outside of `held`.

    Example:
        >>> with SignalWatch() as watch, watch.held("stopping after this step"):
        ...     os.kill(os.getpid(), signal.SIGTERM)
        >>> watch.received == signal.SIGTERM
        True
    """

    def __init__(self):
        self.received: int | None = None
        self.words = "stopping"
        self.is_active = False
        self._held: tuple[str, ...] = ()
        self._presses = 0
        self._answered = threading.Event()

    def __enter__(self):
        self.is_active = True
        self._before = {n: signal.signal(n, self._handle) for n in handled_signals()}
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._acknowledge, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.is_active = False
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._sender.close()  # ends the thread, after it has read what was sent
        self._thread.join()
        self._receiver.close()

    @contextlib.contextmanager
    def held(self, *words: str) -> Iterator[None]:
        """Only notes signals while the context lasts.

        Args:
            words: what is said of the first, of the second … Ctrl-C.
        """
        self._held = words
        try:
            yield
        finally:
            self._await_answers()
            self._held, self._presses = (), 0

    def _await_answers(self):
        """Waits until the thread has answered the signals that came so far."""
        if self.is_active:  # not where an error has ended the watch before `held`
            self._answered.clear()
            self._sender.send(bytes([MARK]))
            self._answered.wait(timeout=1)

    def _handle(self, number, frame):
        self.received = number
        if not self._held:
            raise Stopped(number)

    def _acknowledge(self):
        while numbers := self._receiver.recv(64):
            for number in numbers:
                if number == MARK:
                    self._answered.set()
                elif number in self._before:
                    leave_terminal(number)
                    self._answer(number)

    def _answer(self, number):
        held = self._held
        if number == signal.SIGINT:
            self._presses += 1
            if self._presses >= (PRESSES if held else PRESSES - 1):
                _say("ended at once")
                os._exit(128 + number)
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        said = held or (self.words,)
        _say(f"{name}: {said[min(max(self._presses, 1), len(said)) - 1]}")


def _say(words):
    # A closed terminal or a full disk must not keep the process from ending.
    with contextlib.suppress(Exception):
        logger.info(words)

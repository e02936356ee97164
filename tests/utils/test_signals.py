"""Signals: acknowledged while a step runs, held back, and ignored under nohup."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from kgan.utils import signals

# A process whose main thread is in one call of C, in which Python calls no handler, as in a step.
STEP = """
import hashlib, logging, sys, time
from kgan.utils import signals

logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
with signals.SignalWatch() as watch, watch.held("first", "second"):
    print("started", flush=True)
    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", int(sys.argv[1]))
    print(f"step took {time.monotonic() - begin:.3f}", flush=True)
    open(sys.argv[2], "w").write(f"saved {watch.received}")
"""


@pytest.fixture(scope="module")
def rounds():
    """Rounds of a hash that take about two seconds here."""
    import hashlib

    begin = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)
    return int(100_000 * 2 / (time.monotonic() - begin))


@pytest.fixture
def step(rounds, tmp_path):
    """A started process, at the beginning of its long call."""
    process = subprocess.Popen(
        [sys.executable, "-c", STEP, str(rounds), str(tmp_path / "saved")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "started\n"
    yield process
    process.kill()
    process.wait()


def test_control_c_is_acknowledged_while_a_step_runs_and_the_third_ends_it(step, tmp_path):
    begin = time.monotonic()
    step.send_signal(signal.SIGINT)
    assert step.stdout.readline() == "Ctrl-C: first\n"
    step.send_signal(signal.SIGINT)
    assert step.stdout.readline() == "Ctrl-C: second\n"
    assert time.monotonic() - begin < 1
    step.send_signal(signal.SIGINT)
    assert step.wait() == 128 + signal.SIGINT
    assert time.monotonic() - begin < 1.5
    assert not (tmp_path / "saved").exists()


def test_two_presses_end_after_what_must_not_be_lost(step, tmp_path):
    for _ in range(2):
        step.send_signal(signal.SIGINT)
        assert step.stdout.readline().startswith("Ctrl-C: ")
    assert step.stdout.readline().startswith("step took ")
    assert step.wait() == 0
    assert (tmp_path / "saved").read_text() == f"saved {int(signal.SIGINT)}"


def test_signal_raises_where_nothing_is_held():
    with pytest.raises(signals.Stopped) as stopped, signals.SignalWatch() as watch:
        with watch.held("later"):
            os.kill(os.getpid(), signal.SIGTERM)
            assert watch.received == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(1)
    assert stopped.value.number == signal.SIGHUP


def test_hangup_is_ignored_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.SignalWatch() as watch:
            os.kill(os.getpid(), signal.SIGHUP)
            assert watch.received is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_closed_terminal_keeps_nothing_from_being_saved(tmp_path):
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", STEP, "300000", str(tmp_path / "saved")])
    output = b""
    while not output.endswith(b"started\r\n"):
        output += os.read(terminal, 100)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "saved").read_text() == f"saved {int(signal.SIGHUP)}"

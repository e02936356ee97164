"""Fixtures for the tests of TFDS data sets."""

import fcntl
import os
import socket

import pytest

from tests.data.tfds.made import MNIST, opened


@pytest.fixture
def no_network(monkeypatch):
    """Lets every search for a server fail; returns the attempts."""

    def fail(*args, **kwargs):
        attempts.append(args)
        raise socket.gaierror(-2, "Name or service not known")

    attempts = []
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    return attempts


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """Prepares MNIST once a session, for all of pytest's processes; returns its folder."""
    if not MNIST.exists():
        pytest.skip("MNIST is not here")
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with open(root / "tfds.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opened("mnist", root / "tfds", manual_dir=str(MNIST))
    return root / "tfds"

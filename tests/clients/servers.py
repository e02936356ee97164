"""The endpoint of tests/serving, started for a test."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

ENDPOINT = pathlib.Path(__file__).parents[1] / "serving" / "endpoint.py"


@contextlib.contextmanager
def serving(*models, **faults):
    """Serves models, each `NAME=SAVED_MODEL`; yields the addresses by protocol."""
    options = [f"--{name}={number}" for name, number in faults.items()]
    command = [sys.executable, str(ENDPOINT), *models, *options]
    # Elsewhere than in the checkout, where kgan could be imported.
    with (
        tempfile.TemporaryDirectory() as elsewhere,
        subprocess.Popen(
            command, cwd=elsewhere, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            ports = json.loads(process.stdout.readline())
            yield {
                "http": f"http://127.0.0.1:{ports['http']}",
                "grpc": f"grpc://127.0.0.1:{ports['grpc']}",
            }
        finally:
            process.stdin.close()
            process.kill()

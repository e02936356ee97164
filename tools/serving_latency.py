"""Requests to a served model through kgan's client: none lost, and how long they take.

    python -m tools.serving_latency [--requests=200]

Exports pix2pix with its default networks, serves it with the endpoint of the tests (TensorFlow
Serving's JSON and gRPC forms, in a process without kgan, every tenth request refused as busy), and
translates the same photo in 200 requests, 1, 8 and 200 at a time. The table is in docs/serving.md.
It takes about 5 minutes on 2 cores.
"""

import io
import pathlib
import tempfile
import time

import numpy as np
from PIL import Image

from kgan.cli import entry
from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.clients.answers import Retries
from kgan.clients.grpc import GrpcServer
from kgan.clients.rest import RestServer
from kgan.clients.work import Item, Work
from kgan.runs.data import open_data
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.errors import UserError
from tests.clients.servers import serving
from tools import command

MODEL, SIGNATURE = "pix2pix", "from_files"
AT_A_TIME = (1, 8, 200)
BUSY = 10  # every so many requests


def photo() -> bytes:
    """Makes a JPEG file of 256x256."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    file = io.BytesIO()
    small.resize((256, 256), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def measured(server, folder: pathlib.Path, count: int, parallel: int) -> tuple:
    """Sends requests; returns how many were answered, the seconds of each and of all."""
    data = photo()
    items = [Item(str(n), f"{n}.png", lambda: {"image_bytes": data}) for n in range(count)]
    work = Work(server, SIGNATURE, folder, Retries(20, first_wait=0.05, longest_wait=1), parallel)
    start = time.perf_counter()
    counts = work.run(items)
    return counts.written, counts.seconds, time.perf_counter() - start


def main(arguments) -> None:
    """Writes the table."""
    given = command.parse("serving_latency", arguments, requests=200)
    settings = parse_training([f"--model={MODEL}"])
    model = build_model(settings, open_data(settings)[1])
    names = ("50 %", "90 %", "99 %")
    percentiles = [f"{name} within, s" for name in names]
    head = ("protocol", "at a time", "answered", *percentiles, "images/s")
    table = command.columns(*head)
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        chosen = {SIGNATURE: model.signatures()[SIGNATURE]}
        version = write_saved_model(chosen, folder / MODEL)
        with serving(f"{MODEL}={version}", busy=BUSY) as addresses:
            servers = {
                "HTTP": RestServer(addresses["http"], MODEL, timeout=600),
                "gRPC": GrpcServer(addresses["grpc"].removeprefix("grpc://"), MODEL, timeout=600),
            }
            measured(servers["HTTP"], folder / "first", 2, 1)
            for protocol, server in servers.items():
                for parallel in AT_A_TIME:
                    place = folder / f"{protocol}-{parallel}"
                    answered, seconds, total = measured(server, place, given.requests, parallel)
                    if answered != given.requests:
                        raise UserError(f"{protocol}: {given.requests - answered} requests lost")
                    found = [f"{np.percentile(seconds, p):.2f}" for p in (50, 90, 99)]
                    speed = f"{given.requests / total:.1f}"
                    words = protocol, parallel, f"{answered} of {given.requests}", *found, speed
                    table += command.row(*words)
                    print(*words, flush=True)
    command.write("serving", table)


if __name__ == "__main__":
    entry.run(main)

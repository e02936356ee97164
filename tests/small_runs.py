"""Commands run inside the test process, and runs so small that they take seconds.

What several tests only read is made once in a session, by the first process that needs it.
"""

import atexit
import contextlib
import dataclasses
import fcntl
import functools
import io
import json
import logging
import os
import pathlib
import re
import shutil
import sys
import tempfile
from unittest import mock

import numpy as np
from PIL import Image

from kgan import client, doctor, evaluate, export, generate, pair, report, train
from kgan.cli import entry
from kgan.runs import checkpoint

COMMANDS = {
    "client": client,
    "train": train,
    "export": export,
    "generate": generate,
    "evaluate": evaluate,
    "doctor": doctor,
    "pair": pair,
    "report": report,
}
# One device: where nothing else is said, the two of conftest.py are two replicas.
# The fastest to train, for what does not depend on the networks.
GAN = (
    "--model=gan",
    "--image_size=16",
    "--g_hidden=8",
    "--d_hidden=8",
    "--batch_size=32",
    "--latent_size=8",
    "--strategy=none",
    "--noevaluate",
)
DCGAN = (
    "--model=dcgan",
    "--image_size=16",
    "--width=4",
    "--batch_size=32",
    "--latent_size=8",
    "--strategy=none",
    "--noevaluate",
)
PIX2PIX = (
    "--model=pix2pix",
    "--image_size=32",
    "--width=4",
    "--patch_layers=1",
    "--batch_size=4",
    "--strategy=none",
)
CYCLEGAN = (
    "--model=cyclegan",
    "--image_size=16",
    "--width=2",
    "--blocks=1",
    "--patch_layers=1",
    "--pool_size=2",
    "--strategy=none",
    "--noevaluate",
)

# The classes of the drawn pairs, and the colour that the other side has there.
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
ANSWERS = np.array([[40, 40, 40], [200, 180, 60], [90, 220, 130]], np.uint8)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The one line of a refusal; fails where there is more, or anything on stdout."""
        assert self.status == 2, self
        assert self.out == "", self
        assert self.err.startswith("error: ") and self.err.endswith("\n"), self
        assert self.err.count("\n") == 1, self
        return self.err.removeprefix("error: ").rstrip("\n")


def command(name: str, *arguments) -> Outcome:
    """Runs `python -m kgan.<name>` in this process."""
    out, err = io.StringIO(), io.StringIO()
    logger = logging.getLogger("kgan")
    # The handler of an earlier command writes to a standard output that is gone.
    logger.handlers.clear()
    argv = ["kgan", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            entry.run(COMMANDS[name].main)
        except SystemExit as end:
            status = end.code or 0
        finally:
            logger.handlers.clear()
    return Outcome(status, out.getvalue(), err.getvalue())


def train_in(folder: pathlib.Path, *arguments) -> pathlib.Path:
    """Trains a new run below `folder/runs`; returns its folder."""
    outcome = command(
        "train", f"--runs_dir={folder}/runs", f"--export_dir={folder}/saved_models", *arguments
    )
    assert outcome.status == 0, outcome
    return pathlib.Path(re.search(r"run folder: (.+)", outcome.out)[1])


@functools.cache
def shared_folder() -> pathlib.Path:
    """The folder that conftest.py gives all processes of a session; elsewhere one of its own."""
    if given := os.environ.get("KGAN_TESTS_SHARED"):
        return pathlib.Path(given)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kgan-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def made_once(make):
    """Decorates a function that makes a folder, so that one process of a session calls it."""

    @functools.cache
    def made() -> pathlib.Path:
        note = shared_folder() / f"{make.__name__}.txt"
        with open(note, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if not (path := file.read()):
                path = str(make())
                file.write(path)
        return pathlib.Path(path)

    return made


@made_once
def pairs_folder() -> pathlib.Path:
    """Pairs of 32x32: left a label map, right the same in other colours with some noise."""
    rng = np.random.default_rng(7)
    root = shared_folder() / "small_pairs"
    for part, count in (("train", 12), ("val", 3), ("test", 5)):
        (root / part).mkdir(parents=True)
        for number in range(count):
            # Blocks of 8 pixels; every image holds all classes.
            blocks = rng.permutation(np.arange(16) % len(PALETTE)).reshape(4, 4)
            classes = blocks.repeat(8, axis=0).repeat(8, axis=1)
            noise = rng.integers(-20, 21, (32, 32, 3))
            photo = np.clip(ANSWERS[classes].astype(int) + noise, 0, 255).astype(np.uint8)
            pair = np.concatenate([PALETTE[classes], photo], axis=1)
            Image.fromarray(pair).save(root / part / f"{number}.png")
    return root


@made_once
def unpaired_folder() -> pathlib.Path:
    """Two domains of 16x16, dark reds and bright blues: 6 and 4 to train on, 3 and 2 to test."""
    rng = np.random.default_rng(8)
    root = shared_folder() / "small_unpaired"
    for place, count, low, channel in (
        ("trainA", 6, 0, 0),
        ("trainB", 4, 155, 2),
        ("testA", 3, 0, 0),
        ("testB", 2, 155, 2),
    ):
        (root / place).mkdir(parents=True)
        for number in range(count):
            image = np.zeros((16, 16, 3), np.uint8)
            image[..., channel] = rng.integers(low, low + 100, (16, 16))
            Image.fromarray(image).save(root / place / f"{number}.png")
    return root


@made_once
def cyclegan_run() -> pathlib.Path:
    """A finished run that translates both ways; nobody writes into it."""
    return train_in(
        shared_folder(),
        *CYCLEGAN,
        f"--dataset={unpaired_folder()}",
        "--steps=6",
        "--log_every=1",
        "--name=unpaired",
        "--g_lr=0.004",
        "--sample_every=3",
    )


@made_once
def dcgan_run() -> pathlib.Path:
    """A finished run that draws from seeds; nobody writes into it."""
    # So fast that its seeds give images that can be told apart.
    return train_in(
        shared_folder(),
        *DCGAN,
        "--steps=10",
        "--log_every=2",
        "--checkpoint_every=2",
        "--sample_every=5",
        "--name=seeds",
        "--g_lr=0.05",
    )


@made_once
def pix2pix_run() -> pathlib.Path:
    """A finished run that translates; nobody writes into it."""
    return train_in(
        shared_folder(),
        *PIX2PIX,
        f"--dataset={pairs_folder()}",
        "--steps=8",
        "--log_every=1",
        "--validate_every=2",
        "--name=pairs",
        "--g_lr=0.002",
    )


def metrics(run: pathlib.Path, kind: str | None = None) -> list[dict]:
    """Reads a run's metrics.jsonl, the lines of one kind or all."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if kind in (None, line["kind"])]


def copy_of(run: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Copies a run folder, for a test that writes into it."""
    return pathlib.Path(shutil.copytree(run, folder / run.name))


def with_other_best(run: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Copies a translating run and gives its best checkpoint other biases than its last has."""
    copy = copy_of(run, folder)
    best = copy / "checkpoints" / "best.safetensors"
    arrays, header = checkpoint.read(best)
    arrays["generator/to_picture_transposed/bias"] = np.float32([0.25, 0.5, -0.75])
    header.pop("format_version")
    checkpoint.write(best, arrays, header)
    return copy

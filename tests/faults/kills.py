"""Runs killed at random moments and resumed, compared with a run that was never killed.

The flags of a small training come from the model's contract test (`flags`, `spec`,
`batch_size`), so that a new model need not be named here.
"""

import dataclasses
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.data.dataset import DataSpec
from kgan.data.folder.layouts import UNPAIRED_FOLDERS
from kgan.runs import checkpoint
from kgan.runs.folder import Run
from tests.faults.forks import ROOT, Moment, Trainer
from tests.models.contracts.model import contract_of

STEPS = 42
# At the last step a checkpoint is due, but no sample, validation or line of the log: those that
# are written at the end must not be lost by a kill before the checkpoint.
FLAGS = (
    "--deterministic",
    f"--steps={STEPS}",
    "--checkpoint_every=7",
    "--log_every=4",
    "--sample_every=5",
    "--validate_every=5",
    "--flip",
    "--noevaluate",
    "--noexport",
    "--strategy=none",
)
IMAGES = 20
MOST_KILLS = 3  # in one run
AGAIN = 1 / 3  # probability that a resumed run is killed as well
# Values that depend on the clock or the machine.
CLOCKS = ("seconds", "images_per_second", "peak_memory_mb")
# Files named after the process and the time that created them.
NAMED_BY_PROCESS = ("events.out.tfevents.*", ".lock")


def training_flags(model: str, folder: pathlib.Path) -> list[str]:
    """Returns the flags of a model's small training; writes its dataset to a folder."""
    contract = contract_of(model)
    data = folder / "data"
    if not data.exists():
        make_images(data, contract.spec)
    height, width = contract.spec.size
    return [
        f"--model={model}",
        f"--dataset={data}",
        f"--image_size={height}x{width}",
        f"--batch_size={contract.batch_size}",
        *FLAGS,
        *contract.flags,
    ]


def make_images(folder: pathlib.Path, spec: DataSpec) -> None:
    """Writes images of noise in the layout of a kind of dataset."""
    rng = np.random.default_rng(5)

    def save(place, count, sides=1):
        (folder / place).mkdir(parents=True)
        for number in range(count):
            height, width = spec.size
            levels = rng.integers(0, 256, (height, sides * width, 3), np.uint8)
            Image.fromarray(levels).save(folder / place / f"{number}.png")

    match spec.kind:
        case "images":
            save("train", IMAGES)
        case "labelled":
            save("train/one", IMAGES // 2)
            save("train/two", IMAGES // 2)
        case "paired":
            save("train", IMAGES, sides=2)
            save("val", 3, sides=2)
            save("test", 3, sides=2)
        case "unpaired":
            for place in UNPAIRED_FOLDERS:
                save(place, IMAGES if "train" in place.lower() else 3)


# What a run writes, without clocks.


def without_clocks(value):
    """Removes the names of `CLOCKS` from nested dictionaries."""
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in CLOCKS}
    return value


def curve(run: pathlib.Path) -> list[dict]:
    """Reads metrics.jsonl; every line has to be whole."""
    return [
        without_clocks(json.loads(line))
        for line in (run / "metrics.jsonl").read_text().split("\n")
        if line
    ]


def events(run: pathlib.Path) -> Iterator[tuple[int, str, bytes]]:
    """Reads TensorBoard's (step, tag, value); values of clocks are empty."""
    for path in sorted((run / "tensorboard").iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                by_clock = value.tag.rpartition("/")[2] in CLOCKS
                yield event.step, value.tag, b"" if by_clock else value.SerializeToString()


def files(run: pathlib.Path) -> list[str]:
    """Lists the files of a run without those that are named after a process."""
    return sorted(
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file() and not any(path.match(pattern) for pattern in NAMED_BY_PROCESS)
    )


def differences(whole: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Lists the differences between two runs; none if they are equal bit for bit.

    Compares arrays and callback states of the last and the best checkpoint, the lines of
    metrics.jsonl, TensorBoard's scalars, texts and images, the sample images, and the list of
    files.
    """
    found = []
    paths = [(Run(whole).latest(), Run(other).latest())]
    if Run(whole).best.exists():
        paths.append((Run(whole).best, Run(other).best))
    for one, two in paths:
        if not two.exists() or one.name != two.name:
            found.append(f"checkpoint {one.name}: missing, the last one is {two.name}")
            continue
        (arrays, header), (others, other_header) = map(checkpoint.read, (one, two))
        names = sorted(arrays.keys() | others.keys())
        found += [
            f"{one.name}: {name}"
            for name in names
            if name not in arrays
            or name not in others
            or _bits(arrays[name]) != _bits(others[name])
        ]
        if without_clocks(header) != without_clocks(other_header):
            found.append(f"{one.name}: header {header} is {other_header}")
    found += _sequence_differences("metrics.jsonl", curve(whole), curve(other))
    found += _sequence_differences("tensorboard", sorted(events(whole)), sorted(events(other)))
    found += _sequence_differences("files", files(whole), files(other))
    for path in sorted((whole / "samples").iterdir()):
        same = other / "samples" / path.name
        if same.exists() and same.read_bytes() != path.read_bytes():
            found.append(f"samples/{path.name}: other bytes")
    return found


def _bits(array):
    return array.dtype, array.shape, array.tobytes()


def _sequence_differences(name, wanted, got):
    if wanted == got:
        return []
    missing, extra = list(wanted), []
    for item in got:
        if item in missing:
            missing.remove(item)
        else:
            extra.append(item)
    if not missing and not extra:
        return [f"{name}: another order"]
    return [
        *(f"{name}: missing {str(item)[:200]}" for item in missing),
        *(f"{name}: doubled or other {str(item)[:200]}" for item in extra),
    ]


# Killing.


@dataclasses.dataclass(frozen=True)
class Reference:
    """A run that was never killed.

    Args:
        run: its folder.
        flags: that trained it, without --runs_dir.
        seconds: from start to end.
        first_line: seconds until the first line of metrics.jsonl.
        operations: number of operations on its files.
    """

    run: pathlib.Path
    flags: list[str]
    seconds: float
    first_line: float
    operations: int


@dataclasses.dataclass(frozen=True)
class Trial:
    """A run that was killed and resumed until it ended.

    Args:
        moments: of the kills, in order.
        resumed_at: step at which each process after a kill resumed; None if there was no
            checkpoint yet, so that the run was started again.
        differences: from the reference; there should be none.
    """

    moments: list[Moment]
    resumed_at: list[int | None]
    differences: list[str]


def reference(trainer: Trainer, model: str, folder: pathlib.Path) -> Reference:
    """Trains a model's small run without a kill."""
    flags = training_flags(model, folder)
    ended = trainer.train([*flags, f"--runs_dir={folder}/whole"])
    if ended.status != 0:
        raise RuntimeError(f"{model} fails without a kill: {ended.output}")
    (run,) = (folder / "whole").iterdir()
    return Reference(run, flags, ended.seconds, ended.first_line, ended.operations)


def plain_training(arguments: list[str]) -> None:
    """Runs `python -m kgan.train` in an ordinary new process."""
    subprocess.run(
        [sys.executable, "-m", "kgan.train", *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
    )


def random_moment(rng: random.Random, kind: str, of: Reference) -> Moment:
    """Samples a moment of a training, from its start to a little before its end."""
    match kind:
        case "file":
            return Moment(kind, rng.randint(1, of.operations))
        case "clock":
            return Moment(kind, rng.uniform(0, of.seconds))
        case "training":
            return Moment(kind, rng.uniform(0, of.seconds - of.first_line))
    raise ValueError(f"`kind` must be file, clock or training. Received: {kind!r}")


def killed_run(
    trainer: Trainer, of: Reference, rng: random.Random, kind: str, folder: pathlib.Path
) -> Trial:
    """Trains what the reference trained, kills it at a random moment, resumes it to its end.

    Args:
        trainer: runs the processes.
        of: the run to compare it with.
        rng: for the moments.
        kind: of the first moment; a resumed run is sometimes killed as well.
        folder: for the run; emptied before.
    """
    moments, resumed_at = [], []
    moment = random_moment(rng, kind, of)
    while True:
        if not moments:
            # Also after a moment that was too late, when the run had ended.
            shutil.rmtree(folder, ignore_errors=True)
        run = max(folder.glob("*"), default=None)
        steps = checkpoint.saved_steps(run / "checkpoints") if run else []
        if moments:
            resumed_at.append(steps[-1] if steps else None)
        ended = trainer.train(
            [f"--resume={run}"] if steps else [*of.flags, f"--runs_dir={folder}"], moment
        )
        if moment and ended.status == -moment.number:
            moments.append(moment)
            again = len(moments) < MOST_KILLS and rng.random() < AGAIN
            moment = random_moment(rng, rng.choice(["file", "clock"]), of) if again else None
        elif ended.status != 0:
            return Trial(moments, resumed_at, [f"status {ended.status}: {ended.output[-2000:]}"])
        elif moments:
            return Trial(moments, resumed_at, differences(of.run, max(folder.iterdir())))
        else:
            moment = random_moment(rng, kind, of)


def trials(
    trainer: Trainer, of: Reference, count: int, seed: str, folder: pathlib.Path
) -> Iterator[Trial]:
    """Kills several runs; the kinds of moments alternate.

    Args:
        trainer: runs the processes.
        of: the run to compare them with.
        count: number of runs.
        seed: of the moments.
        folder: for the runs; the last one that differed is left there.
    """
    kinds = ("file", "training", "clock")
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        trial = killed_run(trainer, of, rng, kinds[number % 3], folder / "killed")
        if trial.differences:
            shutil.rmtree(folder / "differs", ignore_errors=True)
            shutil.move(folder / "killed", folder / "differs")
        yield trial

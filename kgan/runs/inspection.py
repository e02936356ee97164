"""Inspection of the installation, the machine and a run folder, one finding a line."""

import importlib.metadata
import pathlib
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

from kgan.runs import checkpoint, logs
from kgan.runs.folder import open_run
from kgan.utils.atomic import check_writable, find_leftovers
from kgan.utils.errors import UserError

PACKAGES = (
    *("tensorflow", "keras", "tensorboard", "tensorflow-datasets", "array-record", "numpy"),
    *("pillow", "scikit-learn", "scikit-image", "scipy", "safetensors", "absl-py", "tqdm"),
    *("matplotlib", "jinja2"),
)
PYTHON = ((3, 11), (3, 14))  # first version, and first one that is too new
SPACE = 5e9  # bytes: a few checkpoints of pix2pix with its optimizers


class Finding(NamedTuple):
    """A result of the inspection.

    Args:
        ok: whether nothing is wrong.
        subject: what was inspected.
        details: what was found.
        advice: whether something could be better, though nothing is wrong.

    Example:
        >>> print(Finding(True, "numpy", "2.1.0"))
        ok    numpy                     2.1.0
    """

    ok: bool
    subject: str
    details: str
    advice: bool = False

    def __str__(self):
        mark = "note " if self.advice else "ok   "
        return f"{mark if self.ok else 'WRONG'} {self.subject:25} {self.details}"


def inspect_machine(runs_dir: str, data_dir: str | None) -> Iterator[Finding]:
    """Inspects packages, devices, prepared datasets and the disk.

    Args:
        runs_dir: where runs are created.
        data_dir: the folder of TFDS; None: its default.
    """
    first, too_new = PYTHON
    yield Finding(first <= sys.version_info[:2] < too_new, "python", sys.version.split()[0])
    for name in PACKAGES:
        try:
            yield Finding(True, name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(False, name, f"not installed; pip install {name}")
    yield from _devices()
    folder = pathlib.Path(data_dir or pathlib.Path.home() / "tensorflow_datasets")
    infos = sorted(folder.glob("*/**/dataset_info.json"))
    names = [str(info.parent.relative_to(folder)) for info in infos]
    yield Finding(True, "prepared data sets", ", ".join(names) or f"none in {folder}")
    yield _disk(runs_dir)


def _devices():
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        yield Finding(True, gpu.name, details.get("device_name", "GPU"))
    if not gpus:
        yield Finding(True, "devices", "no GPU; everything runs on the CPU")


def _disk(runs_dir):
    try:
        check_writable("--runs_dir", runs_dir)
    except UserError as error:
        return Finding(False, "disk", str(error))
    folder = pathlib.Path(runs_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    short = "" if free > SPACE else f"; runs want {SPACE / 1e9:.0f} GB"
    return Finding(not short, "disk", f"{free / 1e9:.1f} GB free at {folder}{short}")


def inspect_run(folder: str) -> Iterator[Finding]:
    """Inspects the files of a run."""
    run = open_run(folder)
    run.spec()
    in_use = run.in_use()
    state = "running now" if in_use else "not running"
    yield Finding(True, "run", f"{run.settings().model}; {state}")
    lines = logs.read_metrics(run.metrics)
    torn = "; the last one is incomplete, resuming deletes it" if logs.is_torn(run.metrics) else ""
    last = max((line["step"] for line in lines), default=0)
    yield Finding(True, run.metrics.name, f"{len(lines)} lines, to step {last}{torn}")
    paths = sorted(run.checkpoints.glob(f"*{checkpoint.SUFFIX}"))
    for path in paths:
        try:
            _, header = checkpoint.read(path)
            run.check_origin(header, path)
            yield Finding(True, path.name, f"whole, step {header['step']}")
        except UserError as error:
            yield Finding(False, path.name, str(error))
    if not paths:
        yield Finding(False, "checkpoints", "none; the run cannot be resumed or loaded")
    elif run.best not in paths and any(line["kind"] == "validation" for line in lines):
        details = "missing, though the run is validated; the last checkpoint is loaded instead"
        yield Finding(False, run.best.name, details)
    damaged = sorted(run.checkpoints.glob(f"*{checkpoint.DAMAGED_SUFFIX}"))
    for path in [*damaged, *([] if in_use else find_leftovers(run.folder))]:
        yield Finding(True, "left over", f"{path.relative_to(run.folder)}; can be removed")

"""`python -m kgan.doctor`: what is installed, which devices there are, whether all is in order."""

import importlib.metadata
import pathlib
import shutil
import sys
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.utils.errors import UserError

PACKAGES = (
    "tensorflow",
    "keras",
    "tensorboard",
    "tensorflow-datasets",
    "array-record",
    "numpy",
    "pillow",
    "scikit-learn",
    "scikit-image",
    "scipy",
    "safetensors",
    "absl-py",
    "tqdm",
    "matplotlib",
    "jinja2",
)
ROOM = 5e9  # bytes: a few checkpoints of pix2pix with its optimisers


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""

    def string(name, default, about):
        flags.DEFINE_string(name, default, about, flag_values=values)

    string("run", None, "A run folder to look through.")
    string("runs_dir", "runs", "Where runs are made.")
    string("data_dir", None, "Where TFDS keeps prepared data sets.")


def main(arguments: Sequence[str]) -> int:
    """Prints a line for each thing looked at; status 1 where one of them is not in order."""
    given = settings.parse_command("kgan.doctor", define_flags, arguments, needed=())
    if given is None:
        return 0
    lines = [*_packages(), *_devices(), *_prepared(given.data_dir), *_disk(given.runs_dir)]
    if given.run:
        lines += _run_folder(given.run)
    for good, what, found in lines:
        print(f"{'ok   ' if good else 'WRONG'} {what:25} {found}")
    return 0 if all(good for good, _, _ in lines) else 1


def _packages():
    version = sys.version_info
    yield (3, 11) <= version[:2] < (3, 14), "python", sys.version.split()[0]
    for name in PACKAGES:
        try:
            yield True, name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield False, name, f"not installed; pip install {name}"


def _devices():
    entry.import_tensorflow()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        yield True, gpu.name, details.get("device_name", "GPU")
    if not gpus:
        yield True, "devices", "no GPU; everything runs on the CPU"


def _prepared(data_dir):
    folder = pathlib.Path(data_dir or pathlib.Path.home() / "tensorflow_datasets")
    infos = sorted(folder.glob("*/**/dataset_info.json"))
    names = [str(info.parent.relative_to(folder)) for info in infos]
    yield True, "prepared data sets", ", ".join(names) or f"none in {folder}"


def _disk(runs_dir):
    from kgan.utils.atomic import check_writable

    try:
        check_writable("--runs_dir", runs_dir)
    except UserError as error:
        yield False, "disk", str(error)
        return
    place = pathlib.Path(runs_dir).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    short = "" if free > ROOM else f"; runs want {ROOM / 1e9:.0f} GB"
    yield not short, "disk", f"{free / 1e9:.1f} GB free at {place}{short}"


def _run_folder(folder):
    from kgan.runs import checkpoint, logs
    from kgan.runs.folder import open_run
    from kgan.utils.atomic import find_leftovers

    run = open_run(folder)
    run.spec()
    in_use = run.in_use()
    yield True, "run", f"{run.settings().model}; {'running now' if in_use else 'not running'}"
    lines = logs.read_metrics(run.metrics)
    torn = "; the last one is torn, resuming drops it" if logs.is_torn(run.metrics) else ""
    last = max((line["step"] for line in lines), default=0)
    yield True, "metrics.jsonl", f"{len(lines)} lines, to step {last}{torn}"
    paths = sorted(run.checkpoints.glob(f"*{checkpoint.SUFFIX}"))
    for path in paths:
        try:
            _, header = checkpoint.read(path)
            run.check_origin(header, path)
            yield True, path.name, f"whole, step {header['step']}"
        except UserError as error:
            yield False, path.name, str(error)
    if not paths:
        yield False, "checkpoints", "none; the run cannot be resumed or loaded"
    elif run.best not in paths and any(line["kind"] == "validation" for line in lines):
        yield False, run.best.name, "missing, though validated; the last one is loaded instead"
    aside = sorted(run.checkpoints.glob(f"*{checkpoint.DAMAGED_SUFFIX}"))
    left = [] if in_use else find_leftovers(run.folder)
    for path in [*aside, *left]:
        yield True, "left over", f"{path.relative_to(run.folder)}; can be removed"


if __name__ == "__main__":
    entry.run(main)

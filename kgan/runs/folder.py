"""Run folders: numbered, with everything that repeats, resumes or loads a run.

runs/00003-pix2pix-facades/
    flags.cfg        every resolved flag; --flagfile of it repeats the run
    dataset.json     what the networks depend on in the data
    metrics.jsonl    one JSON object a line: losses, speed, validation, by step
    tensorboard/     the same, and the sample images
    metrics-*.jsonl  measurements of checkpoints, one a line; evaluation/ has them as events
    samples/         the sample images as PNG
    checkpoints/     the last ones, and best.safetensors where the run is validated
    export/          a SavedModel that was not published
    log.txt          what was printed
    report.html      all of this on one page, if kgan.report wrote one
    job.txt          the --job that the run belongs to, if one was given
"""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import re
import shlex
import shutil
from collections.abc import Mapping

from kgan.cli.entry import Help
from kgan.cli.parsing import parse_training
from kgan.cli.settings import Settings
from kgan.data.dataset import KINDS, DataSpec
from kgan.data.preparation import FITS, Preparation
from kgan.data.splits import SPLIT_RULE
from kgan.runs import checkpoint
from kgan.utils.atomic import (
    atomic_write,
    find_leftovers,
    make_folder,
    report_write_errors,
    try_lock,
)
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")


def _part(name: str) -> property:
    return property(lambda run: run.folder / name, doc=f"The path of `{name}`.")


@dataclasses.dataclass(frozen=True)
class Run:
    """An existing run folder.

    Args:
        folder: its path.

    Example:
        >>> run = Run(pathlib.Path("runs/00003-pix2pix-facades"))
        >>> run.name, str(run.metrics)
        ('pix2pix-facades', 'runs/00003-pix2pix-facades/metrics.jsonl')
    """

    folder: pathlib.Path

    flags = _part("flags.cfg")
    dataset = _part("dataset.json")
    job = _part("job.txt")
    metrics = _part("metrics.jsonl")
    evaluation = _part("evaluation")
    tensorboard = _part("tensorboard")
    samples = _part("samples")
    exported = _part("export")
    checkpoints = _part("checkpoints")
    best = _part(f"checkpoints/best{checkpoint.SUFFIX}")

    @property
    def name(self) -> str:
        """The name without its number: `pix2pix-facades` of `00003-pix2pix-facades`."""
        return re.sub(r"^\d+-", "", self.folder.resolve().name)

    def settings(self) -> Settings:
        """Reads the resolved settings of the run."""
        try:
            return parse_training([f"--flagfile={self.flags}"], stored=True)
        except Help as error:
            raise UserError(f"{self.flags}: damaged; it contains --help") from error

    def spec(self) -> DataSpec:
        """Reads what the networks depend on in the data."""
        try:
            fields = json.loads(self.dataset.read_bytes())
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            for name in ("input_preparation", "preparation"):
                if fields.get(name) is not None:
                    fields[name] = Preparation.from_dict(fields[name])
            if "fit" not in fields:  # written by an earlier version
                fields["fit"] = self.settings().data.fit
            spec = DataSpec(**fields)
            _check_spec(spec)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{self.dataset}: damaged ({error}); restore the original") from error
        return spec

    def keep_length(self, settings: Settings) -> None:
        """Stores a new length, and where data lie now, in flags.cfg for the next time."""
        own = self.settings()
        names = ("steps", "epochs", "lr_schedule_length", "dataset")
        length = {name: settings.values[name] for name in names}
        if any(own.values[name] != value for name, value in length.items()):
            with atomic_write(self.flags) as place:
                place.write_text(own.replace(**length).flagfile_text())

    def check_origin(self, header: Mapping, path: pathlib.Path) -> None:
        """Checks that a checkpoint was made by this run's model and settings, by its header."""
        own = self.settings()
        checkpoint.check_origin(header, own.model, own.fixed_on_resume(), path)

    def make_folders(self) -> None:
        """Creates missing subfolders: git, for instance, copies no empty ones."""
        for folder in (self.tensorboard, self.samples, self.checkpoints):
            make_folder(folder)

    def remove_strays(self) -> None:
        """Removes the incomplete files of killed processes; call it under the lock."""
        for stray in find_leftovers(self.folder):
            with report_write_errors(stray):
                shutil.rmtree(stray) if stray.is_dir() else stray.unlink()

    def newest_whole(self) -> pathlib.Path:
        """Returns the newest checkpoint that is whole; call it under the lock.

        Damaged ones are reported. Once a whole one is found, they are renamed, so that they do not
        count among those to keep; a refusal changes nothing.
        """
        damaged = []
        for step in reversed(checkpoint.saved_steps(self.checkpoints)):
            path = checkpoint.step_path(self.checkpoints, step)
            try:
                _, header = checkpoint.read(path)
            except checkpoint.DamagedCheckpointError as error:
                logger.warning("warning: %s", error)
                damaged.append(path)
                continue
            self.check_origin(header, path)
            for other in damaged:
                with report_write_errors(other):
                    other.rename(other.with_name(f"{other.name}{checkpoint.DAMAGED_SUFFIX}"))
            return path
        raise UserError(f"{self.checkpoints}: contains no whole checkpoint")

    @contextlib.contextmanager
    def lock(self):
        """Keeps other processes from writing into the run while the context lasts.

        The system releases the lock when the process ends, in whatever way.
        """
        path = self.folder / ".lock"
        with contextlib.ExitStack() as held:
            with report_write_errors(path):
                file = held.enter_context(open(path, "a"))
                if not try_lock(file):
                    raise UserError(
                        f"--resume={self.folder}: another process writes into this run; wait for "
                        "it, or start a new run"
                    )
            yield

    def in_use(self) -> bool:
        """Returns whether a process is writing into the run."""
        path = self.folder / ".lock"
        if not path.exists():
            return False
        with open(path) as file:
            return not try_lock(file, shared=True)

    def latest(self) -> pathlib.Path:
        """Returns the last checkpoint, which may be damaged."""
        steps = checkpoint.saved_steps(self.checkpoints)
        if not steps:
            again = f"python -m kgan.train --flagfile={shlex.quote(str(self.flags))}"
            raise UserError(
                f"{self.checkpoints}: contains no checkpoint; the run ended before its first one; "
                f"{again} starts it again"
            )
        return checkpoint.step_path(self.checkpoints, steps[-1])


def create_run(runs_dir: str, name: str, settings: Settings, spec: DataSpec) -> Run:
    """Creates the next numbered run folder.

    Args:
        runs_dir: parent folder; created if necessary.
        name: name of the run; the folder is called `<number>-<name>`.
        settings: to store.
        spec: what the networks depend on in the data.
    """
    parent = pathlib.Path(runs_dir)
    with report_write_errors(f"--runs_dir={runs_dir}"):
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            numbers = [int(m[1]) for p in parent.iterdir() if (m := re.match(r"(\d+)-", p.name))]
            folder = parent / f"{max(numbers, default=0) + 1:05d}-{name}"
            try:
                folder.mkdir()
                break
            except FileExistsError:
                # Another run took the number in the meantime.
                continue
        run = Run(folder)
        try:
            for part in (run.tensorboard, run.samples, run.checkpoints):
                part.mkdir()
            run.flags.write_text(settings.flagfile_text())
            if settings.run.job:
                run.job.write_text(settings.run.job)
            run.dataset.write_text(json.dumps(dataclasses.asdict(spec), indent=2) + "\n")
        except OSError:
            # Without these files it is no run folder and could not be resumed.
            shutil.rmtree(folder)
            raise
    return run


def find_job(runs_dir: str, job: str) -> str | None:
    """Returns the folder of a job's newest run that has a checkpoint, or None."""
    for path in sorted(pathlib.Path(runs_dir).glob("*/job.txt"), reverse=True):
        run = Run(path.parent)
        if path.read_text() == job and checkpoint.saved_steps(run.checkpoints):
            return str(run.folder)
    return None


def open_run(folder: str) -> Run:
    """Opens an existing run folder."""
    run = Run(pathlib.Path(folder))
    for needed in (run.flags, run.dataset):
        # Not `Path.is_file`, which raises for an invalid name, such as one with a NUL.
        if not os.path.isfile(needed):
            raise UserError(
                f"--run={folder}: contains no {needed.name}; give a folder such as runs/00001-…"
            )
    return run


def _check_spec(spec):
    numbers = (*spec.size, spec.channels, spec.input_channels)
    if spec.kind not in KINDS or len(spec.size) != 2 or any(type(n) is not int for n in numbers):
        raise ValueError("kind, size or channels")
    known = {spec.channels} if spec.kind == "points" else {1, 3, 4}
    sides = (spec.input_preparation, spec.input_channels), (spec.preparation, spec.channels)
    for preparation, channels in sides:
        if preparation is not None:
            if preparation.channels != channels or preparation.size != spec.size:
                raise ValueError("preparation")
            known |= {preparation.classes} - {0}
    if min(*spec.size, spec.channels) < 1 or not {spec.channels, spec.input_channels} <= known:
        raise ValueError("size or channels out of range")
    if spec.split_rule not in range(1, SPLIT_RULE + 1) or spec.fit not in FITS:
        raise ValueError("split_rule or fit")
    if any(not isinstance(name, str) for name in spec.class_names):
        raise ValueError("class names")

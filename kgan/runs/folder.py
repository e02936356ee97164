"""Run folders: numbered, with everything in them that repeats, continues or loads a run.

runs/00003-pix2pix-facades/
    flags.cfg        every resolved flag; --flagfile of it repeats the run
    dataset.json     what the networks had to know of the data
    metrics.jsonl    one JSON object a line: losses, speed, validation, by step
    tensorboard/     the same, and the sample images
    metrics-*.jsonl  what was measured of a checkpoint, a line each; evaluation/ has it as events
    samples/         the sample images as PNG
    checkpoints/     the last ones, and best.safetensors where there is a validation part
    log.txt          what was printed
    report.html      all of this on one page, where kgan.report wrote one
    job.txt          the --job that it belongs to, where one was given
"""

import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import pathlib
import re
import shutil
import types
from collections.abc import Mapping

from kgan.cli import settings
from kgan.data.dataset import KINDS, DataSpec
from kgan.runs import checkpoint
from kgan.utils.atomic import atomic_write, find_leftovers, report_write_errors
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder that is there."""

    folder: pathlib.Path

    @property
    def flags(self) -> pathlib.Path:
        return self.folder / "flags.cfg"

    @property
    def job(self) -> pathlib.Path:
        return self.folder / "job.txt"

    @property
    def metrics(self) -> pathlib.Path:
        return self.folder / "metrics.jsonl"

    @property
    def evaluation(self) -> pathlib.Path:
        return self.folder / "evaluation"

    @property
    def tensorboard(self) -> pathlib.Path:
        return self.folder / "tensorboard"

    @property
    def samples(self) -> pathlib.Path:
        return self.folder / "samples"

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.folder / "checkpoints"

    @property
    def best(self) -> pathlib.Path:
        return self.checkpoints / f"best{checkpoint.SUFFIX}"

    @property
    def name(self) -> str:
        """The name without its number: `pix2pix-facades` of `00003-pix2pix-facades`."""
        return re.sub(r"^\d+-", "", self.folder.resolve().name)

    def settings(self) -> types.SimpleNamespace:
        """Reads the resolved settings back.

        Raises:
            UserError: the file is damaged.
        """
        resolved = settings.parse([f"--flagfile={self.flags}"])
        if resolved.help:
            raise UserError(f"{self.flags}: damaged; it asks for --help")
        return resolved

    def spec(self) -> DataSpec:
        """Reads what the networks had to know of the data.

        Raises:
            UserError: when dataset.json is torn or changed.
        """
        path = self.folder / "dataset.json"
        try:
            fields = json.loads(path.read_bytes())
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            spec = DataSpec(**fields)
            _check_spec(spec)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{path}: damaged ({error}); right would be the file as it was"
            ) from error
        return spec

    def keep_length(self, resolved: types.SimpleNamespace) -> None:
        """Takes a new `--steps` or `--epochs` into flags.cfg: the next resume goes on to there."""
        own = self.settings()
        if (own.steps, own.epochs) != (resolved.steps, resolved.epochs):
            own.steps, own.epochs = resolved.steps, resolved.epochs
            with atomic_write(self.flags) as place:
                place.write_text(settings.flagfile_text(own))

    def check_origin(self, header: Mapping, path: pathlib.Path) -> None:
        """Refuses the header of a checkpoint that another scheme or other settings made."""
        own = self.settings()
        checkpoint.check_origin(header, own.model, settings.fixed_on_resume(own), path)

    def make_folders(self) -> None:
        """Makes the folders of a run again that were lost, as empty ones are in a copy by git."""
        for folder in (self.tensorboard, self.samples, self.checkpoints):
            with report_write_errors(folder):
                folder.mkdir(exist_ok=True)

    def remove_strays(self) -> None:
        """Removes what killed processes left half written; to be called under the lock."""
        for stray in find_leftovers(self.folder):
            with report_write_errors(stray):
                stray.unlink()

    def newest_whole(self) -> pathlib.Path:
        """Finds the newest checkpoint that is whole; to be called under the lock.

        Damaged ones are named and put aside: they would count among those to keep.

        Raises:
            UserError: when there is none, or it is of another scheme, settings or format version.
        """
        for step in reversed(checkpoint.saved_steps(self.checkpoints)):
            path = checkpoint.step_path(self.checkpoints, step)
            try:
                _, header = checkpoint.read(path)
            except checkpoint.DamagedCheckpointError as error:
                logger.warning("warning: %s", error)
                with report_write_errors(path):
                    path.rename(path.with_name(f"{path.name}{checkpoint.DAMAGED_SUFFIX}"))
            else:
                self.check_origin(header, path)
                return path
        raise UserError(f"{self.checkpoints}: no whole checkpoint there")

    @contextlib.contextmanager
    def lock(self):
        """Keeps every other process from writing into the run as long as the context lasts.

        The system gives the lock back when the process ends, however it ends.

        Raises:
            UserError: when another process holds it.
        """
        path = self.folder / ".lock"
        with contextlib.ExitStack() as held:
            with report_write_errors(path):
                file = held.enter_context(open(path, "a"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise UserError(
                        f"--resume={self.folder}: another process writes into this run; wait for "
                        "it, or begin a new run"
                    ) from error
            yield

    def in_use(self) -> bool:
        """Tells whether a process writes into the run now."""
        path = self.folder / ".lock"
        if not path.exists():
            return False
        with open(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def latest(self) -> pathlib.Path:
        """Finds the last checkpoint.

        Raises:
            UserError: when there is none yet.
        """
        steps = checkpoint.saved_steps(self.checkpoints)
        if not steps:
            raise UserError(f"{self.checkpoints}: no checkpoint there; the run was too short")
        return checkpoint.step_path(self.checkpoints, steps[-1])


def create_run(runs_dir: str, name: str, resolved: types.SimpleNamespace, spec: DataSpec) -> Run:
    """Makes the next numbered folder.

    Raises:
        UserError: when it cannot be made.
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
                # Another run took the number between the look and the making: look again.
                continue
        run = Run(folder)
        described = json.dumps(dataclasses.asdict(spec), indent=2)
        try:
            for part in (run.tensorboard, run.samples, run.checkpoints):
                part.mkdir()
            run.flags.write_text(settings.flagfile_text(resolved))
            if resolved.job:
                run.job.write_text(resolved.job)
            (folder / "dataset.json").write_text(described + "\n")
        except OSError:
            # Without these it is no run folder, and nobody could resume it.
            shutil.rmtree(folder)
            raise
    return run


def find_job(runs_dir: str, job: str) -> str | None:
    """Finds the newest run of a job that can be gone on with; None where there is none."""
    for path in sorted(pathlib.Path(runs_dir).glob("*/job.txt"), reverse=True):
        run = Run(path.parent)
        if path.read_text() == job and checkpoint.saved_steps(run.checkpoints):
            return str(run.folder)
    return None


def open_run(folder: str) -> Run:
    """Opens an existing run folder.

    Raises:
        UserError: when it is not one.
    """
    run = Run(pathlib.Path(folder))
    for needed in (run.flags, run.folder / "dataset.json"):
        # Not `Path.is_file`, which raises on a name that no system takes.
        if not os.path.isfile(needed):
            raise UserError(
                f"--run={folder}: no {needed.name} there; give a folder such as runs/00001-…"
            )
    return run


def _check_spec(spec):
    numbers = (*spec.size, spec.channels, spec.input_channels)
    if spec.kind not in KINDS or len(spec.size) != 2 or any(type(n) is not int for n in numbers):
        raise ValueError("kind, size or channels")
    known = {spec.channels} if spec.kind == "points" else {1, 3, 4}
    if min(*spec.size, spec.channels) < 1 or not {spec.channels, spec.input_channels} <= known:
        raise ValueError("size or channels out of range")
    if any(not isinstance(name, str) for name in spec.class_names):
        raise ValueError("class names")

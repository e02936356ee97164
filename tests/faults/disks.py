"""Trainings on disks of several sizes that become full.

    python -m tests.faults.disks 16 60 100 200   # KiB of disk; root, or user namespaces, needed

Each size is tried on a file system of its own in a mount namespace of its own, so that nothing else
on the machine is affected. Afterwards the disk is enlarged and the run resumed.
"""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
# A run of about 600 KiB: a first checkpoint at 50, an export of 220 at the end.
SIZES = (2, 16, 24, 60, 100, 140, 200, 300, 400, 800, 940)
STEPS = 40
TRAINING = (
    "--model=dcgan",
    "--image_size=16",
    "--width=4",
    "--batch_size=32",
    "--latent_size=8",
    "--noevaluate",
    "--strategy=none",
    f"--steps={STEPS}",
    "--log_every=1",
    "--checkpoint_every=4",
    "--sample_every=2",
    "--export_dir={folder}/saved_models",
)
NAMESPACE = ("unshare", "--mount", "--map-root-user")


@dataclasses.dataclass(frozen=True)
class DiskOutcome:
    """The effect of a full disk.

    Args:
        kib: the size of the disk.
        status: exit status of the training; 0 where all of it fitted.
        error: the last line of standard error, `error: …`.
        traceback: whether there was one.
        refused: what could not be written: `checkpoints`, `samples`, `metrics.jsonl`, ….
        stopped_at: the step that metrics.jsonl came to.
        whole: the steps of the checkpoints that are whole.
        damaged: the names of those that are not.
        strays: what was left half written.
        resumed: exit status of the resumed training after room was made; None where no checkpoint
            had been written, so that the run could not be resumed.
        resumed_from: step from which it was resumed.
    """

    kib: int
    status: int
    error: str
    traceback: bool
    refused: str
    stopped_at: int
    whole: tuple[int, ...]
    damaged: tuple[str, ...]
    strays: tuple[str, ...]
    resumed: int | None
    resumed_from: int | None

    @property
    def lost_steps(self) -> int:
        """Steps that had to be done again."""
        return self.stopped_at - max(self.whole, default=0)


def possible() -> bool:
    """Returns whether a file system can be mounted in a namespace."""
    try:
        tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def full_disk(sizes=SIZES) -> list[DiskOutcome]:
    """Trains once on a disk of each size in KiB."""
    outcomes = []
    for kib in sizes:
        with tempfile.TemporaryDirectory() as folder:
            said = subprocess.run(
                [
                    *NAMESPACE,
                    sys.executable,
                    "-m",
                    "tests.faults.disks",
                    "--inside",
                    folder,
                    str(kib),
                ],
                cwd=ROOT,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        fields = json.loads(said.splitlines()[-1])
        outcomes.append(
            DiskOutcome(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
        )
    return outcomes


def _try_size(folder: str, kib: int) -> DiskOutcome:
    """Tries one size, inside the namespace."""
    from kgan.runs import checkpoint, logs
    from kgan.utils.atomic import find_leftovers
    from kgan.utils.errors import UserError

    def mount(options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)

    def train(*flags):
        return subprocess.run(
            [sys.executable, "-m", "kgan.train", *flags],
            capture_output=True,
            text=True,
            check=False,
        )

    mount(f"size={kib}k")
    first = train(*(f.format(folder=folder) for f in TRAINING), f"--runs_dir={folder}/runs")
    root = pathlib.Path(folder)
    runs = sorted(root.glob("runs/*"))
    whole, damaged = [], []
    for path in sorted(root.glob(f"runs/*/checkpoints/*{checkpoint.SUFFIX}")):
        try:
            whole.append(checkpoint.read(path)[1]["step"])
        except UserError:
            damaged.append(path.name)
    lines = logs.read_metrics(runs[0] / "metrics.jsonl") if runs else []
    strays = [str(path.relative_to(root)) for path in find_leftovers(root)]
    again = None
    if first.returncode and whole:
        mount("remount,size=64m")
        again = train(f"--resume={runs[0]}")
    last = first.stderr.splitlines()[-1] if first.stderr else ""
    place = re.match(rf"error: (--\w+|{folder}/runs/[^/]+/([^/:]+))", last)
    resumed_from = again and re.search(r"resumed at step (\d+) of", again.stdout)
    return DiskOutcome(
        kib,
        first.returncode,
        last,
        "Traceback" in first.stderr,
        (place[2] or place[1]) if place else "",
        max((x["step"] for x in lines), default=0),
        tuple(whole),
        tuple(damaged),
        tuple(strays),
        again and again.returncode,
        int(resumed_from[1]) if resumed_from else None,
    )


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        print(json.dumps(dataclasses.asdict(_try_size(sys.argv[2], int(sys.argv[3])))))
    else:
        for outcome in full_disk([int(word) for word in sys.argv[1:]]):
            print(outcome)

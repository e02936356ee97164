"""The same training on one device, on several, and in several processes, compared.

    python -m tests.faults.replicas

Trains each model's small run with the same global batch and compares whole states: weights,
optimizers, averages, logged means.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from kgan.cli.models import model_names
from kgan.runs import checkpoint
from tests.faults import kills
from tests.faults.forks import ROOT, Trainer

BATCH = 8  # divided by 1, 2 and 4
STEPS = (1, 10, 100)
SPREADS = {
    "2 devices": ("--strategy=mirrored", "--logical_devices=2"),
    "4 devices": ("--strategy=mirrored", "--logical_devices=4"),
    "2 workers": ("--workers=2",),
}
# What differs on purpose: how the run is spread, and with it what the clock says.
COMMON = (
    f"--batch_size={BATCH}",
    "--sync_batch_norm",
    f"--keep_checkpoints={STEPS[-1] + 1}",
    "--checkpoint_every=1",
    "--sample_every=1000",
    "--validate_every=1000",
    "--log_every=10",
)


def largest_difference(one: pathlib.Path, two: pathlib.Path) -> tuple[float, str]:
    """Compares two checkpoints.

    Returns:
        The largest difference between two numbers, relative to their array's largest one where
        that is above 1, and the name of the array.
    """
    (first, _), (second, _) = checkpoint.read(one), checkpoint.read(two)
    if first.keys() != second.keys():
        raise ValueError(f"{one} and {two} hold other arrays: {first.keys() ^ second.keys()}")
    found = {}
    for name, array in first.items():
        wide, other = np.asarray(array, np.float64), np.asarray(second[name], np.float64)
        scale = max(1.0, np.abs(wide).max(initial=0))
        found[name] = np.abs(wide - other).max(initial=0) / scale
    name = max(found, key=found.get)
    return float(found[name]), name


def environment() -> dict[str, str]:
    """Gives the variables that processes of kgan are started with."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def launch(arguments, folder: pathlib.Path) -> subprocess.Popen:
    """Starts `python -m kgan.launch`; what it prints goes to `folder/output.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "kgan.launch", *map(str, arguments)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
        )


def finished(arguments, folder: pathlib.Path) -> pathlib.Path:
    """Trains in several processes to the end; returns the run's folder."""
    launched = launch([*arguments, f"--runs_dir={folder}/runs"], folder)
    if launched.wait(timeout=600) != 0:
        raise RuntimeError((folder / "output.txt").read_text()[-3000:])
    (run,) = (folder / "runs").iterdir()
    return run


def spread(model: str, steps: int, folder: pathlib.Path, names=tuple(SPREADS)) -> dict:
    """Trains a model on one device and in other ways.

    Returns:
        By name of the way the run's folder; `1 device` is the one to hold the others against.
    """
    flags = [*kills.training_flags(model, folder), *COMMON, f"--steps={steps}"]
    made = {}
    with Trainer() as trainer:
        for name in ("1 device", *names):
            place = folder / name.replace(" ", "_")
            extra = SPREADS.get(name, ("--strategy=none",))
            if name.endswith("workers"):
                made[name] = finished([*extra, *launched(flags)], place)
                continue
            ended = trainer.train([*flags, *extra, f"--runs_dir={place}/runs"])
            if ended.status != 0:
                raise RuntimeError(ended.output[-3000:])
            (made[name],) = (place / "runs").iterdir()
    return made


def launched(flags) -> list[str]:
    """Leaves out the strategy, which the launcher sets."""
    return [flag for flag in flags if not flag.startswith("--strategy")]


def equality(models, folder: pathlib.Path, say=print) -> dict[str, dict]:
    """Trains models in every way; by model and way, for each of STEPS, difference and array."""
    found = {}
    for model in models:
        made = spread(model, STEPS[-1], folder / model)
        one = made.pop("1 device")
        found[model] = {}
        for name, run in made.items():
            found[model][name] = [
                largest_difference(
                    checkpoint.step_path(one / "checkpoints", step),
                    checkpoint.step_path(run / "checkpoints", step),
                )
                for step in STEPS
            ]
            say(f"{model}, {name}")
        shutil.rmtree(folder / model)
    return found


def equality_in_words(found: dict[str, dict]) -> dict:
    """Says what `equality` found, for the page of reliability."""
    differences = [by_step for ways in found.values() for by_step in ways.values()]
    worst = max(by_step[0][0] for by_step in differences)
    return {
        "tried": f"{len(differences)} runs of {STEPS[-1]} steps, global batch {BATCH}",
        "happened": f"the whole state differs by at most {worst:.1e} after one step (promised: "
        "1e-5); from there rounding grows, as the table below shows",
        "lost": "nothing",
        "details": [
            "The same seed and global batch on one device, on logical devices of one process under",
            "`MirroredStrategy`, in two processes under `MultiWorkerMirroredStrategy`. Compared is",
            "every array of a checkpoint: weights, optimisers' moments, running statistics of",
            "batch normalisation, averages, and what the step logged. The number is the largest",
            "difference, relative to the largest entry of its array where that is above 1. The",
            "columns after the first show how rounding grows. Adam divides each gradient by its",
            "own size: of one that is 0 but for rounding it makes a part of a step, up to the",
            "learning rate.",
            "",
            "| model | against one device | " + " | ".join(f"step {s}" for s in STEPS) + " |",
            "|---|---|" + "---|" * len(STEPS),
            *(
                f"| {model} | {name} | "
                + " | ".join(f"{value:.1e} (`{array}`)" for value, array in by_step)
                + " |"
                for model, ways in found.items()
                for name, by_step in ways.items()
            ),
        ],
    }


# A worker killed.


def workers_of(launcher: subprocess.Popen) -> list[int]:
    """Lists the ids of the processes that a launcher has started and that still live."""
    children = pathlib.Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text()
    return [int(number) for number in children.split()]


def killed(arguments, folder: pathlib.Path, rng: random.Random, seconds: float) -> dict:
    """Trains with two workers, kills one of them once, and touches nothing from then on.

    Args:
        arguments: of the launcher.
        folder: for run and output.
        rng: which worker, and when.
        seconds: the latest moment, after the first line of the curve.

    Returns:
        `status` of the launcher, `worker` that was killed, `starts`, `output`, the `run`.
    """
    launcher = launch([*arguments, f"--runs_dir={folder}/runs"], folder)
    while not any(p.stat().st_size for p in folder.glob("runs/*/metrics.jsonl")):
        if launcher.poll() is not None:
            raise RuntimeError((folder / "output.txt").read_text()[-3000:])
        time.sleep(0.01)
    time.sleep(rng.uniform(0, seconds))
    alive = workers_of(launcher)
    worker = rng.randrange(len(alive)) if alive else None
    if worker is not None:
        os.kill(alive[worker], signal.SIGKILL)
    status = launcher.wait(timeout=600)
    output = (folder / "output.txt").read_text()
    (run,) = (folder / "runs").iterdir()
    return {
        "status": status,
        "worker": worker,
        "starts": 1 + output.count("from the last checkpoint"),
        "output": output,
        "run": run,
    }


def worker_killed(models, tries: int, folder: pathlib.Path, say=print) -> dict[str, dict]:
    """Kills one of two workers; by model how many runs, of which worker, and which differ."""
    counts = {}
    for model in models:
        start, home = time.monotonic(), folder / model
        flags = launched(kills.training_flags(model, home))
        flags = ["--workers=2", "--grace=20", *flags]
        reference = finished(flags, home / "whole")
        rng, outcomes, differ = random.Random(f"worker {model}"), [], 0
        while len(outcomes) < tries:
            shutil.rmtree(home / "try", ignore_errors=True)
            outcome = killed(flags, home / "try", rng, _training_seconds(reference))
            if outcome["starts"] == 1 and outcome["status"] == 0:
                continue  # the kill came when the work was done
            found = kills.differences(reference, outcome["run"])
            if outcome["status"] or found:
                differ += 1
                say(f"{model}: status {outcome['status']}, {found[:2]}")
            outcomes.append(outcome)
            say(f"{model}: {len(outcomes)} of {tries}")
        counts[model] = {
            "runs": tries,
            "chiefs": sum(outcome["worker"] == 0 for outcome in outcomes),
            "differ": differ,
            "seconds": time.monotonic() - start,
        }
        shutil.rmtree(home)
    return counts


def worker_killed_in_words(counts: dict[str, dict]) -> dict:
    """Says what `worker_killed` found, for the page of reliability."""
    in_all = sum(count["runs"] for count in counts.values())
    differ = sum(count["differ"] for count in counts.values())
    return {
        "tried": f"{in_all} runs of two workers",
        "happened": f"{in_all - differ} × the launcher started both again, without "
        f"anybody's help; {differ} of {in_all} runs differ by a bit from a run that was never "
        "killed",
        "lost": "the steps since the last checkpoint, which are repeated",
        "details": [
            "`python -m kgan.launch --workers=2` starts two processes; one is killed at a random",
            "time of the training. Compared with a run of two workers that were not killed.",
            "",
            "| model | runs | chief killed | other killed | runs that differ | seconds |",
            "|---|---|---|---|---|---|",
            *(
                f"| {model} | {count['runs']} | {count['chiefs']} | "
                f"{count['runs'] - count['chiefs']} | {count['differ']} | {count['seconds']:.0f} |"
                for model, count in counts.items()
            ),
        ],
    }


def _training_seconds(run: pathlib.Path) -> float:
    """Gives the time from the first line of a curve to its last."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    times = [line["seconds"] for line in map(json.loads, lines) if "seconds" in line]
    return max(times) - min(times)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="kgan-replicas-") as made_in:
        made = equality(model_names(), pathlib.Path(made_in))
        print("\n".join(equality_in_words(made)["details"]))

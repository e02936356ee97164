"""Faults, tried with real processes: docs/reliability.md.

    python -m tools.reliability --work=FOLDER                # all; an hour and a half on 4 cores
    python -m tools.reliability --work=FOLDER --only=kills   # one again, the page from all results
    python -m tools.reliability --work=FOLDER --only=        # the page alone
    python -m tools.reliability --work=FOLDER --only=kills --models=dcgan,wgan  # these two again

Every number is measured by the functions below and kept in FOLDER as one JSON line per fault, so
that one fault can be tried again without the others. `tests/faults/` has the same faults as tests,
in a short form.
"""

import collections
import dataclasses
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf

from kgan.cli import entry
from kgan.cli.models import model_names
from kgan.runs import checkpoint
from kgan.runs.folder import Run
from kgan.utils import progress
from tests.faults import disks, fuzz, kills, replicas
from tests.faults.forks import Moment, Trainer
from tools import command

COLUMNS = ("fault", "tried", "what happened", "what was lost", "again with")


# By name: title in the table, what tries it, and what writes results by model in words.
FAULTS: dict[str, tuple[str, Callable, Callable | None]] = {}


def fault(name: str, title: str, in_words: Callable | None = None) -> Callable:
    """Registers a function that tries a fault.

    Args:
        name: of the fault, for --only.
        title: in the table.
        in_words: for faults that are tried with every model, whose function returns results by
            model: makes of them what other functions return.

    Returns:
        A decorator of a function that takes a `Bench` and returns `tried`, `happened`, `lost` and
        possibly `details`, lines of the page.
    """

    def register(attempt):
        FAULTS[name] = (title, attempt, in_words)
        return attempt

    return register


@dataclasses.dataclass
class Bench:
    """What all faults need.

    Args:
        folder: emptied before a fault.
        tries: number of tries.
        seed: of everything random.
        models: their names.
        report: called with the progress.
    """

    folder: pathlib.Path
    tries: int
    seed: int
    models: Sequence[str]
    report: Callable[[str], None]
    trainer: Trainer = dataclasses.field(default_factory=Trainer)
    references: dict = dataclasses.field(default_factory=dict)

    def random(self, name: str) -> random.Random:
        """Returns the random numbers of one fault."""
        return random.Random(f"{self.seed} {name}")

    def reference(self, model: str) -> kills.Reference:
        """Returns a model's undisturbed run, which is trained once."""
        if model not in self.references:
            folder = self.folder / "references" / model
            folder.mkdir(parents=True)
            self.references[model] = kills.reference(self.trainer, model, folder)
        return self.references[model]

    def each_try(self):
        """Yields number, reference and an empty folder of each try; models take turns."""
        for number in range(self.tries):
            folder = self.folder / "try"
            shutil.rmtree(folder, ignore_errors=True)
            yield number, self.reference(self.models[number % len(self.models)]), folder
            self.report(f"{number + 1} of {self.tries}")


def counted(words) -> str:
    """Counts equal phrases: `19 × this; 1 × that`."""
    return "; ".join(f"{n} × {text}" for text, n in collections.Counter(words).most_common())


def end_of(ended) -> str:
    """Describes how a process ended; equal ends have equal words."""
    errors = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    if "Traceback" in ended.output:
        return f"status {ended.status} with a traceback"
    return f"status {ended.status}" + (" and one line" if len(errors) == 1 else "")


def copied(of: kills.Reference, folder: pathlib.Path) -> pathlib.Path:
    """Copies a finished run."""
    return pathlib.Path(shutil.copytree(of.run, folder / of.run.name))


def compared(of: kills.Reference, run: pathlib.Path, besides=()) -> str:
    """Describes whether a run ended like its reference; `besides` are expected differences."""
    found = [d for d in kills.differences(of.run, run) if not any(name in d for name in besides)]
    return "ended bit for bit as the undisturbed run" if not found else f"DIFFERS: {found[0]}"


def last_kept(of: kills.Reference) -> tuple[int, int]:
    """Returns the steps of a finished run's last two checkpoints."""
    return tuple(checkpoint.saved_steps(of.run / "checkpoints")[-2:])


def kill_in_words(counts: dict[str, dict]) -> dict:
    """Describes what `kill` found."""
    runs_tried = sum(count["runs"] for count in counts.values())
    differ = sum(len(count["differ"]) for count in counts.values())
    all_kills = sum(sum(count["moments"].values()) for count in counts.values())
    rows = []
    for model, count in counts.items():
        moments, resumed = collections.Counter(count["moments"]), count["resumed_at"]
        rows.append(
            f"| {model} | {count['runs']} | {moments.total()} ({moments['file']} at a file, "
            f"{moments['training']} in training, {moments['clock']} by the clock) | "
            f"{resumed.count(None)} started again, {resumed.count(0)} from step 0, "
            f"{sum(bool(step) for step in resumed)} from later | {len(count['differ'])} | "
            f"{count['seconds']:.0f} |"
        )
    return {
        "tried": f"{all_kills} kills in {runs_tried} runs",
        "happened": f"{differ} of {runs_tried} runs differ by a bit from a run that was never "
        "killed",
        "lost": "the steps since the last checkpoint, which are repeated",
        "details": [
            f"Each run has {kills.STEPS} steps, a checkpoint every 7. A third of the first kills",
            "happen before a random file operation of the run, a third at a random time of the",
            "training proper, a third at a random time since the start of the process; one resumed",
            "run in three is killed again. Compared are all arrays of the last and the best",
            "checkpoint, the state of the callbacks, each line of `metrics.jsonl`, each scalar and",
            "image of TensorBoard, the bytes of the sample images, and the list of files.",
            "",
            "| model | runs | kills | resumed | runs that differ | seconds |",
            "|---|---|---|---|---|---|",
            *rows,
        ],
    }


@fault("kills", "SIGKILL at a random time", kill_in_words)
def kill(bench: Bench) -> dict[str, dict]:
    """Kills runs, and some of the resumed runs again."""
    counts = {}
    for model in bench.models:
        of = bench.reference(model)
        start, trials = time.monotonic(), []
        folder = bench.folder / "try"
        for trial in kills.trials(bench.trainer, of, bench.tries, f"{bench.seed} {model}", folder):
            trials.append(trial)
            bench.report(f"{model} {len(trials)} of {bench.tries}")
        moments = collections.Counter(m.kind for trial in trials for m in trial.moments)
        counts[model] = {
            "runs": len(trials),
            "moments": moments,
            "resumed_at": [step for trial in trials for step in trial.resumed_at],
            "differ": [trial.differences[0] for trial in trials if trial.differences],
            "seconds": time.monotonic() - start,
        }
    return counts


@fault("torn", "newest checkpoint torn")
def torn_checkpoint(bench: Bench) -> dict:
    """Cuts the newest checkpoint short, or flips one of its bits, at a random place."""
    draw, ends, named = bench.random("torn"), [], 0
    for number, of, folder in bench.each_try():
        run = copied(of, folder)
        path = Run(run).latest()
        content = bytearray(path.read_bytes())
        if number % 2:
            place = draw.randrange(len(content))
            content[place] ^= 1 << draw.randrange(8)
        else:
            del content[draw.randrange(len(content)) :]
        path.write_bytes(content)
        ended = bench.trainer.train([f"--resume={run}"])
        before, _ = last_kept(of)
        named += path.name in ended.output and f"resumed at step {before} " in ended.output
        ends.append(f"{end_of(ended)}, {compared(of, run, [checkpoint.DAMAGED_SUFFIX])}")
    return {
        "tried": f"{bench.tries}, half of them cut short, half with a bit flipped",
        "happened": f"{named} × named, renamed, and the one before it was used; {counted(ends)}",
        "lost": "the steps between two checkpoints, which are repeated",
    }


@fault("readonly", "run folder read-only")
def read_only(bench: Bench) -> dict:
    """Resumes in a read-only mount, which root cannot write to either."""
    of = bench.reference(bench.models[0])
    run = copied(of, bench.folder / "try")
    files = {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
    script = (
        'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && '
        'exec "$2" -m kgan.train --resume="$1" --steps=60'
    )
    ended = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", run, sys.executable],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(command.ROOT)},
    )
    same = {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()} == files
    last = (ended.stderr.strip().splitlines() or [""])[-1].replace(str(run), "RUN")
    return {
        "tried": "1",
        "happened": f"status {ended.returncode}: `{last}`",
        "lost": "nothing: no byte of the run changed" if same else "CHANGED",
    }


@fault("disk", "disk full")
def disk_full(bench: Bench) -> dict:
    """Fills the disk at various points, see `tests/faults/disks.py`."""
    outcomes = disks.full_disk()
    lost = [outcome.lost_steps for outcome in outcomes if outcome.whole]
    kept = [outcome for outcome in outcomes if outcome.resumed is not None]
    return {
        "tried": f"{len(outcomes)} sizes of disk",
        "happened": counted(
            f"status {o.status}{' with a traceback' if o.traceback else ''}" for o in outcomes
        )
        + f"; {sum(len(o.damaged) for o in outcomes)} damaged checkpoints; "
        f"{sum(o.resumed == 0 for o in kept)} of {len(kept)} resumed after space was freed",
        "lost": f"at most {max(lost, default=0)} steps, which are repeated",
    }


@fault("nan", "NaN in a weight")
def nan_injected(bench: Bench) -> dict:
    """Writes NaN into a weight of the generator after a random step."""
    draw, ends, lost = bench.random("nan"), [], []
    for _, of, folder in bench.each_try():
        step = draw.randint(1, kills.STEPS - 1)
        poison = ("tests.faults.poison", "write_nan_into_a_weight", [step])
        ended = bench.trainer.train([*of.flags, f"--runs_dir={folder}"], before=poison)
        (run,) = folder.iterdir()
        arrays, header = checkpoint.read(Run(run).latest())
        back = [int(step) for step in re.findall(r"back to step (\d+)", ended.output)]
        lost += [step - back[0]] if back else []
        finite = "finite" if not checkpoint.non_finite(arrays) else "NOT FINITE"
        times = "rolled back once" if len(back) == 1 else f"rolled back {len(back)} times"
        steps = [line["step"] for line in kills.curve(run) if line["kind"] == "train"]
        once = "" if len(steps) == len(set(steps)) else ", STEPS DOUBLED"
        end = "at its last step" if header["step"] == kills.STEPS else f"at step {header['step']}"
        ends.append(f"{times}, {end} with {end_of(ended)}, {finite}{once}")
    return {
        "tried": str(bench.tries),
        "happened": counted(ends),
        "lost": f"back to the last good checkpoint, at most {max(lost, default=0)} steps",
    }


@fault("images", "images that cannot be read")
def corrupt_images(bench: Bench) -> dict:
    """Cuts images of the training part in half: skipped, refused, and above the limit."""
    of = bench.reference(bench.models[0])
    data = next(flag for flag in of.flags if flag.startswith("--dataset=")).partition("=")[2]
    rest = [flag for flag in of.flags if not flag.startswith("--dataset=")]
    words, count = [], kills.IMAGES
    cases = ((1, ()), (1, ("--bad_images=fail",)), (3, ()), (3, ("--bad_limit=0.2",)))
    for damaged, extra in cases:
        folder = bench.folder / "try"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(data, folder / "data")
        # All images of the training part, however its layout nests them.
        paths = sorted(p for p in (folder / "data").rglob("*.png") if "train" in str(p.parent))
        for path in paths[3 : 3 + damaged]:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        ended = bench.trainer.train(
            [*rest, f"--dataset={folder}/data", f"--runs_dir={folder}/runs", *extra]
        )
        skipped = len(re.findall(r"skipped \(\d+ so far\)", ended.output))
        given = extra[0] if extra else "skip, the default"
        words.append(f"{damaged} of {count}, {given}: {end_of(ended)}, {skipped} named and skipped")
        bench.report(given)
    return {"tried": str(len(cases)), "happened": "; ".join(words), "lost": "the skipped images"}


@fault("writers", "two writers in one run")
def two_writers(bench: Bench) -> dict:
    """Resumes a run in a second process while the first one writes into it."""
    ends, firsts = [], []
    with Trainer() as second:
        for _, of, folder in bench.each_try():
            bench.trainer.start([*of.flags, f"--runs_dir={folder}"])
            while not list(folder.glob("*/checkpoints/step-*")):
                time.sleep(0.01)
            (run,) = folder.iterdir()
            ends.append(end_of(second.train([f"--resume={run}"])))
            ended = bench.trainer.wait()
            firsts.append(f"{end_of(ended)}, {compared(of, run)}")
    return {
        "tried": str(bench.tries),
        "happened": f"the second: {counted(ends)}; the first: {counted(firsts)}",
        "lost": "nothing",
    }


def stopped_by(bench: Bench, number: int) -> dict:
    """Stops a training by a signal at a random time, and resumes it."""
    draw, ends, after = bench.random(f"signal {number}"), [], []
    for _, of, folder in bench.each_try():
        stopped = None
        while stopped is None:
            # Again where the run had ended before the signal came.
            shutil.rmtree(folder, ignore_errors=True)
            seconds = draw.uniform(0, of.seconds - of.first_line)
            ended = bench.trainer.train(
                [*of.flags, f"--runs_dir={folder}"], Moment("training", seconds, number)
            )
            stopped = re.search(r"stopped at step (\d+) ", ended.output)
        (run,) = folder.iterdir()
        ends.append(f"saved, {end_of(ended)}")
        resumed = bench.trainer.train([f"--resume={run}"])
        # Where it was stopped, its end was logged and a sample was written, which remain.
        step = int(stopped[1])
        # And its checkpoint is one of the last two that are kept.
        besides = (
            f"'step': {step},",
            f"({step}, 'end/",
            f"({step}, 'samples'",
            f"step-{step:08d}.png",
            "files: missing checkpoints/",
            f"step-{step:08d}.safetensors",
        )
        after.append(f"{end_of(resumed)}, {compared(of, run, besides)}")
    return {
        "tried": str(bench.tries),
        "happened": f"{counted(ends)}; resumed: {counted(after)} (but for the `end` line, the "
        "sample and the checkpoint at the step where it stopped)",
        "lost": "nothing",
    }


@fault("sigterm", "SIGTERM")
def terminated(bench: Bench) -> dict:
    """Stops trainings by SIGTERM."""
    return stopped_by(bench, signal.SIGTERM)


@fault("interrupt", "Ctrl-C")
def interrupted(bench: Bench) -> dict:
    """Stops trainings by SIGINT."""
    return stopped_by(bench, signal.SIGINT)


@fault("fuzz", "damaged and hostile files")
def fuzzed(bench: Bench) -> dict:
    """Gives damaged and made-up files to every reader, see `tests/faults/fuzz.py`."""
    found = fuzz.run(50 * bench.tries, bench.folder / "try")
    return {
        "tried": f"{found['inputs']} inputs",
        "happened": f"{found['refused']} refused with one line, the others were read; "
        f"peak {found['peak_memory_mb']:.0f} MB",
        "lost": "nothing",
    }


@fault("worker", "one of two workers killed", replicas.worker_killed_in_words)
def worker_killed(bench: Bench) -> dict[str, dict]:
    """Kills one of two workers, see `tests/faults/replicas.py`."""
    return replicas.worker_killed(bench.models, bench.tries, bench.folder / "try", bench.report)


@fault("replicas", "replicas against one device", replicas.equality_in_words)
def replica_equality(bench: Bench) -> dict[str, dict]:
    """Compares N replicas with one, see `tests/faults/replicas.py`."""
    return replicas.equality(bench.models, bench.folder / "try", bench.report)


def try_out(name: str, work: pathlib.Path, tries: int, seed: int, models: Sequence[str]) -> None:
    """Tries one fault and appends its result to `work/results.jsonl`."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.monotonic()
    with progress.bar(desc=name, bar_format="{desc}: {elapsed} {postfix}") as bar:
        bench = Bench(folder, tries, seed, models, bar.set_postfix_str)
        _, attempt, in_words = FAULTS[name]
        with bench.trainer:
            result = attempt(bench)
    if in_words:
        result = {"by_scheme": result}
    line = {
        "fault": name,
        "seconds": time.monotonic() - start,
        "tries": tries,
        "seed": seed,
        "cores": os.cpu_count(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": sys.version.split()[0],
        **result,
    }
    with open(work / "results.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def tables(lines: list[dict]) -> str:
    """Writes tables from the last result of each fault, or of each fault and model."""
    last = {}
    for line in lines:
        name, found = line["fault"], line.get("by_scheme")
        if found:
            kept = last.get(name, {})
            found = {**kept.get("by_scheme", {}), **found}
            found = {model: found[model] for model in model_names() if model in found}
            # Models were tried one by one, and not all as often.
            before = kept if "by_scheme" in kept else {"seconds": 0, "all_tries": ()}
            line |= FAULTS[name][2](found) | {
                "by_scheme": found,
                "seconds": before["seconds"] + line["seconds"],
                "all_tries": sorted({*before["all_tries"], line["tries"]}),
            }
            line["tries"] = " or ".join(map(str, line["all_tries"]))
        last[name] = line
    last = {name: last[name] for name in FAULTS if name in last}
    table, details, machines = command.columns(*COLUMNS), "", set()
    for name, result in last.items():
        again = f"`--only={name} --tries={result['tries']}`, {result['seconds']:.0f} s"
        title, found = FAULTS[name][0], (result[key] for key in ("tried", "happened", "lost"))
        table += command.row(title, *found, again)
        if "details" in result:
            details += f"\n## {title}\n\n" + "\n".join(result["details"]) + "\n"
        machines.add(
            "- Python {python}, TensorFlow {tensorflow}, Keras {keras}, CPU with {cores} cores, "
            "seed {seed}\n".format(**result)
        )
    return table + details + "\n## Where\n\n" + "".join(sorted(machines))


def main(arguments: Sequence[str]) -> None:
    """Tries the given faults and writes the page."""
    given = command.parse(
        "reliability",
        arguments,
        ("work",),
        work=str,
        only=",".join(FAULTS),
        tries=20,
        seed=0,
        models=",".join(model_names()),
    )
    work = pathlib.Path(given.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    for name in filter(None, given.only.split(",")):
        try_out(name, work, given.tries, given.seed, given.models.split(","))
    results = work / "results.jsonl"
    if results.exists():
        lines = [json.loads(line) for line in results.read_text().splitlines()]
        command.write("reliability", tables(lines))


if __name__ == "__main__":
    entry.run(main)

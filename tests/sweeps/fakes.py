"""Sweeps of small scripts, which write what kgan reads of a run folder."""

import csv
import json
import sys

from kgan.sweeps import grid, runner

BASE = ("--model=dcgan", "--image_size=16", "--steps=20")
OPTIMIZERS = "g_optimizer:sgd|adam"

# A training that records its starts. The plan says what each start of a job does: end with an exit
# status, `wait` until it receives a signal or its folder contains a file `go`, or `trace`.
RUN = """
import json, os, pathlib, signal, sys, time
given = dict(word[2:].split("=", 1) for word in sys.argv[2:] if "=" in word)
plan, job = json.loads(sys.argv[1]), given["job"]
folder = pathlib.Path(given["runs_dir"]) / ("00001-" + job)
starts = len(list(folder.glob("start-*")))
(folder / "checkpoints").mkdir(parents=True, exist_ok=True)
(folder / "samples").mkdir(exist_ok=True)
(folder / f"start-{starts}").write_text(json.dumps(sys.argv[2:]))
(folder / "checkpoints" / "step-00000000.safetensors").touch()
level = int(given["seed"]) + (10 if given["g_optimizer"] == "adam" else 0)
(folder / "metrics.jsonl").write_text("".join(json.dumps(
    {"kind": "train", "step": step, "g_loss": level, "d_loss": 1.0, "seconds": step / 10}) + "\\n"
    for step in (10, 20)))
(folder / "job.txt").write_text(job)
does = plan.get(job, [0])
does = does[min(starts, len(does) - 1)]
if does == "wait":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    (folder / "waiting").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    sys.exit(0)
if does == "trace":
    raise RuntimeError("no memory")
if does == 2:
    print("error: --dataset=x: not found", file=sys.stderr)
sys.exit(does)
"""


def make_grid(*texts, repeats=2, more=()):
    return grid.build(texts or (OPTIMIZERS,), repeats, (*BASE, *more))


def make_sweep(out, plan=None, *, cells=None, parallel=4, measures=()):
    command = (sys.executable, "-S", "-c", RUN, json.dumps(plan or {}))
    return runner.Sweep(str(out), cells or make_grid(), parallel, measures, command)


def job(optimizer, seed):
    return f"g_optimizer={optimizer}+seed={seed}"


def folder(out, optimizer, seed):
    return out / "runs" / f"00001-{job(optimizer, seed)}"


def rows(out):
    with open(out / "table.csv", newline="") as file:
        return list(csv.DictReader(file))

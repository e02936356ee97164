"""Compares the optimisers of `002`, section 3.1, for the generator, beside the same discriminator.

    python tools/optimizers.py --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=3000]

A plain GAN of fully connected networks on MNIST, each optimiser with a rate that its authors or
the course give. `kgan.sweep` trains the grid and draws the curves; a classifier counts the digits
(tools/judge_digits.py). Writes docs/optimizers.md, docs/optimizers.png and
docs/optimizer_curves.png.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import matplotlib.pyplot as plt
import numpy as np

from tools import cells, judge_digits

OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam")
RATES = ("0.0002", "0.002", "0.02", "0.2")
BASE = (
    "--model=gan",
    "--dataset=mnist",
    "--image_size=28",
    "--batch_size=64",
    "--log_every=100",
)
SHOWN = {"d_loss": "D's loss", "g_loss": "G's loss", "d_score_fake": "D's score of what G draws"}
HEAD = """# Optimisers

Made by `python tools/optimizers.py --work=FOLDER --manual_dir=MNIST`. The course compares the
optimisers (`002`, 3.1.6): all the adaptive ones do better than plain descent, Adam best of all.
Here: a plain GAN of fully connected networks (100-300-784) on MNIST, {steps:,} steps of batch 64,
{seeds} seeds, each optimiser of G with four rates, beside a D with Adam 2e-4 (momentum 0.5),
trained by `kgan.sweep`, {parallel} runs at a time on {cores} cores, {seconds:.0f} s each.

The class score is exp E KL(p(y|x) ‖ p(y)) of a classifier with {accuracy:.1%} on real test digits:
1 is one digit or none, 10 all ten, evenly and clearly (real ones: 9.6). Mean and standard deviation
over the seeds; in bold the best rate of each, whose curves are below.

| G's optimiser | {rates} |
|---|{lines}|
"""


def sweep(given) -> dict[tuple[str, str], list[pathlib.Path]]:
    """Trains the grid, as far as it is not there; returns the run folders by optimiser and rate."""
    out = given.work / "sweep"
    places = [place.parent for place in sorted((out / "runs").glob("*/job.txt"))]
    # One that diverged ends before its last step.
    ended = [run for run in places if cells.last_step(run)]
    if len(ended) < len(OPTIMIZERS) * len(RATES) * given.seeds:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "kgan.sweep",
                f"--sweep=g_optimizer:{'|'.join(OPTIMIZERS)}",
                f"--sweep=g_lr:{'|'.join(RATES)}",
                f"--repeats={given.seeds}",
                f"--out={out}",
                f"--parallel={given.parallel}",
                f"--steps={given.steps}",
                *BASE,
                *cells.QUIET,
                f"--manual_dir={given.manual_dir}",
                f"--data_dir={given.data_dir or given.work / 'tfds'}",
            ],
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TF_NUM_INTRAOP_THREADS": "1",
                "OMP_NUM_THREADS": "1",
            },
        )
        places = [place.parent for place in sorted((out / "runs").glob("*/job.txt"))]
    found: dict[tuple[str, str], list[pathlib.Path]] = {}
    for run in places:
        lines = (run / "flags.cfg").read_text().splitlines()
        flags = dict(line.removeprefix("--").split("=", 1) for line in lines if "=" in line)
        found.setdefault((flags["g_optimizer"], flags["g_lr"]), []).append(run)
    return found


def curves(best: dict[str, list[pathlib.Path]]) -> None:
    """Draws the losses and scores of the best rate of each: mean and standard deviation."""
    figure, panels = plt.subplots(1, len(SHOWN), figsize=(13, 4), layout="constrained")
    for panel, (name, title) in zip(panels, SHOWN.items(), strict=True):
        for optimizer, folders in best.items():
            lines = [cells.logged(run) for run in folders]
            steps = [line["step"] for line in lines[0]]
            values = np.array([[line[name] for line in one] for one in lines])
            mean, deviation = values.mean(axis=0), values.std(axis=0)
            panel.plot(steps, mean, label=optimizer)
            panel.fill_between(steps, mean - deviation, mean + deviation, alpha=0.2)
        panel.set(title=title, xlabel="step")
    panels[0].legend()
    figure.savefig(cells.DOCS / "optimizer_curves.png", dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=2000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    found = sweep(given)
    scores = {
        cell: [judge_digits.judge(run)["class_score"] for run in runs]
        for cell, runs in found.items()
    }
    rates = sorted({rate for _, rate in found}, key=float)
    best = {
        optimizer: max(rates, key=lambda rate: statistics.mean(scores[optimizer, rate]))
        for optimizer in OPTIMIZERS
    }
    rows = []
    for optimizer in OPTIMIZERS:
        texts = []
        for rate in rates:
            values = scores[optimizer, rate]
            text = f"{statistics.mean(values):.2f} ± {statistics.pstdev(values):.2f}"
            texts.append(f"**{text}**" if best[optimizer] == rate else text)
        rows.append(f"| {optimizer} | {' | '.join(texts)} |\n")
    head = HEAD.format(
        steps=given.steps,
        seeds=given.seeds,
        parallel=given.parallel,
        cores=cells.CORES,
        seconds=statistics.mean(cells.seconds(run) for runs in found.values() for run in runs),
        accuracy=judge_digits.accuracy(),
        rates=" | ".join(rates),
        lines="|".join("---" for _ in rates),
    )
    (cells.DOCS / "optimizers.md").write_text(
        head + "".join(rows) + "\n![Curves](optimizer_curves.png)\n\n"
        "What each draws with its best rate, first seed:\n\n![Samples](optimizers.png)\n"
    )
    folders = {optimizer: found[optimizer, rate] for optimizer, rate in best.items()}
    curves(folders)
    sheets = [(f"{optimizer}, {best[optimizer]}", runs[0]) for optimizer, runs in folders.items()]
    cells.draw(sheets, cells.DOCS / "optimizers.png", columns=3, size=(240, 120), part=0.5)


if __name__ == "__main__":
    main()

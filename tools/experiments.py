"""Runs the experiments that the course lists after section 1.2 of `004`, one row each.

    python tools/experiments.py --work=FOLDER --manual_dir=MNIST --cifar10=ZIP [--steps=1500]

A narrow DCGAN, the same seed and number of steps in each. Writes docs/experiments.md,
docs/experiments.png and docs/interpolation.png.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools import cells, judge_digits

BASE = ("--batch_size=64", "--log_every=20")
DCGAN = ("--model=dcgan", "--width=16")
CDCGAN = ("--model=cdcgan", "--dataset=mnist", "--g_width=32", "--d_width=16")
MNIST = (*DCGAN, "--dataset=mnist")
EPOCH = 938  # steps of 64 in 60,000 images
EXPERIMENTS = {
    "as given": MNIST,
    "momentum 0.9": (*MNIST, "--beta_1=0.9"),
    'the "true" loss': (*MNIST, "--gan_loss=minimax"),
    "two updates of D": (*MNIST, "--d_updates=2"),
    "two updates of G": (*MNIST, "--g_updates=2"),
    "learning rates x 5": (*MNIST, "--g_lr=1e-3", "--d_lr=1e-3"),
    "learning rates / 5": (*MNIST, "--g_lr=4e-5", "--d_lr=4e-5"),
    "30 epochs": MNIST,
    "noise of 10 numbers": (*MNIST, "--latent_size=10"),
    "noise of 1,000 numbers": (*MNIST, "--latent_size=1000"),
    "CIFAR-10": DCGAN,
    "64x64": (*MNIST, "--image_size=64", "--width=8"),
    "64x64, two updates of G": (*MNIST, "--image_size=64", "--width=8", "--g_updates=2"),
    "64x64, learning rates x 5": (
        *MNIST,
        "--image_size=64",
        "--width=8",
        "--g_lr=1e-3",
        "--d_lr=1e-3",
    ),
    "question 11: cDCGAN, D told": CDCGAN,
    "question 11: D not told": (*CDCGAN, "--nocondition_discriminator"),
}
LENGTHS = {"30 epochs": 30 * EPOCH}
HEAD = """# The experiments of the course

Made by `python tools/experiments.py --work=FOLDER --manual_dir=MNIST --cifar10=ZIP`: what `004`
lists after its section 1.2, and its question 11, each a run of a DCGAN of half the course's width
(cDCGAN: a quarter), batch 64, seed 0, {steps} steps where the row does not say otherwise,
{company}. One seed a row, and short runs: an ordering of close
rows says nothing, and images say more than numbers.

Losses and scores are means of the last tenth; scores are logits, high is real. The digits are what
a classifier sees that has {accuracy:.1%} of real test digits right, among 10,000 drawn ones: how
many of the ten there are, KL(drawn ‖ even) in nats, its certainty (0.99 for real digits), and, for
networks that are told a digit, how often it sees that one.

| experiment | flags | steps | minutes | d_loss | g_loss | D of real | D of drawn | digits, KL, certainty |
|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501
FOOT = """
![Samples](experiments.png)

Between two noises of the first run, in a straight line
(`python -m kgan.generate --run=RUN --interpolate=3,17`):

![Interpolation](interpolation.png)
"""


def row(cell: cells.Cell, run: pathlib.Path) -> str:
    """Writes an experiment's row."""
    logged = cells.logged(run)
    last = logged[-max(1, len(logged) // 10) :]
    means = (
        statistics.mean(line[key] for line in last)
        for key in ("d_loss", "g_loss", "d_score_real", "d_score_fake")
    )
    digits = "—"
    if cell.name != "CIFAR-10":
        seen = judge_digits.judge(run)
        digits = (
            f"{seen['digits_found']}, {seen['divergence_from_even']:.2f}, "
            f"{seen['mean_certainty']:.2f}"
        )
        if "agreement" in seen:
            digits += f"; {seen['agreement']:.0%} as asked for"
    own = [flag for flag in EXPERIMENTS[cell.name] if flag not in MNIST]
    flags = f"`{' '.join(own)}`" if own else "—"
    return (
        f"| {cell.name} | {flags} | {logged[-1]['step']:,} | "
        f"{cells.seconds(run) / 60:.1f} | "
        + " | ".join(f"{mean:.2f}" for mean in means)
        + f" | {digits} |\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=1500)
    parser.add_argument("--cifar10", required=True, help="a folder or zip of its images")
    given = parser.parse_args()
    given.cifar10 = os.path.abspath(given.cifar10)
    data = {"CIFAR-10": (f"--dataset={given.cifar10}",)}
    tried = [
        cells.Cell(name, (*BASE, *flags, *data.get(name, ())), LENGTHS.get(name, given.steps))
        for name, flags in EXPERIMENTS.items()
    ]
    # The longest is begun first, so that nothing waits for it alone.
    order = sorted(tried, key=lambda cell: -cell.steps)
    folders = cells.train(order, given)
    rows = [row(cell, folders[cell]) for cell in tried]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "kgan.generate",
            f"--run={folders[tried[0]]}",
            "--interpolate=3,17",
            f"--out={cells.DOCS / 'interpolation.png'}",
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    head = HEAD.format(
        steps=f"{given.steps:,}",
        company=cells.company(folders.values()),
        accuracy=judge_digits.accuracy(),
    )
    (cells.DOCS / "experiments.md").write_text(head + "".join(rows) + FOOT)
    sheets = [(cell.name, folders[cell]) for cell in tried]
    cells.draw(sheets, cells.DOCS / "experiments.png", columns=4, size=(232, 232))


if __name__ == "__main__":
    main()

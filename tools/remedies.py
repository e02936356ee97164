"""Tries each remedy against mode collapse on one small problem, with several seeds.

    python tools/remedies.py --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=3000]

The problem: a plain GAN of fully connected networks on MNIST at 28 pixels, with settings at which
it collapses: momentum 0.9 and a generator four times as fast as its discriminator. Counted is how
many of the ten digits a classifier (tools/judge_digits.py) finds among 10,000 drawn ones. Writes
docs/remedies.md and docs/remedies.png.
"""

import argparse
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools import cells, judge_digits

BASE = (
    "--model=gan",
    "--dataset=mnist",
    "--image_size=28",
    "--batch_size=64",
    "--g_lr=2e-3",
    "--d_lr=5e-4",
    "--beta_1=0.9",
    "--log_every=200",
)
REMEDIES = {
    "plain": (),
    "noise joined to a hidden layer": ("--hidden_noise=concat",),
    "noise added": ("--hidden_noise=add",),
    "noise multiplied": ("--hidden_noise=multiply",),
    "no bias in the last layer": ("--nooutput_bias",),
    "noise joined, no bias": ("--hidden_noise=concat", "--nooutput_bias"),
    "soft real labels, 0.9": ("--real_label=0.9",),
    "flipped labels, 1 in 200": ("--flip_labels=0.005",),
    "minibatch discrimination": ("--minibatch_kernels=50",),
    "packing of 2": ("--packing=2",),
    "packing of 4": ("--packing=4",),
    "spectral normalisation": ("--spectral_norm",),
    "gradient penalty (R1)": ("--penalty=r1", "--penalty_weight=1"),
    "gradient penalty (DRAGAN)": ("--penalty=dragan",),
    "least squares": ("--gan_loss=least_squares",),
    "Wasserstein, gradient penalty": (
        "--gan_loss=wasserstein",
        "--penalty=unit_slope",
        "--d_updates=2",
    ),
    "momentum 0.5": ("--beta_1=0.5",),
    "equal rates": ("--g_lr=5e-4",),
}
HEAD = """# Remedies against mode collapse

Made by `python tools/remedies.py --work=FOLDER --manual_dir=MNIST`: a plain GAN of fully connected
networks (100-300-784) on MNIST with settings at which it collapses (Adam with momentum 0.9, G's
rate 2e-3 four times that of D), and the same with each remedy of the course and of the papers. The
last two rows take the cause away instead.

Found is a digit that makes up 1 % or more of 10,000 drawn ones, as a classifier sees them that has
{accuracy:.1%} of real test digits right. The divergence is KL(drawn ‖ even) in nats: 0 is even, 2.3
one digit alone. Certainty is the classifier's mean probability of what it says: 0.99 for real
digits; low where nothing can be read, and then the digits found say little. {seeds} seeds, {steps}
steps of batch 64 each, {seconds:.0f} s a run on average, {company}.
Short runs: what is compared is the number of digits, not how well they are drawn.

| remedy | digits found, by seed | mean | divergence | certainty |
|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=3000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    tried = [
        cells.Cell(name, (*BASE, *flags), given.steps, seed)
        for name, flags in REMEDIES.items()
        for seed in range(given.seeds)
    ]
    folders = cells.train(tried, given)
    rows = []
    for name, flags in REMEDIES.items():
        found = [judge_digits.judge(run) for cell, run in folders.items() if cell.name == name]
        counts = [one["digits_found"] for one in found]
        divergence, certainty = (
            statistics.mean(one[key] for one in found)
            for key in ("divergence_from_even", "mean_certainty")
        )
        given_as = f" `{' '.join(flags)}`" if flags else ""
        rows.append(
            f"| {name}{given_as} | {', '.join(map(str, counts))} | "
            f"{statistics.mean(counts):.1f} | {divergence:.2f} | {certainty:.2f} |\n"
        )
    head = HEAD.format(
        accuracy=judge_digits.accuracy(),
        seeds=given.seeds,
        steps=given.steps,
        company=cells.company(folders.values()),
        seconds=statistics.mean(map(cells.seconds, folders.values())),
    )
    (cells.DOCS / "remedies.md").write_text(
        head + "".join(rows) + "\n![What each draws, first seed](remedies.png)\n"
    )
    first = [(cell.name, run) for cell, run in folders.items() if cell.seed == 0]
    cells.draw(first, cells.DOCS / "remedies.png", columns=4, size=(240, 120), part=0.5)


if __name__ == "__main__":
    main()

"""Remedies against mode collapse, tried on one small problem: docs/remedies.md.

    python -m tools.remedies --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=3000]

A plain GAN of fully connected networks on MNIST at 28 pixels, with settings at which it collapses.
54 runs of about a minute on one core.
"""

import statistics
from collections.abc import Sequence

from kgan.cli import entry
from tools import command, comparison, digit_scores

BASE = (
    "--model=gan --dataset=mnist --image_size=28 --batch_size=64 "
    "--g_lr=2e-3 --d_lr=5e-4 --beta_1=0.9 --log_every=200"
)
REMEDIES = {
    "plain": "",
    "noise joined to a hidden layer": "--hidden_noise=concat",
    "noise added": "--hidden_noise=add",
    "noise multiplied": "--hidden_noise=multiply",
    "no bias in the last layer": "--nooutput_bias",
    "noise joined, no bias": "--hidden_noise=concat --nooutput_bias",
    "soft real labels, 0.9": "--real_label=0.9",
    "flipped labels, 1 in 200": "--flip_labels=0.005",
    "minibatch discrimination": "--minibatch_kernels=50",
    "packing of 2": "--packing=2",
    "packing of 4": "--packing=4",
    "spectral normalisation": "--spectral_norm",
    "gradient penalty (R1)": "--penalty=r1 --penalty_weight=1",
    "gradient penalty (DRAGAN)": "--penalty=dragan",
    "least squares": "--gan_loss=least_squares",
    "Wasserstein, gradient penalty": "--gan_loss=wasserstein --penalty=unit_slope --d_updates=2",
    "momentum 0.5": "--beta_1=0.5",
    "equal rates": "--g_lr=5e-4",
}


def main(arguments: Sequence[str]) -> None:
    """Trains and scores all rows and writes the page."""
    given = comparison.parse("remedies", arguments, seeds=3, steps=3000)
    flags = {
        name: [*BASE.split(), *words.split(), f"--steps={given.steps}"]
        for name, words in REMEDIES.items()
    }
    trained = comparison.train(flags, given)
    table = command.columns("remedy", "digits found, by seed", "mean", "divergence", "certainty")
    for name, runs in trained.items():
        scores = [digit_scores.score(run) for run in runs]
        counts = [score["digits_found"] for score in scores]
        table += command.row(
            name + (f" `{REMEDIES[name]}`" if REMEDIES[name] else ""),
            ", ".join(map(str, counts)),
            f"{statistics.mean(counts):.1f}",
            f"{statistics.mean(score['divergence_from_even'] for score in scores):.2f}",
            f"{statistics.mean(score['mean_certainty'] for score in scores):.2f}",
        )
    command.write("remedies", comparison.summary(sum(trained.values(), []), given), table)
    comparison.save_samples(given, "remedies")


if __name__ == "__main__":
    entry.run(main)

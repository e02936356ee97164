"""Modes that a GAN and its remedies find on the ring and the grid: docs/mixtures.md.

    python -m tools.mixtures --work=FOLDER [--seeds=3] [--steps=25000] [--published_length]

The setting of Lin et al. 2018 (PacGAN), section 4.1, except for the length: they train for 400,000
steps, as one run here does with --published_length (three hours on a core). The others: 18 runs of
20 minutes.
"""

import statistics
from collections.abc import Sequence

from kgan.cli import entry
from tools import command, comparison

SETS = {"ring": 8, "grid": 25}
NETWORKS = (
    f"--network=maxout --latent_size=2 {'--g_hidden=400 ' * 4}{'--d_hidden=200 ' * 3}"
    "--batch_size=100 --log_every=500"
)
PLAIN = f"--model=gan --g_lr=1e-4 --d_lr=1e-4 --beta_1=0.8 {NETWORKS}"
CRITIC = (
    f"--model=wgan_gp {NETWORKS} --d_norm=none --n_critic=1 --g_lr=1e-4 --d_lr=3e-4 --beta_1=0.5 "
    "--beta_2=0.9 --penalty_weight=10"
)
METHODS = {"GAN": PLAIN, "PacGAN2": f"{PLAIN} --packing=2", "WGAN-GP": CRITIC}
# The best of the short runs on the harder set, as long as in the paper.
LONG_SET, LONG_METHOD, LONG_STEPS = "grid", "PacGAN2", 400_000
LONG = f"{LONG_METHOD}, {LONG_STEPS:,} steps"
PUBLISHED = {
    ("ring", "GAN"): "6.3, 98.2 %",
    ("grid", "GAN"): "17.3, 94.8 %",
    ("ring", "PacGAN2"): "7.9, 95.6 %",
    ("grid", "PacGAN2"): "23.8, 91.3 %",
    (LONG_SET, LONG): "23.8, 91.3 %",
}


def main(arguments: Sequence[str]) -> None:
    """Trains and measures all rows and writes the page."""
    given = comparison.parse(
        "mixtures", arguments, seeds=3, steps=25_000, published_length=False
    )  # fmt: skip
    flags = {
        f"{kind} {name}": [*words.split(), f"--dataset={kind}", f"--steps={given.steps}"]
        for kind in SETS
        for name, words in METHODS.items()
    }
    trained = comparison.train(flags, given)
    short, long = sum(trained.values(), []), ""
    if given.published_length:
        words = [*METHODS[LONG_METHOD].split(), f"--dataset={LONG_SET}", f"--steps={LONG_STEPS}"]
        given.seeds, seeds = 1, given.seeds
        trained |= comparison.train({f"{LONG_SET} {LONG}": words}, given, "long")
        given.seeds = seeds
        hours = comparison.seconds(trained[f"{LONG_SET} {LONG}"]) / 3600
        long = f"One run has the published length: {hours:.1f} h. The others: "
    rows, of_real = "", {}
    for label, runs in trained.items():
        kind, _, name = label.partition(" ")
        found = [comparison.measure(run, "points") for run in runs]
        modes = [int(line["modes_2500"]) for line in found]
        quality = [line["high_quality_2500"] for line in found]
        of_real.setdefault(kind, found[0]["wasserstein_1000_of_real"])
        rows += command.row(
            kind,
            name,
            f"{', '.join(map(str, modes))} of {SETS[kind]}",
            f"{statistics.mean(modes):.1f}",
            ", ".join(f"{value:.1%}" for value in quality),
            f"{statistics.mean(quality):.1%}",
            f"{statistics.mean(line['wasserstein_1000_of_10000'] for line in found):.3f}",
            PUBLISHED.get((kind, name), "—"),
        )
    real = ", ".join(f"{kind} {value:.3f}" for kind, value in of_real.items())
    table = command.columns(
        "set", "method", "modes found, by seed", "mean", "high quality, by seed", "mean",
        f"exact distance of 1,000 points (real: {real})", "published, 400,000 steps",
    )  # fmt: skip
    command.write("mixtures", long, comparison.summary(short, given), table, rows)
    comparison.save_samples(given, "mixtures")


if __name__ == "__main__":
    entry.run(main)

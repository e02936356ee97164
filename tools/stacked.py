"""Modes of stacked MNIST that DCGAN and its remedies generate: docs/stacked.md.

    python -m tools.stacked --work=FOLDER --manual_dir=MNIST [--minutes=20]

The setting of Lin et al. 2018 (PacGAN), section 4.2, except for width and length. Three runs of 20
minutes.
"""

from collections.abc import Sequence

from kgan.cli import entry
from tools import command, comparison

BASE = (
    "--model=dcgan --dataset=stacked_mnist --width=16 --batch_size=64 --g_updates=2 "
    "--latent_distribution=uniform --log_every=50"
)
METHODS = {
    "DCGAN": "",
    "PacDCGAN2": "--packing=2",
    "DCGAN, gradient penalty (R1)": "--penalty=r1 --penalty_weight=1",
}
PUBLISHED = {"DCGAN": "99, 3.40", "PacDCGAN2": "1,000, 0.06"}
MEASURED = ("--features=stacked_digits", "--count=26000", "--metrics=modes,class_divergence")
PROTOCOL = "stacked_digits_26000"


def main(arguments: Sequence[str]) -> None:
    """Trains and measures each method and writes the page."""
    given = comparison.parse("stacked", arguments, minutes=20.0)
    flags = {
        name: [*BASE.split(), *words.split(), f"--minutes={given.minutes}", "--epochs=100000"]
        for name, words in METHODS.items()
    }
    table = command.columns(
        "method", "steps", "minutes", "modes found of 1,000", "divergence",
        "published: modes, divergence",
    )  # fmt: skip
    trained = {name: runs[0] for name, runs in comparison.train(flags, given).items()}
    for name, run in trained.items():
        found = comparison.measure(run, "drawings", *MEASURED)
        table += command.row(
            name + (f" `{METHODS[name]}`" if METHODS[name] else ""),
            f"{found['step']:,}",
            f"{comparison.seconds([run]) / 60:.1f}",
            f"{found[f'modes_{PROTOCOL}']:.0f}",
            f"{found[f'class_divergence_{PROTOCOL}']:.3f}",
            PUBLISHED.get(name, "—"),
        )
    real = f"Divergence of real images: {found[f'class_divergence_of_real_{PROTOCOL}']:.4f}. "
    command.write("stacked", real, comparison.summary(trained.values(), given), table)
    comparison.save_samples(given, "stacked")


if __name__ == "__main__":
    entry.run(main)

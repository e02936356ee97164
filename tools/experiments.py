"""The experiments that the course's DCGAN practical lists, one row each: docs/experiments.md.

    python -m tools.experiments --work=FOLDER --manual_dir=MNIST --cifar10=ZIP [--steps=1500]

A narrow DCGAN with the same seed and number of steps in each row. Three minutes per row on one
core, but for that of 30 epochs: 40 minutes. Writes docs/interpolation.png, too.
"""

import os
import statistics
from collections.abc import Sequence

from kgan import generate
from kgan.cli import entry
from tools import command, comparison, digit_scores

BASE = "--batch_size=64 --log_every=20"
DCGAN = "--model=dcgan --width=16"
MNIST = f"{DCGAN} --dataset=mnist"
SIDE_64 = "--image_size=64 --width=8"
CDCGAN = "--model=cdcgan --g_width=32 --d_width=16"
EPOCH = 938  # steps of 64 in 60,000 images
EXPERIMENTS = {
    "as given": "",
    "momentum 0.9": "--beta_1=0.9",
    'the "true" loss': "--gan_loss=minimax",
    "two discriminator updates": "--d_updates=2",
    "two generator updates": "--g_updates=2",
    "learning rates x 5": "--g_lr=1e-3 --d_lr=1e-3",
    "learning rates / 5": "--g_lr=4e-5 --d_lr=4e-5",
    "30 epochs": "",
    "latents of size 10": "--latent_size=10",
    "latents of size 1,000": "--latent_size=1000",
    "CIFAR-10": "",
    "64x64": SIDE_64,
    "64x64, two generator updates": f"{SIDE_64} --g_updates=2",
    "64x64, learning rates x 5": f"{SIDE_64} --g_lr=1e-3 --d_lr=1e-3",
    "question 11: cDCGAN, conditional discriminator": CDCGAN,
    "question 11: unconditional discriminator": f"{CDCGAN} --nocondition_discriminator",
}


def main(arguments: Sequence[str]) -> None:
    """Trains and scores all rows and writes the page."""
    given = comparison.parse(
        "experiments", arguments, ("work", "cifar10"), steps=1500, cifar10=str
    )  # fmt: skip
    flags = {
        name: [*BASE.split(), *MNIST.split(), *own.split(), f"--steps={given.steps}"]
        for name, own in EXPERIMENTS.items()
    }
    flags["30 epochs"][-1] = f"--steps={30 * EPOCH}"
    flags["CIFAR-10"].append(f"--dataset={os.path.abspath(given.cifar10)}")
    for name, words in flags.items():
        if CDCGAN in EXPERIMENTS[name]:
            words.remove("--width=16")
    table = command.columns(
        "experiment", "flags", "steps", "minutes", "d_loss", "g_loss", "score of real",
        "score of generated", "digits, KL, certainty",
    )  # fmt: skip
    trained = {name: runs[0] for name, runs in comparison.train(flags, given).items()}
    for name, run in trained.items():
        logged = comparison.logged(run)
        last = logged[-max(1, len(logged) // 10) :]
        digits = "—"
        if name != "CIFAR-10":
            found = digit_scores.score(run)
            digits = (
                f"{found['digits_found']}, {found['divergence_from_even']:.2f}, "
                f"{found['mean_certainty']:.2f}"
            )
            if "agreement" in found:
                digits += f"; {found['agreement']:.0%} as requested"
        means = (
            statistics.mean(line[key] for line in last)
            for key in ("d_loss", "g_loss", "d_score_real", "d_score_fake")
        )
        table += command.row(
            name,
            f"`{EXPERIMENTS[name]}`" if EXPERIMENTS[name] else "—",
            f"{logged[-1]['step']:,}",
            f"{comparison.seconds([run]) / 60:.1f}",
            *(f"{mean:.2f}" for mean in means),
            digits,
        )
    command.write("experiments", comparison.summary(trained.values(), given), table)
    comparison.save_samples(given, "experiments")
    first = trained["as given"].folder
    out = command.DOCS / "interpolation.png"
    out.unlink(missing_ok=True)  # no command overwrites it
    generate.main([f"--run={first}", "--interpolate=3,17", f"--out={out}"])


if __name__ == "__main__":
    entry.run(main)

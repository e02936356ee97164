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
HEAD = """# Modes of stacked MNIST

Made by `python -m tools.stacked --work=FOLDER --manual_dir=MNIST`: three random digits are the
three channels of an image, which makes 1,000 modes (Metz et al. 2017). Batch 64, Adam 2e-4 with β1
0.5, two generator updates per discriminator update and uniform latents of size 100 are as in Lin et
al. 2018 (PacGAN), who train for 100,000 steps. Here: width 16, 32x32 pixels, {minutes:g} minutes
each, one seed, {machine}.

The digit network that comes with kgan classifies each channel of 26,000 generated images. The
divergence is KL(generated ‖ even) in nats; real images have {real:.4f}, evenly sampled classes
0.0192.

"""


def main(arguments: Sequence[str]) -> None:
    """Trains and measures each method and writes the page."""
    given = comparison.parse("stacked", arguments, minutes=20.0)
    if given is None:
        return
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
    head = HEAD.format(
        minutes=given.minutes,
        machine=comparison.machine(trained.values(), given),
        real=found[f"class_divergence_of_real_{PROTOCOL}"],
    )
    (command.DOCS / "stacked.md").write_text(head + table + "\n![Samples](stacked.png)\n")
    comparison.save_samples(given, "stacked")


if __name__ == "__main__":
    entry.run(main)

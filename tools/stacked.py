"""Counts the modes of stacked MNIST that DCGAN and its remedies draw.

    python tools/stacked.py --work=FOLDER --manual_dir=MNIST [--minutes=20]

The setting of Lin et al. 2018 (PacGAN), section 4.2, but for width and length. Each run is measured
by `kgan.evaluate`. Writes docs/stacked.md and docs/stacked.png.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools import cells

BASE = (
    "--model=dcgan",
    "--dataset=stacked_mnist",
    "--width=16",
    "--batch_size=64",
    "--g_updates=2",
    "--latent_distribution=uniform",
    "--log_every=50",
)
METHODS = {
    "DCGAN": (),
    "PacDCGAN2": ("--packing=2",),
    "DCGAN, gradient penalty (R1)": ("--penalty=r1", "--penalty_weight=1"),
}
PUBLISHED = {"DCGAN": "99, 3.40", "PacDCGAN2": "1,000, 0.06"}
PROTOCOL = "stacked_digits_26000"
NO_END = 10_000_000  # steps; the time ends it
HEAD = """# Modes of stacked MNIST

Made by `python tools/stacked.py --work=FOLDER --manual_dir=MNIST`: three random digits as the three
channels of an image, 1,000 modes (Metz et al. 2017). Batch 64, Adam 2e-4 with β1 0.5, two updates
of G for one of D, uniform latents of 100, as Lin et al. 2018 (PacGAN) have them; width 16 at
32x32 pixels, {minutes:g} minutes each, one seed, {company}.
They train 100,000 steps. Of 26,000 drawn images each channel is read by the digit network that
comes with kgan. The divergence is KL(drawn ‖ even) in nats; real triples have
{real:.4f}, even draws 0.0192.

| method | steps | minutes | modes found of 1,000 | divergence | published: modes, divergence |
|---|---|---|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=NO_END)
    parser.add_argument("--minutes", type=float, default=20.0)
    given = parser.parse_args()
    tried = [
        cells.Cell(name, (*BASE, *flags), given.steps, minutes=given.minutes)
        for name, flags in METHODS.items()
    ]
    folders = cells.train(tried, given)
    found = cells.evaluate(
        folders,
        "drawings",
        given,
        "--features=stacked_digits",
        "--count=26000",
        "--metrics=modes,class_divergence",
    )
    rows = [
        f"| {cell.name}{' `' + ' '.join(METHODS[cell.name]) + '`' if METHODS[cell.name] else ''} | "
        f"{line['step']:,} | {cells.seconds(folders[cell]) / 60:.1f} | "
        f"{line[f'modes_{PROTOCOL}']:.0f} | {line[f'class_divergence_{PROTOCOL}']:.3f} | "
        f"{PUBLISHED.get(cell.name, '—')} |\n"
        for cell, line in found.items()
    ]
    head = HEAD.format(
        minutes=given.minutes,
        company=cells.company(folders.values()),
        real=found[tried[0]][f"class_divergence_of_real_{PROTOCOL}"],
    )
    (cells.DOCS / "stacked.md").write_text(head + "".join(rows) + "\n![Samples](stacked.png)\n")
    cells.draw(
        [(cell.name, folders[cell]) for cell in tried],
        cells.DOCS / "stacked.png",
        columns=3,
        size=(320, 320),
    )


if __name__ == "__main__":
    main()

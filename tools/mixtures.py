"""Counts the modes that a GAN and its remedies find on the ring and the grid, with several seeds.

    python tools/mixtures.py --work=FOLDER [--seeds=3] [--steps=25000] [--published_length]

The setting of Lin et al. 2018 (PacGAN), section 4.1, but for the length: they train 400,000 steps,
as one run here does with --published_length (three hours on a core; it goes on where it was ended).
Each run is measured by `kgan.evaluate`. Writes docs/mixtures.md and docs/mixtures.png.
"""

import argparse
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools import cells

SETS = {"ring": 8, "grid": 25}
CRITIC = (
    "--model=wgan_gp",
    "--d_norm=none",
    "--n_critic=1",
    "--d_lr=3e-4",
    "--beta_1=0.5",
    "--beta_2=0.9",
    "--penalty_weight=10",
)
REMEDIES = {
    "GAN": (),
    "PacGAN2": ("--packing=2",),
    "WGAN-GP": CRITIC,
}
ABOUT = {
    "WGAN-GP": " WGAN-GP: the same networks, λ 10, and as many updates of each player as the\n"
    "others have, the critic's at three times the rate (Heusel et al. 2017).",
}
# The best of the short runs on the harder set, as long as in the paper.
LONG_SET, LONG_METHOD, LONG_STEPS = "grid", "PacGAN2", 400_000
NETWORKS = (
    "--network=maxout",
    "--latent_size=2",
    *["--g_hidden=400"] * 4,
    *["--d_hidden=200"] * 3,
    "--batch_size=100",
    "--log_every=500",
)
PLAIN = ("--model=gan", "--g_lr=1e-4", "--d_lr=1e-4", "--beta_1=0.8")
PUBLISHED = {
    ("GAN", "ring"): "6.3, 98.2 %",
    ("GAN", "grid"): "17.3, 94.8 %",
    ("PacGAN2", "ring"): "7.9, 95.6 %",
    ("PacGAN2", "grid"): "23.8, 91.3 %",
    (f"{LONG_METHOD}, {LONG_STEPS:,} steps", LONG_SET): "23.8, 91.3 %",
}
HEAD = """# Modes on the ring and the grid

Made by `python tools/mixtures.py --work=FOLDER{methods}`: the networks and settings of
Lin et al. 2018 (PacGAN), section 4.1 (maxout discriminator, batch 100, Adam 1e-4 with β1 0.8, 2,500 points),
{steps:,} steps in place of their 400,000, {seeds} seeds, {seconds:.0f} s a run on average,
{company}.{about} Of real points 98.9 % are of high quality; a higher share means
modes that are drawn too narrow.

| set | method | modes found, by seed | mean | high quality, by seed | mean | exact distance of 1,000 points (real: {real}) | published, 400,000 steps |
|---|---|---|---|---|---|---|---|
"""  # noqa: E501


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=25_000)
    parser.add_argument("--seeds", type=int, default=3)
    cells.add_methods(parser, REMEDIES)
    parser.add_argument(
        "--published_length",
        action="store_true",
        help=f"also {LONG_METHOD} on the {LONG_SET} for {LONG_STEPS:,} steps",
    )
    given = parser.parse_args()
    tried = {
        (name, kind): [
            cells.Cell(
                f"{kind} {name}", (*PLAIN, *NETWORKS, *flags, f"--dataset={kind}"), given.steps, n
            )
            for n in range(given.seeds)
        ]
        for kind in SETS
        for name, flags in REMEDIES.items()
        if name in given.methods
    }
    short = [cell for row in tried.values() for cell in row]
    about = "".join(ABOUT.get(name, "") for name in given.methods)
    if given.published_length:
        flags = (*PLAIN, *NETWORKS, *REMEDIES[LONG_METHOD], f"--dataset={LONG_SET}")
        long = cells.Cell(
            f"{LONG_SET} {LONG_METHOD}", (*flags, "--checkpoint_every=5000"), LONG_STEPS
        )
        tried[f"{LONG_METHOD}, {LONG_STEPS:,} steps", LONG_SET] = [long]
    every = [cell for row in tried.values() for cell in row]
    folders = cells.train(every, given)
    if given.published_length:
        about += f" One run has the published length: {cells.seconds(folders[long]) / 3600:.1f} h."
    found = cells.evaluate(folders, "points", given)
    rows = []
    for (name, kind), row in tried.items():
        modes = [int(found[cell]["modes_2500"]) for cell in row]
        quality = [found[cell]["high_quality_2500"] for cell in row]
        distance = statistics.mean(found[cell]["wasserstein_1000"] for cell in row)
        rows.append(
            f"| {kind} | {name} | {', '.join(map(str, modes))} of {SETS[kind]} | "
            f"{statistics.mean(modes):.1f} | {', '.join(f'{q:.1%}' for q in quality)} | "
            f"{statistics.mean(quality):.1%} | {distance:.3f} | "
            f"{PUBLISHED.get((name, kind), '—')} |\n"
        )
    first = {kind: tried[given.methods[0], kind][0] for kind in SETS}
    real = ", ".join(
        f"{kind} {found[cell]['wasserstein_1000_of_real']:.3f}" for kind, cell in first.items()
    )
    head = HEAD.format(
        methods=cells.methods_flag(given, REMEDIES)
        + " --published_length" * given.published_length,
        steps=given.steps,
        seeds=given.seeds,
        real=real,
        company=cells.company(folders.values()),
        seconds=statistics.mean(cells.seconds(folders[cell]) for cell in short),
        about=about,
    )
    (cells.DOCS / "mixtures.md").write_text(
        head + "".join(rows) + "\n![First seed of each](mixtures.png)\n"
    )
    sheets = [(f"{kind} {name}", folders[row[0]]) for (name, kind), row in tried.items()]
    cells.draw(sheets, cells.DOCS / "mixtures.png", columns=len(given.methods), size=(360, 360))


if __name__ == "__main__":
    main()

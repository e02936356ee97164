"""Measures four schemes on MNIST at equal updates of the generator and at equal time.

    python tools/scores.py --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=800] [--minutes=6]

Each run is measured by `kgan.evaluate` when its generator has had so many updates, and again when
it has been trained for so long. Writes docs/scores.md and docs/scores.png.
"""

import argparse
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.registry import open_dataset
from kgan.metrics import comparison, features
from tools import cells

SCHEMES = ("dcgan", "lsgan", "wgan", "wgan_gp")
BASE = ("--dataset=mnist", "--width=16", "--batch_size=64", "--log_every=20")
FEATURES, COUNT = "digits", 10_000
METRICS = ("fid", "kid", "coverage", "class_score")
NO_END = 10_000_000  # steps; the time ends it
HEAD = """# Four schemes at equal updates and at equal time

Made by `python tools/scores.py --work=FOLDER --manual_dir=MNIST`: the schemes' own settings on
MNIST at 32x32, all with the networks of `dcgan` at width 16 and batch 64, {seeds} seeds,
{company}. {count:,} drawn digits against the {count:,} of MNIST's test part,
by the digit network that comes with kgan; its FID is on another scale than Inception's. Means over
seeds, and each seed's value for FID. The last row is what real digits reach: {count:,} of the
training part against the test part.

"""
TABLE = """## {title}

| scheme | updates of G | minutes | FID, by seed | mean FID | KID | coverage | class score |
|---|---|---|---|---|---|---|---|
"""
PUBLISHED = """
Published with Inception's features, after searches over settings and long trainings (Lucic et al.
2018, as quoted by others): non-saturating GAN 6.8, LSGAN 7.8, WGAN 6.7, WGAN-GP 20.3. They are on
another scale; what can be compared is the order.

![First seed of each, at equal time](scores.png)
"""


def row(name: str, found: list[dict], minutes: list[float]) -> str:
    """Writes a scheme's line of a table."""

    def values(metric):
        return [line[f"{metric}_{FEATURES}_{COUNT}"] for line in found]

    fids = values("fid")
    steps = statistics.mean(line["step"] for line in found)
    return (
        f"| `{name}` | {steps:,.0f} | {statistics.mean(minutes):.1f} | "
        f"{', '.join(f'{fid:.2f}' for fid in fids)} | {statistics.mean(fids):.2f} | "
        f"{statistics.mean(values('kid')):.2f} | "
        f"{statistics.mean(values('coverage')):.3f} | "
        f"{statistics.mean(values('class_score')):.2f} |\n"
    )


def real_row(given: argparse.Namespace) -> str:
    """Writes what real digits of the training part reach."""
    collection = open_dataset(
        "mnist",
        ImageFormat((32, 32), (32, 32), 1),
        kind="images",
        data_dir=given.data_dir or str(given.work / "tfds"),
        manual_dir=given.manual_dir,
    )
    extractor = features.find(FEATURES)
    own, real = (
        extractor(pipeline.examples(collection.parts[part], ("image",), COUNT)["image"])
        for part in ("train", "test")
    )
    values, _ = comparison.compare(own, real, METRICS, f"{FEATURES}_{COUNT}")
    fid, kid, coverage, score = (values[f"{name}_{FEATURES}_{COUNT}"] for name in METRICS)
    return f"| real digits | | | | {fid:.2f} | {kid:.2f} | {coverage:.3f} | {score:.2f} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=800)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=6.0)
    given = parser.parse_args()
    flags = [f"--features={FEATURES}", f"--count={COUNT}", f"--metrics={','.join(METRICS)}"]
    short = {
        name: [
            cells.Cell(name, (f"--model={name}", *BASE), given.steps, seed)
            for seed in range(given.seeds)
        ]
        for name in SCHEMES
    }
    long = {
        name: [
            cells.Cell(name, cell.flags, NO_END, cell.seed, given.minutes, begun=cell)
            for cell in row
        ]
        for name, row in short.items()
    }
    parts, of_real = [], real_row(given)
    for title, tried in (
        (f"At {given.steps:,} updates of the generator", short),
        (f"After {given.minutes:g} minutes on a core", long),
    ):
        folders = cells.train([cell for row in tried.values() for cell in row], given)
        found = cells.evaluate(folders, "drawings", given, *flags)
        parts.append(TABLE.format(title=title))
        for name, group in tried.items():
            minutes = [cells.seconds_at(folders[c], found[c]["step"]) / 60 for c in group]
            parts.append(row(name, [found[cell] for cell in group], minutes))
        parts += [of_real, "\n"]
    head = HEAD.format(seeds=given.seeds, company=cells.company(folders.values()), count=COUNT)
    (cells.DOCS / "scores.md").write_text(head + "".join(parts).rstrip("\n") + "\n" + PUBLISHED)
    first = [(name, folders[group[0]]) for name, group in long.items()]
    cells.draw(first, cells.DOCS / "scores.png", columns=4, size=(300, 300))


if __name__ == "__main__":
    main()

"""Writes docs/results.md and its pictures from run folders.

    python tools/results.py runs/00001-pix2pix-facades runs/00002-dcgan-mnist …

Every figure is read from the runs' metrics.jsonl and evaluation.jsonl; nothing is typed in.
"""

import json
import pathlib
import statistics
import sys

from PIL import Image

DOCS = pathlib.Path(__file__).parent.parent / "docs"
WIDEST = 560  # pixels of a picture in docs
KEPT_FLAGS = (
    "dataset", "direction", "image_size", "batch_size", "seed", "minutes", "width", "g_width",
    "d_width",
)  # fmt: skip
HEAD = """# Results

Made by `python tools/results.py RUN …` from the runs' own files; each command is
`python -m kgan.train --flagfile=flags/NAME.cfg` with the data set and `--minutes=` in the table.
One seed a row. Runs are short, and all but the first shared their cores with other work, so that
their images/s are lower bounds: what was learned counts here, not the clock.

The estimate of WGAN is K times the Wasserstein distance with an unknown K. L1 is on the scale of
pictures in [-1, 1]; `l1_constant_colour_per_class` is the best answer that paints each class in one
colour, `l1_noise_floor` what the noise of the drawn photo alone causes.

What falls short, seen in the pictures: `cdcgan_mnist`, with a quarter of the course's width and a
bit more than one pass over the data, heeds the digit but not the noise, so that it draws one
picture a digit; `wgan_gp_mnist` has shapes of digits, grey on grey. The 95 % of digits as asked
for, and the papers' numbers, need longer runs than these.

| run | data, settings | steps | time, cores | images/s (median) | peak memory | result |
|---|---|---|---|---|---|---|
"""
FOOT = """
## The game

![The vector field](vector_field.png)

The game of two numbers (`002`, figure 4.1): G draws the one point θ, D says φ · x, real examples
lie at 0. Both at once spiral outwards, one after the other circle, ever smaller steps follow the
field round its centre. `python tools/game_figures.py` draws it.

![The best discriminator](best_discriminator.png)

kgan's discriminator, trained on two known densities without sampling, beside p / (p + q); where
both are equal the objective is −ln 4 = −1.3863 (`003`). The same command draws it and prints the
distances.
"""


def read_lines(path: pathlib.Path) -> list[dict]:
    """Reads a file of one JSON object a line; none where it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read_flags(run: pathlib.Path) -> dict[str, str]:
    """Reads flags.cfg as name → value."""
    lines = (line.removeprefix("--") for line in (run / "flags.cfg").read_text().splitlines())
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


def judged(run: pathlib.Path) -> str:
    """Says what a digit classifier sees in what the run draws (tools/judge_digits.py)."""
    path = run / "judged_digits.json"
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    agreement = found.get("agreement")
    asked = "" if agreement is None else f"{agreement:.1%} are the digit that was asked for, "
    return (
        f"; of {found['drawn']:,} drawn digits {asked}{found['digits_found']} of 10 digits found, "
        f"divergence from even {found['divergence_from_even']:.3f}, classifier "
        f"{found['mean_certainty']:.2f} certain ({found['classifier_accuracy']:.1%} right on real "
        "ones)"
    )


def cycles(train: list[dict]) -> str:
    """Says how the reconstruction errors of both ways fell."""
    tenth = max(1, len(train) // 10)

    def mean(name, lines):
        return statistics.mean(line[name] for line in lines)

    return "reconstruction error, first and last tenth: " + ", ".join(
        f"{side} {mean(name, train[:tenth]):.3f} to {mean(name, train[-tenth:]):.3f}"
        for side, name in (("A", "g_loss_cycle_a"), ("B", "g_loss_cycle_b"))
    )


def outcome(train: list[dict], evaluations: list[dict]) -> str:
    """Says what the run reached: measures of pairs, the course of the Wasserstein estimate."""
    if "g_loss_cycle_a" in train[0]:
        return cycles(train)
    if evaluations:
        kept = {k: v for k, v in evaluations[-1].items() if isinstance(v, float) and k != "time"}
        count = evaluations[-1]["pictures"]
        return f"{count} unseen pictures: " + ", ".join(f"{k} {v:.4f}" for k, v in kept.items())
    if "wasserstein" in train[0]:
        tenth = max(1, len(train) // 10)
        values = [line["wasserstein"] for line in train]
        peak = max(range(len(values)), key=values.__getitem__)
        last = statistics.mean(values[-tenth:])
        return (
            f"Wasserstein estimate: peak {values[peak]:.4f} at step {train[peak]['step']}, mean of "
            f"the last tenth {last:.4f}"
        )
    tenth = train[-max(1, len(train) // 10) :]
    means = {k: statistics.mean(line[k] for line in tenth) for k in ("d_loss", "g_loss")}
    return "last tenth: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items())


def row(run: pathlib.Path) -> str:
    """Writes a run's row of the table and its picture into docs."""
    lines = read_lines(run / "metrics.jsonl")
    train = [line for line in lines if line["kind"] == "train"]
    end = [line for line in lines if line["kind"] == "end"][-1]
    flags = read_flags(run)
    name = run.name.partition("-")[2]
    said = {**flags, "dataset": pathlib.Path(flags["dataset"]).name}
    settings = ", ".join(f"{key} {said[key]}" for key in KEPT_FLAGS if key in said)
    picture = sorted((run / "samples").glob("step-*.png"))[-1]
    image = Image.open(picture)
    if image.width > WIDEST:
        image = image.resize((WIDEST, image.height * WIDEST // image.width), Image.LANCZOS)
    image.save(DOCS / f"{name}.png", optimize=True)
    speed = statistics.median(line["images_per_second"] for line in train)
    return (
        f"| [{name}]({name}.png) | {settings} | {train[-1]['step']} | "
        f"{train[-1]['seconds'] / 60:.1f} min, {end['cores']:.0f} cores | {speed:.3g} | "
        f"{end['peak_memory_mb'] / 1024:.1f} GB | "
        f"{outcome(train, read_lines(run / 'evaluation.jsonl'))}{judged(run)} |\n"
    )


if __name__ == "__main__":
    page = DOCS / "results.md"
    # Rows of runs that are not given stay as they are.
    lines = page.read_text().splitlines(keepends=True) if page.exists() else []
    rows = {line.partition("]")[0]: line for line in lines if line.startswith("| [")}
    for argument in sys.argv[1:]:
        made = row(pathlib.Path(argument))
        rows[made.partition("]")[0]] = made
    page.write_text(HEAD + "".join(rows.values()) + FOOT)

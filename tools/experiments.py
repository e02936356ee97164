"""Runs the experiments that the course lists after section 1.2 of `004`, one row each.

    python tools/experiments.py --work=FOLDER --manual_dir=MNIST [--cifar10=ZIP] [--steps=600]

A narrow DCGAN, the same seed and number of steps in each. Writes docs/experiments.md and
docs/experiments.png.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageDraw  # noqa: E402

BASE = (
    "--model=dcgan", "--width=16", "--batch_size=64", "--noexport", "--log_every=20",
    "--strategy=none", "--checkpoint_every=100000", "--sample_every=100000", "--seed=0",
)  # fmt: skip
MNIST = ("--dataset=mnist",)
EXPERIMENTS = {
    "as given": MNIST,
    "momentum 0.9": (*MNIST, "--beta_1=0.9"),
    'the "true" loss': (*MNIST, "--gan_loss=minimax"),
    "two updates of D": (*MNIST, "--d_updates=2"),
    "two updates of G": (*MNIST, "--g_updates=2"),
    "learning rates x 5": (*MNIST, "--g_lr=1e-3", "--d_lr=1e-3"),
    "learning rates / 5": (*MNIST, "--g_lr=4e-5", "--d_lr=4e-5"),
    "three times as long": MNIST,
    "noise of 10 numbers": (*MNIST, "--latent_size=10"),
    "noise of 1,000 numbers": (*MNIST, "--latent_size=1000"),
    "CIFAR-10": (),
    "64x64": (*MNIST, "--image_size=64", "--width=8"),
}
LENGTHS = {"three times as long": 3}
HEAD = """# The experiments of the course

Made by `python tools/experiments.py --work=FOLDER --manual_dir=MNIST --cifar10=ZIP`: what `004`
lists after its section 1.2, each a run of a DCGAN of half the course's width, batch 64, seed 0,
{steps} steps (but where the row says otherwise) on {cores} cores shared with other work. One seed a
row, and short runs: pictures say more here than numbers. Losses and scores are means of the last
tenth; scores are logits, high is real. The interpolation, below, is drawn from the first run by
`kgan.generate --interpolate=3,17`.

| experiment | flags | steps | minutes | d_loss | g_loss | D's score of real | of generated |
|---|---|---|---|---|---|---|---|
"""


def train(name: str, flags, given) -> pathlib.Path:
    """Trains a row, unless it is there; returns its run folder."""
    cell = "".join(c if c.isalnum() else "_" for c in name)
    job, runs = f"{cell}-{given.steps}", given.work / "runs"

    def found():
        return [p.parent for p in runs.glob("*/job.txt") if p.read_text() == job]

    data = (f"--dataset={given.cifar10}",) if name == "CIFAR-10" else ()
    steps = given.steps * LENGTHS.get(name, 1)
    arguments = [*BASE, *flags, *data, f"--steps={steps}", f"--job={job}", f"--name={cell}",
                 f"--runs_dir={runs}", f"--data_dir={given.data_dir}",
                 f"--manual_dir={given.manual_dir}"]  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "kgan.train", *arguments], check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return found()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--data_dir", default=None)
    parser.add_argument("--manual_dir", required=True)
    parser.add_argument("--cifar10", default=None, help="a folder or zip of its pictures")
    parser.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    given.data_dir = given.data_dir or str(given.work / "tfds")
    rows, sheets = [], []
    for name, flags in EXPERIMENTS.items():
        if name == "CIFAR-10" and given.cifar10 is None:
            continue
        run = train(name, flags, given)
        lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
        logged = [line for line in lines if line["kind"] == "train"]
        last = logged[-max(1, len(logged) // 10) :]
        means = [
            statistics.mean(line[key] for line in last)
            for key in ("d_loss", "g_loss", "d_score_real", "d_score_fake")
        ]
        changed = " ".join(flag for flag in flags if not flag.startswith("--dataset"))
        rows.append(
            f"| {name} | `{changed}` | {logged[-1]['step']} | {logged[-1]['seconds'] / 60:.1f} | "
            + " | ".join(f"{mean:.2f}" for mean in means) + " |\n"
        )  # fmt: skip
        print(rows[-1], end="", flush=True)
        sheets.append((name, sorted((run / "samples").glob("*.png"))[-1]))
        if name == "as given":
            interpolate(run)
    head = HEAD.format(steps=given.steps, cores=os.cpu_count())
    pictures = "\n![Samples](experiments.png)\n\n![Interpolation](interpolation.png)\n"
    (ROOT / "docs" / "experiments.md").write_text(head + "".join(rows) + pictures)
    draw(sheets)


def interpolate(run: pathlib.Path) -> None:
    """Draws the way between two latents of a run into docs."""
    subprocess.run(
        [sys.executable, "-m", "kgan.generate", f"--run={run}", "--interpolate=3,17",
         f"--out={ROOT}/docs/interpolation.png"],
        check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def draw(sheets) -> None:
    """Puts the last sample sheets side by side, with their names."""
    side, columns = 232, 4
    rows = -(-len(sheets) // columns)
    page = Image.new("RGB", (columns * (side + 8), rows * (side + 26)), "white")
    pen = ImageDraw.Draw(page)
    for number, (name, path) in enumerate(sheets):
        left, top = number % columns * (side + 8), number // columns * (side + 26)
        page.paste(Image.open(path).convert("RGB").resize((side, side)), (left, top + 18))
        pen.text((left, top + 2), name, fill="black")
    page.save(ROOT / "docs" / "experiments.png", optimize=True)


if __name__ == "__main__":
    main()

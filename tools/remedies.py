"""Tries each remedy against mode collapse on one small problem, with several seeds.

    python tools/remedies.py --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=3000]

The problem: a plain GAN of fully connected networks on MNIST at 28 pixels, with a learning rate at
which it collapses. Counted is how many of the ten digits a classifier (tools/judge_digits.py) finds
among 10,000 drawn ones. Writes docs/remedies.md and docs/remedies.png.
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

from tools import judge_digits  # noqa: E402

BASE = (
    "--model=gan", "--dataset=mnist", "--image_size=28", "--batch_size=64", "--g_lr=1e-3",
    "--d_lr=1e-3", "--noexport", "--log_every=100", "--strategy=none", "--checkpoint_every=100000",
    "--sample_every=100000",
)  # fmt: skip
REMEDIES = {
    "plain": (),
    "noise joined to a hidden layer": ("--hidden_noise=concat",),
    "noise added": ("--hidden_noise=add",),
    "noise multiplied": ("--hidden_noise=multiply",),
    "no bias in the last layer": ("--nooutput_bias",),
    "noise joined, no bias": ("--hidden_noise=concat", "--nooutput_bias"),
    "soft real labels, 0.9": ("--real_label=0.9",),
    "flipped labels, 1 in 200": ("--flip_labels=0.005",),
    "minibatch discrimination": ("--minibatch_kernels=50",),
    "packing of 2": ("--packing=2",),
    "packing of 4": ("--packing=4",),
    "spectral normalisation": ("--spectral_norm",),
    "gradient penalty (R1)": ("--penalty=r1", "--penalty_weight=1"),
    "least squares": ("--gan_loss=least_squares",),
    "Wasserstein, gradient penalty": (
        "--gan_loss=wasserstein", "--penalty=unit_slope", "--d_updates=2",
    ),
}  # fmt: skip
HEAD = """# Remedies against mode collapse

Made by `python tools/remedies.py --work=FOLDER --manual_dir=MNIST`: a plain GAN of fully connected
networks (100-300-784) on MNIST with Adam 1e-3, a rate at which it collapses, and the same with each
remedy of the course and of the papers. Found is a digit that makes up 1 % or more of 10,000 drawn
ones, as a classifier sees them that has {accuracy:.1%} of real test digits right. The divergence is
KL(drawn ‖ even) in nats: 0 is even, 2.3 one digit alone. {seeds} seeds, {steps} steps each,
{seconds:.0f} s a run on average on {cores} cores shared with other work. Short runs: what is
compared is the number of digits, not how well they are drawn.

| remedy | digits found, by seed | mean | divergence | certainty |
|---|---|---|---|---|
"""


def train(name: str, flags, seed: int, given) -> pathlib.Path:
    """Trains a cell, unless it is there; returns its run folder."""
    cell = name.replace(" ", "_").replace(",", "").replace("(", "").replace(")", "")
    job = f"{cell}-{seed}-{given.steps}"
    runs = given.work / "runs"
    for place in runs.glob("*/job.txt"):
        if place.read_text() == job and (place.parent / "judged_digits.json").exists():
            return place.parent
    arguments = [*BASE, *flags, f"--seed={seed}", f"--steps={given.steps}", f"--job={job}",
                 f"--name={cell}", f"--runs_dir={runs}", f"--data_dir={given.data_dir}",
                 f"--manual_dir={given.manual_dir}"]  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "kgan.train", *arguments], check=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return next(p.parent for p in runs.glob("*/job.txt") if p.read_text() == job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--data_dir", default=None)
    parser.add_argument("--manual_dir", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3000)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    given.data_dir = given.data_dir or str(given.work / "tfds")
    network, accuracy = judge_digits.classifier(given.work, given.data_dir, given.manual_dir)
    rows, sheets, seconds = [], [], []
    for name, flags in REMEDIES.items():
        found = []
        for seed in range(given.seeds):
            run = train(name, flags, seed, given)
            kept = run / "judged_digits.json"
            if not kept.exists():
                judged = judge_digits.judge(run, network)
                kept.write_text(json.dumps({"classifier_accuracy": accuracy, **judged}) + "\n")
            found.append(json.loads(kept.read_text()))
            lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
            seconds.append(max(line.get("seconds", 0) for line in lines))
            if seed == 0:
                sheets.append((name, sorted((run / "samples").glob("*.png"))[-1]))
        counts = [f["digits_found"] for f in found]
        mean = {k: statistics.mean(f[k] for f in found)
                for k in ("divergence_from_even", "mean_certainty")}  # fmt: skip
        rows.append(
            f"| {name} `{' '.join(flags)}` | {', '.join(map(str, counts))} | "
            f"{statistics.mean(counts):.1f} | {mean['divergence_from_even']:.2f} | "
            f"{mean['mean_certainty']:.2f} |\n"
        )
        print(rows[-1], end="", flush=True)
    page = HEAD.format(accuracy=accuracy, seeds=given.seeds, steps=given.steps,
                       seconds=statistics.mean(seconds), cores=os.cpu_count())  # fmt: skip
    (ROOT / "docs" / "remedies.md").write_text(
        page + "".join(rows) + "\n![What each draws, first seed](remedies.png)\n"
    )
    draw(sheets)


def draw(sheets) -> None:
    """Puts the last sample sheets side by side, the upper half of each, with their names."""
    wide, high, columns = 240, 120, 4
    rows = -(-len(sheets) // columns)
    page = Image.new("RGB", (columns * (wide + 8), rows * (high + 24)), "white")
    pen = ImageDraw.Draw(page)
    for number, (name, path) in enumerate(sheets):
        left, top = number % columns * (wide + 8), number // columns * (high + 24)
        sheet = Image.open(path).convert("RGB")
        half = sheet.crop((0, 0, sheet.width, sheet.height // 2)).resize((wide, high))
        page.paste(half, (left, top + 18))
        pen.text((left, top + 2), name, fill="black")
    page.save(ROOT / "docs" / "remedies.png", optimize=True)


if __name__ == "__main__":
    main()

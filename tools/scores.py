"""FID, KID and coverage of four models at equal updates and at equal time: docs/scores.md.

    python -m tools.scores --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=800] [--minutes=6]

Two sweeps, one for the updates and one for the time: 24 runs of one to six minutes on one core.
"""

import statistics
from collections.abc import Sequence

from kgan.cli import entry
from kgan.metrics import features
from kgan.metrics.comparison import compare
from tools import command, comparison

MODELS = ("dcgan", "lsgan", "wgan", "wgan_gp")
BASE = "--dataset=mnist --width=16 --batch_size=64 --log_every=20"
FEATURES, COUNT = "digits", 10_000
METRICS = ("fid", "kid", "coverage", "class_score")
MEASURED = (f"--features={FEATURES}", f"--count={COUNT}", f"--metrics={','.join(METRICS)}")


def table_row(name: str, steps: str, minutes: str, found: Sequence[dict]) -> str:
    """Writes a line: the FID of each seed, and means over seeds."""
    values = {
        metric: [line[f"{metric}_{FEATURES}_{COUNT}"] for line in found] for metric in METRICS
    }
    fid, kid, coverage, score = (statistics.mean(values[metric]) for metric in METRICS)
    by_seed = ", ".join(f"{value:.2f}" for value in values["fid"]) if steps else ""
    means = (f"{fid:.2f}", f"{kid:.2f}", f"{coverage:.3f}", f"{score:.2f}")
    return command.row(name, steps, minutes, by_seed, *means)


def real_row(given) -> str:
    """Writes the line that compares real digits of the training part with the test part."""
    own, real = (
        features.find(FEATURES)(command.read_digits("mnist", part, 32, given, COUNT)[0])
        for part in ("train", "test")
    )
    values, _ = compare(own, real, METRICS, f"{FEATURES}_{COUNT}")
    return table_row("real digits", "", "", [values])


def main(arguments: Sequence[str]) -> None:
    """Trains both sweeps, measures the runs and writes the page."""
    given = comparison.parse("scores", arguments, seeds=3, steps=800, minutes=6.0)
    names = (
        "model", "generator updates", "minutes", "FID, by seed", "mean FID", "KID", "coverage",
        "class score",
    )  # fmt: skip
    tables, of_real = "", real_row(given)
    steps, minutes = f"{given.steps:,} steps", f"{given.minutes:g} minutes"
    for title, sweep, words, length in (
        ("At equal updates of the generator", "steps", steps, f"--steps={given.steps}"),
        ("At equal time", "time", minutes, f"--minutes={given.minutes}"),
    ):
        flags = {
            name: [f"--model={name}", *BASE.split(), length, "--epochs=10000"] for name in MODELS
        }
        trained = comparison.train(flags, given, sweep)
        summary = comparison.summary(sum(trained.values(), []), given, words)
        tables += f"## {title}\n\n{summary}" + command.columns(*names)
        for name, runs in trained.items():
            found = [comparison.measure(run, "drawings", *MEASURED) for run in runs]
            steps = statistics.mean(line["step"] for line in found)
            minutes = comparison.seconds(runs) / 60
            tables += table_row(f"`{name}`", f"{steps:,.0f}", f"{minutes:.1f}", found)
        tables += of_real + "\n"
    command.write("scores", tables.rstrip("\n") + "\n")
    comparison.save_samples(given, "scores", "time")


if __name__ == "__main__":
    entry.run(main)

"""Six optimisers of the generator at four learning rates: docs/optimizers.md.

    python -m tools.optimizers --work=FOLDER --manual_dir=MNIST [--seeds=3] [--steps=2000]

A plain GAN of fully connected networks on MNIST, with the same discriminator everywhere. 72 runs of
about half a minute on one core. Writes docs/optimizer_curves.png, too.
"""

import itertools
import statistics
from collections.abc import Sequence

from matplotlib.figure import Figure

from kgan.cli import entry
from kgan.plots import curves
from kgan.runs import logs
from tools import command, comparison, digit_scores

OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adadelta", "adam")
RATES = ("0.0002", "0.002", "0.02", "0.2")
BASE = "--model=gan --dataset=mnist --image_size=28 --batch_size=64 --log_every=100"
SHOWN = ("d_loss", "g_loss", "d_score_fake")


def plot_best(best: dict[str, list]) -> None:
    """Plots losses and scores at the best rate of each optimiser: mean and standard deviation."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    panels = figure.subplots(1, len(SHOWN))
    lines = {name: [logs.read_metrics(run.metrics) for run in runs] for name, runs in best.items()}
    for panel, measure in zip(panels, SHOWN, strict=True):
        shown = {
            number: (name, curves.of_runs(lines[name], measure))
            for number, name in enumerate(best)
        }  # fmt: skip
        curves.plot_curves(panel, measure, shown)
    panels[0].legend()
    figure.savefig(command.DOCS / "optimizer_curves.png", dpi=90)


def main(arguments: Sequence[str]) -> None:
    """Trains and scores the grid and writes the page."""
    given = comparison.parse("optimizers", arguments, seeds=3, steps=2000)
    every = list(itertools.product(OPTIMIZERS, RATES))
    flags = [
        [*BASE.split(), f"--g_optimizer={name}", f"--g_lr={rate}", f"--steps={given.steps}"]
        for name, rate in every
    ]
    named = {f"{name}, {rate}": own for (name, rate), own in zip(every, flags, strict=True)}
    trained = comparison.train(named, given)
    scores = {
        label: [digit_scores.score(run)["class_score"] for run in runs]
        for label, runs in trained.items()
    }
    table, best = command.columns("generator's optimiser", *RATES), {}
    for name in OPTIMIZERS:
        values = {rate: scores[f"{name}, {rate}"] for rate in RATES}
        first = max(RATES, key=lambda rate: statistics.mean(values[rate]))
        best[name] = trained[f"{name}, {first}"]
        texts = [
            f"{statistics.mean(own):.2f} ± {statistics.pstdev(own):.2f}" for own in values.values()
        ]
        texts[RATES.index(first)] = f"**{texts[RATES.index(first)]}**"
        table += command.row(name, *texts)
    command.write("optimizers", comparison.summary(sum(trained.values(), []), given), table)
    plot_best(best)
    comparison.save_samples(given, "optimizers")


if __name__ == "__main__":
    entry.run(main)

"""Results of single runs, read from the runs' own files: docs/results.md.

    python -m tools.results --run=runs/00001-pix2pix-facades [--run=runs/00002-dcgan-mnist …]

Rows of other runs stay as they are, and so does the last column, which is written by hand. Seconds.
"""

import json
import pathlib
import statistics
from collections.abc import Sequence

from PIL import Image

from kgan.cli import entry
from kgan.cli.parsing import parse_training
from kgan.cli.settings import PLACES
from kgan.evaluation import storage
from kgan.metrics.comparison import ERROR
from kgan.runs import logs
from kgan.runs.folder import Run, open_run
from tools import command, digit_scores

WIDEST = 560  # pixels of an image in docs
# Flags that change no result, or that are in other columns.
NOT_SHOWN = (
    "data_dir manual_dir export_dir export evaluate strategy epochs cache_gb log_every "
    "sample_every sync_batch_norm"
)


def digits(run: Run) -> str:
    """Writes what tools.digit_scores has stored of a run, if anything."""
    path = run.folder / digit_scores.FILE
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    agreement = found.get("agreement")
    requested = "" if agreement is None else f"{agreement:.1%} are the requested digit, "
    return (
        f"; of {found['drawn']:,} generated digits {requested}{found['digits_found']} of 10 digits "
        f"found, divergence from even {found['divergence_from_even']:.3f}, class score "
        f"{found['class_score']:.2f} (classifier right on {found['classifier_accuracy']:.1%} of "
        "real ones)"
    )


def cycles(train: list[dict], evaluations: list[dict]) -> str:
    """Writes the reconstruction errors, in training and on unseen images."""
    tenth = max(1, len(train) // 10)

    def mean(name, lines):
        return statistics.mean(line[name] for line in lines)

    return (
        "reconstruction error, first and last tenth: "
        + ", ".join(
            f"{side} {mean(name, train[:tenth]):.3f} to {mean(name, train[-tenth:]):.3f}"
            for side, name in (("A", "g_loss_cycle_a"), ("B", "g_loss_cycle_b"))
        )
        + "".join(
            f"; {name} {value:.4f} ± {evaluations[-1][name + ERROR]:.4f}"
            for name, value in (evaluations[-1].items() if evaluations else ())
            if name.startswith("reconstruction") and name + ERROR in evaluations[-1]
        )
    )


def likelihoods(lines: list[dict]) -> str:
    """Writes the likelihood of unseen examples, if it was measured."""
    lines = [line for line in lines if line["part"] == "test"]
    if not lines:
        return ""
    found = lines[-1]
    names = [name for name in found if name + ERROR in found]
    most = max(int(name.rpartition("_")[2]) for name in names)
    return ", ".join(
        f"{name} {found[name]:.3f} ± {found[name + ERROR]:.3f}"
        for name in names
        if name.endswith(f"_{most}")
    )


def outcome(train: list[dict], evaluations: list[dict]) -> str:
    """Writes what fits the run: measures of pairs, Wasserstein estimates or losses."""
    if "g_loss_cycle_a" in train[0]:
        return cycles(train, evaluations)
    if evaluations:
        kept = {k: v for k, v in evaluations[-1].items() if isinstance(v, float) and k != "time"}
        count = evaluations[-1]["pictures"]
        return f"{count} unseen images: " + ", ".join(f"{k} {v:.4f}" for k, v in kept.items())
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
    means = {
        k: statistics.mean(line[k] for line in tenth)
        for k in ("d_loss", "g_loss", "loss")
        if k in tenth[0]
    }
    return "last tenth: " + ", ".join(f"{k} {v:.3f}" for k, v in means.items())


def train_command(run: Run, name: str) -> str:
    """Writes the command of a run: its flagfile, and the flags that differ from it."""
    recipe = command.ROOT / "flags" / f"{name}.cfg"
    given = [f"--flagfile={recipe}"] if recipe.exists() else ["--model=pix2pix"]
    usual = parse_training(given).flagfile_text().splitlines()
    changed, hidden = [], {*PLACES, *NOT_SHOWN.split()}
    for line in run.flags.read_text().splitlines():
        flag, _, value = line.removeprefix("--").partition("=")
        if line not in usual and not {flag, flag.removeprefix("no")} & hidden:
            changed.append(f"--dataset={pathlib.Path(value).name}" if flag == "dataset" else line)
    first = f"--flagfile=flags/{name}.cfg" if recipe.exists() else "--model=pix2pix"
    return f"`{' '.join((first, *changed))}`"


def table_row(run: Run, reported: str) -> str:
    """Writes a run's row of the table, and its last samples into docs/."""
    lines = logs.read_metrics(run.metrics)
    train = [line for line in lines if line["kind"] == "train"]
    end = [line for line in lines if line["kind"] == "end"][-1]
    image = Image.open(sorted(run.samples.glob("step-*.png"))[-1])
    if image.width > WIDEST:
        image = image.resize((WIDEST, image.height * WIDEST // image.width), Image.LANCZOS)
    image.save(command.DOCS / f"{run.name}.png", optimize=True)
    measured = storage.read_results(run)
    evaluations = measured.get("pairs", []) + measured.get("cycles", [])
    reached = likelihoods(measured.get("likelihood", [])) or outcome(train, evaluations)
    cores = f"{end['cores']:.0f} core" + "s" * (end["cores"] > 1)
    return command.row(
        f"[{run.name}]({run.name}.png)",
        train_command(run, run.name),
        f"{train[-1]['step']:,}",
        f"{train[-1]['seconds'] / 60:.1f} min, {cores}",
        f"{statistics.median(line['images_per_second'] for line in train):.3g}",
        f"{end['peak_memory_mb'] / 1024:.1f} GB",
        reached + digits(run),
        reported,
    )


def main(arguments: Sequence[str]) -> None:
    """Writes the rows of the given runs into the page."""
    given = command.parse("results", arguments, run=[])
    lines = (command.DOCS / "results.md").read_text().splitlines(keepends=True)
    head = lines.index(f"{command.BEGIN}\n") + 1
    table = lines[head : lines.index(f"{command.END}\n")]
    for folder in given.run:
        run = open_run(folder)
        begin = f"| [{run.name}]("
        number = next((n for n, line in enumerate(table) if line.startswith(begin)), len(table))
        # The last column is written by hand.
        reported = table[number].split(" | ")[-1].rstrip("| \n") if table[number:] else "—"
        table[number:] = [table_row(run, reported), *table[number + 1 :]]
    command.write("results", *table)


if __name__ == "__main__":
    entry.run(main)

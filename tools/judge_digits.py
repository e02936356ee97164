"""Asks the digit network that comes with kgan what runs draw.

    python tools/judge_digits.py RUN…

For a conditional run: how often the network sees the digit that was asked for. For the others: how
many of the ten digits they draw, how evenly, how sure the network is, and the class score, from 1
to 10 (Salimans et al. 2016, section 4, with this network in the place of theirs). Each run's answer
is printed and kept in its folder as judged_digits.json, from which tools/results.py reads it.
"""

import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import kgan
from kgan.evaluation.generated import generate
from kgan.metrics import (
    class_scores,
    digit_network,
)

DRAWN = 10_000
PRESENT = 0.01  # share of the drawn digits from which one counts as drawn
KEPT = "judged_digits.json"


def accuracy() -> float:
    """Gives the share of real test digits that the network has right."""
    return digit_network.load()[1]["test_accuracy"]


def judge(run: pathlib.Path) -> dict:
    """Gives what the network sees among 10,000 digits that a run draws; each run is asked once."""
    if not (run / KEPT).exists():
        found = {"classifier_accuracy": accuracy(), **_look(kgan.load(str(run)))}
        (run / KEPT).write_text(json.dumps(found) + "\n")
    return json.loads((run / KEPT).read_text())


def _look(model) -> dict:
    asked = np.arange(DRAWN) % 10
    is_told = getattr(model, "class_names", None)
    told = np.eye(model.condition_size, dtype=np.float32)[asked] if is_told else None
    _, probabilities = digit_network.look(generate(model, DRAWN, told))
    counts = class_scores.class_counts(probabilities)
    found = {
        "drawn": DRAWN,
        "class_score": class_scores.class_score(probabilities, seed=0)[0],
        "digits_found": class_scores.modes_found(counts, least=int(PRESENT * DRAWN)),
        "divergence_from_even": class_scores.class_divergence(counts),
        "mean_certainty": float(probabilities.max(axis=1).mean()),
    }
    if is_told:
        seen = probabilities.argmax(axis=1) == asked
        found["agreement"] = float(seen.mean())
        found["agreement_by_digit"] = [float(seen[asked == digit].mean()) for digit in range(10)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="*", type=pathlib.Path)
    print(f"digit network: {accuracy():.2%} of real test digits right")
    for run in parser.parse_args().runs:
        print(run.name, json.dumps(judge(run)))


if __name__ == "__main__":
    main()

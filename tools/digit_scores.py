"""Scores of generated digits by the digit network that comes with kgan, for several pages of docs/.

    python -m tools.digit_scores --run=RUN [--run=RUN …]

Prints for each run how many of the ten digits it generates (at least 1 % of 10,000), how evenly,
how certain the network is, the class score (Salimans et al. 2016, section 4, with this network in
place of theirs), and for a conditional run how often an image is the requested digit. Results are
kept in the run as judged_digits.json, which tools.results reads. Half a minute per run.
"""

import json
from collections.abc import Sequence

import numpy as np

import kgan
from kgan.cli import entry
from kgan.evaluation.generated import generate
from kgan.metrics import class_scores, digit_network
from kgan.models.base.conditional import ConditionalModel
from kgan.runs.folder import Run, open_run
from tools import command

GENERATED = 10_000
PRESENT = 0.01  # share of the generated digits from which a digit counts as found
FILE = "judged_digits.json"


def accuracy() -> float:
    """Returns the share of real test digits that the network classifies correctly."""
    return digit_network.load()[1]["test_accuracy"]


def score(run: Run) -> dict:
    """Scores 10,000 digits of a run; each run is scored once."""
    path = run.folder / FILE
    if not path.exists():
        found = {"classifier_accuracy": accuracy(), **_scores(kgan.load(str(run.folder)))}
        path.write_text(json.dumps(found) + "\n")
    return json.loads(path.read_text())


def _scores(model) -> dict:
    digits = np.arange(GENERATED) % 10
    conditional = isinstance(model, ConditionalModel)
    conditions = np.eye(model.condition_size, dtype=np.float32)[digits] if conditional else None
    _, probabilities = digit_network.predict(generate(model, GENERATED, conditions))
    counts = class_scores.class_counts(probabilities)
    found = {
        "drawn": GENERATED,
        "class_score": class_scores.class_score(probabilities, seed=0)[0],
        "digits_found": class_scores.modes_found(counts, least=int(PRESENT * GENERATED)),
        "divergence_from_even": class_scores.class_divergence(counts),
        "mean_certainty": float(probabilities.max(axis=1).mean()),
    }
    if conditional:
        matches = probabilities.argmax(axis=1) == digits
        found["agreement"] = float(matches.mean())
        found["agreement_by_digit"] = [float(matches[digits == n].mean()) for n in range(10)]
    return found


def main(arguments: Sequence[str]) -> None:
    """Prints the scores of the given runs."""
    given = command.parse("digit_scores", arguments, ("run",), run=[])
    print(f"digit network: {accuracy():.2%} of real test digits are classified correctly")
    for folder in given.run:
        print(folder, json.dumps(score(open_run(folder))))


if __name__ == "__main__":
    entry.run(main)

"""Evaluation `points`: generated points, compared with the mixture of the real ones."""

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.generated import generate
from kgan.evaluation.task import Request, Result, Task, sample_name
from kgan.metrics import mode_coverage, wasserstein
from kgan.metrics.comparison import ERROR

POINTS = 2500  # as in the papers
MATCHED = 1000  # points for the exact distance
NAME = "points"
METRICS = {"modes": False, "high_quality": False, "wasserstein": True}
LOWER_IS_BETTER = {**METRICS, f"wasserstein_{MATCHED}_of_real": None}


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for a dataset of points from a known mixture."""
    source = dataset.parts.get(request.part)
    if dataset.mixture is None or source is None:
        return None

    def measure(names):
        points = generate(model, POINTS)
        values = {}
        if {"modes", "high_quality"} & set(names):
            found = mode_coverage.mode_coverage(points, dataset.mixture)
            values = {
                f"modes_{POINTS}": float(found.modes),
                f"high_quality_{POINTS}": found.high_quality,
                f"high_quality_{POINTS}{ERROR}": found.high_quality_standard_error,
            }
        if "wasserstein" in names:
            real = pipeline.examples(source, ("image",), 2 * MATCHED)["image"]
            first, second = real[:MATCHED], real[MATCHED:]
            name = f"wasserstein_{sample_name(MATCHED, len(source))}"
            values[name] = wasserstein.exact(points[:MATCHED], first)
            # Between real points: what a perfect generator reaches.
            values[f"wasserstein_{MATCHED}_of_real"] = wasserstein.exact(first, second)
        modes = len(dataset.mixture.centres)
        title = (
            f"{POINTS:,} generated points; {modes} modes; 98.9 % of real points are high quality"
        )
        return Result(title, values)

    return Task(NAME, METRICS, measure)

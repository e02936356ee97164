"""Points drawn from noise beside the mixture that the real ones come from."""

import dataclasses

import numpy as np

from kgan.data.dataset import Dataset
from kgan.evaluation.generated import generate
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import mode_coverage, wasserstein
from kgan.metrics.comparison import ERROR

POINTS = 2500  # as in the papers
MATCHED = 1000  # points for the exact distance
NAME = "points"
# Whether lower is better.
OFFERS = {"modes": False, "high_quality": False, "wasserstein": True}
DIRECTIONS = {**OFFERS, f"wasserstein_{MATCHED}_of_real": None}


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a model of points of a known mixture."""
    source = collection.parts.get(request.part)
    if collection.mixture is None or source is None:
        return None

    def measure(names):
        points = generate(model, POINTS)
        values = {}
        if {"modes", "high_quality"} & set(names):
            found = dataclasses.asdict(mode_coverage.modes_found(points, collection.mixture))
            values = {
                f"modes_{POINTS}": float(found["modes"]),
                f"high_quality_{POINTS}": found["high_quality"],
                f"high_quality_{POINTS}{ERROR}": found["high_quality_standard_error"],
            }
        if "wasserstein" in names:
            real = np.stack([source.read(n)["image"] for n in range(2 * MATCHED)])
            values |= {
                f"wasserstein_{MATCHED}": wasserstein.exact(points[:MATCHED], real[:MATCHED]),
                f"wasserstein_{MATCHED}_of_real": wasserstein.exact(real[:MATCHED], real[MATCHED:]),
            }
        many = len(collection.mixture.centres)
        title = f"{POINTS:,} drawn points; {many} modes, of real points 98.9 % are of high quality"
        return Result(title, values)

    return Task(NAME, OFFERS, measure)

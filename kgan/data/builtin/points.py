"""Data sets of points, drawn from a known mixture."""

import dataclasses

import numpy as np

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.dataset import Dataset

# Drawn once, when the set is opened, and kept: 100,000 points take less than a megabyte.
COUNTS = {"train": 100_000, "test": 10_000}
PART_SEEDS = {"train": 0, "test": 1}


@dataclasses.dataclass(frozen=True)
class PointSource:
    """Random access to points, float32 [2] each."""

    points: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def read(self, index: int) -> dict[str, np.ndarray]:
        if not 0 <= index < len(self.points):
            raise IndexError(f"`index` must be in [0, {len(self.points)}). Received: {index}")
        return {"image": self.points[index]}


def open_mixture(name: str, *, seed: int = 0) -> Dataset:
    """Draws the points of a mixture.

    Args:
        name: a key of `MIXTURES`.
        seed: of the points.
    """
    mixture = MIXTURES[name]
    parts = {
        part: PointSource(mixture.draw(count, (seed, PART_SEEDS[part])))
        for part, count in COUNTS.items()
    }
    return Dataset(
        name=name,
        kind="points",
        parts=parts,
        mixture=mixture,
        mirrors=False,
        description=f"{name}: {len(mixture.centres)} Gaussians of standard deviation "
        f"{mixture.deviation} in the plane; {COUNTS['train']:,} training points",
    )

"""The built-in data sets `ring` and `grid`: points sampled from a mixture of Gaussians."""

import dataclasses

import numpy as np

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.dataset import Dataset, Source, check_index

# Sampled when the data set is opened, and kept: 100,000 points take less than a megabyte.
COUNTS = {"train": 100_000, "test": 10_000}


@dataclasses.dataclass(frozen=True)
class PointSource(Source):
    """Random access to points.

    Args:
        points: float32 [N, D].

    Example:
        >>> PointSource(np.float32([[0, 1], [2, 3]])).read(1)["image"].tolist()
        [2.0, 3.0]
    """

    points: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image`, float32 [D]."""
        check_index(index, len(self.points))
        return {"image": self.points[index]}


def open_mixture(name: str, *, seed: int = 0) -> Dataset:
    """Samples the points of a mixture.

    Args:
        name: a key of `MIXTURES`.
        seed: of the points.
    """
    mixture = MIXTURES[name]
    parts = {
        part: PointSource(mixture.sample(count, (seed, number)))
        for number, (part, count) in enumerate(COUNTS.items())
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

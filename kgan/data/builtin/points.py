"""The built-in data sets `ring` and `grid`: points sampled from a mixture of Gaussians."""

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.dataset import ArraySource, Dataset

# Sampled when the data set is opened, and kept: 100,000 points take less than a megabyte.
COUNTS = {"train": 100_000, "test": 10_000}


def open_mixture(name: str, *, seed: int = 0) -> Dataset:
    """Samples the points of a mixture.

    Args:
        name: a key of `MIXTURES`.
        seed: of the points.
    """
    mixture = MIXTURES[name]
    parts = {
        part: ArraySource(mixture.sample(count, (seed, number)))
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

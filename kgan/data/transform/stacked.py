"""Stacked MNIST: three random digits as the three channels of an image, which makes 1,000 modes.

Reference: Metz et al. 2017, section 3.3.1; Srivastava et al. 2017 (VEEGAN), section 4. 128,000
triples for training, as Lin et al. 2018 (PacGAN) have them.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgan.data.dataset import Dataset, Source, read_many

TRIPLES = {"train": 128_000, "test": 26_000}
PART_SEEDS = {"train": 0, "test": 1}


@dataclasses.dataclass(frozen=True)
class StackedSource:
    """Random access to triples of grey images as one image of three channels.

    Args:
        source: of grey images, as many of which are kept in memory as are asked for.
        triples: int [N, 3], which images.
    """

    source: Source
    triples: np.ndarray

    def __len__(self) -> int:
        return len(self.triples)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns one image [H, W, 3], of the kind that the source gives."""
        return self.read_many([index])[0]

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns images; each single one is read once, however often it is in them."""
        if not len(indices):
            return []
        if min(indices) < 0 or max(indices) >= len(self):
            raise IndexError(f"indices must be in [0, {len(self)}). Received: {list(indices)}")
        triples = self.triples[np.asarray(indices)]
        needed, places = np.unique(triples, return_inverse=True)
        singles = [example["image"] for example in read_many(self.source, needed.tolist())]
        places = places.reshape(triples.shape)
        return [
            {"image": np.concatenate([singles[place] for place in row], axis=-1)} for row in places
        ]


def stack_dataset(collection: Dataset, *, seed: int = 0) -> Dataset:
    """Makes triples of a collection of grey images; labels are left behind.

    Args:
        collection: with a training part, and perhaps a test part.
        seed: of the triples.
    """
    parts = {}
    for part, count in TRIPLES.items():
        if part in collection.parts:
            source = collection.parts[part]
            generator = np.random.Generator(
                np.random.Philox(np.random.SeedSequence((seed, PART_SEEDS[part])))
            )
            parts[part] = StackedSource(source, generator.integers(len(source), size=(count, 3)))
    return Dataset(
        name=f"stacked_{collection.name}",
        kind="images",
        parts=parts,
        mirrors=False,
        features=f"stacked_{collection.features}" if collection.features else None,
        description=f"{len(parts['train']):,} random triples, as channels, of: "
        f"{collection.description}",
    )

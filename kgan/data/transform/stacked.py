"""Stacked MNIST: three random digits as the three channels of an image, which gives 1,000 modes.

Reference: Metz et al. 2017, section 3.3.1; Srivastava et al. 2017 (VEEGAN), section 4. The 128,000
training examples are as in Lin et al. 2018 (PacGAN).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgan.data.dataset import Dataset, Source, check_index

TRIPLES = {"train": 128_000, "test": 26_000}


@dataclasses.dataclass(frozen=True)
class StackedSource(Source):
    """Random access to triples of grey images, each as one image of three channels.

    Args:
        source: a source of grey images.
        triples: int [N, 3], the indices of three images.

    Example:
        >>> from kgan.data.dataset import ArraySource
        >>> grey = ArraySource(np.uint8([[[[10]]], [[[20]]]]), np.zeros(2, np.int32))
        >>> StackedSource(grey, np.array([[1, 0, 1]])).read(0)["image"].ravel().tolist()
        [20, 10, 20]
    """

    source: Source
    triples: np.ndarray

    def __len__(self) -> int:
        return len(self.triples)

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns images [H, W, 3] of the source's dtype; reads each grey image only once."""
        for index in indices:
            check_index(index, len(self))
        triples = self.triples[np.asarray(indices, int)]
        needed, places = np.unique(triples, return_inverse=True)
        grey = [example["image"] for example in self.source.read_many(needed.tolist())]
        return [
            {"image": np.concatenate([grey[place] for place in row], axis=-1)}
            for row in places.reshape(triples.shape)
        ]


def stack_dataset(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """Makes triples of a data set of grey images, without labels.

    Args:
        dataset: has a part `train`, and perhaps `test`.
        seed: seed of the triples.
    """
    parts = {}
    for number, (part, count) in enumerate(TRIPLES.items()):
        if part in dataset.parts:
            source = dataset.parts[part]
            sequence = np.random.SeedSequence((seed, number))
            rng = np.random.Generator(np.random.Philox(sequence))
            parts[part] = StackedSource(source, rng.integers(len(source), size=(count, 3)))
    return Dataset(
        name=f"stacked_{dataset.name}",
        kind="images",
        parts=parts,
        mirrors=False,
        features=f"stacked_{dataset.features}" if dataset.features else None,
        description=f"{len(parts['train']):,} random triples, as channels, of: "
        f"{dataset.description}",
    )

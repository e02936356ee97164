"""Some classes of a labelled collection, in place of all."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgan.data.dataset import Dataset, Subset, labels_of
from kgan.data.decode import printable
from kgan.utils.errors import UserError

MOST_NAMES = 10  # of classes, in a message


@dataclasses.dataclass(frozen=True)
class ClassSubset(Subset):
    """The examples of some classes, with labels that number these.

    Args:
        source: of labelled images.
        indices: int [N], of the examples in the source.
        labels: int32 [N], the new ones.
    """

    labels: np.ndarray

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns the source's example with its new `label`."""
        return {**super().read(index), "label": self.labels[index]}

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns what `read` returns for each of several indices."""
        return [
            {**example, "label": self.labels[index]}
            for index, example in zip(indices, super().read_many(indices), strict=True)
        ]


def choose_classes(collection: Dataset, classes: Sequence[str]) -> Dataset:
    """Keeps some classes of a labelled collection, in all parts.

    Args:
        collection: of kind `labelled`.
        classes: names of classes, or their numbers; a name wins over a number.

    Returns:
        A collection whose labels are 0 … K - 1, in the order that the classes have in the set. A
        part other than the training part that holds none of them is left out.

    Raises:
        UserError: there are no labels, no such class, or nothing of it to train on.
    """
    flag = f"--classes={printable(','.join(classes))}"
    if collection.kind != "labelled":
        raise UserError(
            f"{flag}: {printable(collection.name)} has no labels, it holds {collection.kind} "
            "images; right would be a labelled set, or no --classes"
        )
    kept = sorted({_number(name, collection.class_names, flag) for name in classes})
    new = np.full(len(collection.class_names), -1, np.int32)
    new[kept] = np.arange(len(kept))
    parts = {}
    for part, source in collection.parts.items():
        labels = new[labels_of(source)]
        indices = np.flatnonzero(labels >= 0)
        if len(indices):
            parts[part] = ClassSubset(source, indices, labels[indices])
    names = tuple(collection.class_names[number] for number in kept)
    if "train" not in parts:
        raise UserError(
            f"{flag}: the training part of {printable(collection.name)} holds no image of "
            "these; right would be classes that it has"
        )
    counts = ", ".join(f"{len(source)} {part}" for part, source in parts.items())
    said = f"{collection.description}; kept {printable(', '.join(names))}: {counts}"
    return dataclasses.replace(collection, parts=parts, class_names=names, description=said)


def _number(name, class_names, flag):
    if name in class_names:
        return class_names.index(name)
    if name.isdecimal() and len(name) < 10 and int(name) < len(class_names):
        return int(name)
    listed = printable(", ".join(class_names[:MOST_NAMES]))
    more = f" and {len(class_names) - MOST_NAMES} more" if len(class_names) > MOST_NAMES else ""
    raise UserError(f"{flag}: no class {printable(name)}; there are {listed}{more}")

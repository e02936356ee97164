"""Selection of some classes of a labelled data set."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kgan.data.dataset import CONTENTS, Dataset, Subset, counts_of, labels_of
from kgan.utils.errors import UserError, printable

MOST_NAMES = 10  # of classes, in a message


@dataclasses.dataclass(frozen=True)
class ClassSubset(Subset):
    """The examples of some classes, with new labels.

    Args:
        source: a source of labelled images.
        indices: int [N], of the examples in the source.
        labels: int32 [N], the new labels.

    Example:
        >>> from kgan.data.dataset import ArraySource
        >>> source = ArraySource(np.zeros((3, 8, 8, 1), np.uint8), np.int32([4, 0, 9]))
        >>> int(ClassSubset(source, np.array([2]), np.int32([0])).read(0)["label"])
        0
    """

    labels: np.ndarray

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns the source's examples with the new `label`."""
        examples = zip(indices, super().read_many(indices), strict=True)
        return [{**example, "label": self.labels[index]} for index, example in examples]


def choose_classes(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Keeps some classes of a labelled data set, in all parts.

    Args:
        dataset: of kind `labelled`.
        classes: names of classes, or their numbers; a name takes precedence over a number.

    Returns:
        A data set with labels 0 … K - 1, in the order that the classes have in `dataset`. A part
        without these classes is left out, unless it is the training part.
    """
    flag, name = f"--classes={printable(','.join(classes))}", printable(dataset.name)
    if dataset.kind != "labelled":
        raise UserError(
            f"{flag}: {name} has no labels, it contains {CONTENTS[dataset.kind]}; right would be "
            "a labelled data set, or no --classes"
        )
    kept = sorted({_number(name, dataset.class_names, flag) for name in classes})
    new = np.full(len(dataset.class_names), -1, np.int32)
    new[kept] = np.arange(len(kept))
    parts = {}
    for part, source in dataset.parts.items():
        labels = new[labels_of(source)]
        indices = np.flatnonzero(labels >= 0)
        if len(indices):
            parts[part] = ClassSubset(source, indices, labels[indices])
    if "train" not in parts:
        raise UserError(
            f"{flag}: the training part of {name} has no image of these classes; right would be "
            "classes that it has"
        )
    names = tuple(dataset.class_names[number] for number in kept)
    kept = f"kept {printable(', '.join(names))}: {counts_of(parts)}"
    description = f"{dataset.description}; {kept}"
    return dataclasses.replace(dataset, parts=parts, class_names=names, description=description)


def _number(name, class_names, flag):
    if name in class_names:
        return class_names.index(name)
    if name.isdecimal() and len(name) < 10 and int(name) < len(class_names):
        return int(name)
    listed = printable(", ".join(class_names[:MOST_NAMES]))
    more = f" and {len(class_names) - MOST_NAMES} more" if len(class_names) > MOST_NAMES else ""
    raise UserError(f"{flag}: no class {printable(name)}; there are {listed}{more}")

"""Splits of a training part into training, validation and test part."""

import dataclasses
import hashlib

import numpy as np

from kgan.data.dataset import Dataset, Subset

TEST_SHARE = 0.10
VALIDATION_SHARE = 0.05


def hold_out(tree: dict[str, list], name: str) -> list[str]:
    """Moves a share of the training part to missing parts; names alone decide which entries.

    Args:
        tree: by part, its entries (`kgan.data.folder.layouts.Entry`); changed in place.
        name: name of the layout; unpaired data sets stay as they are, and only pairs get a
            validation part.

    Returns:
        What was done, for the user.
    """
    if name == "unpaired":
        return []
    notes = []
    least = 1 if len(tree["train"]) >= 10 else 0
    if "test" not in tree:
        _move(tree, "test", 0, TEST_SHARE, least=1)
        notes.append(f"test held out of train by name ({TEST_SHARE:.0%})")
    if "validation" not in tree and name.startswith("paired"):
        _move(tree, "validation", TEST_SHARE, TEST_SHARE + VALIDATION_SHARE, least)
        if "validation" in tree:
            notes.append(f"validation held out of train by name ({VALIDATION_SHARE:.0%})")
    return notes


def _move(tree: dict[str, list], part: str, low: float, high: float, least: int) -> None:
    """Moves the entries with name shares in [low, high), or the `least` smallest if none is."""
    train = tree["train"]
    shares = {entry: name_share(entry.inner) for entry in train}
    ranked = sorted(train, key=lambda entry: (shares[entry], entry))
    taken = {entry for entry in train if low <= shares[entry] < high} or set(ranked[:least])
    taken -= {ranked[-1]}  # one stays in the training part
    if taken:
        tree[part] = [entry for entry in train if entry in taken]
        tree["train"] = [entry for entry in train if entry not in taken]


def name_share(inner: str) -> float:
    """Returns a hash of a name as a number in [0, 1)."""
    digest = hashlib.sha256(inner.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def with_validation(dataset: Dataset, share: float) -> Dataset:
    """Holds out a share of the training part where a data set has no validation part.

    Args:
        dataset: has a part `train`.
        share: in [0, 1); every 1/share-th example is held out, which covers all of an ordered part.

    Returns:
        A new data set, or `dataset` where it has a validation part or too few examples.
    """
    train = dataset.parts.get("train")
    if not share or "validation" in dataset.parts or len(train) * share < 1:
        return dataset
    every = round(1 / share)
    numbers = np.arange(len(train))
    taken = numbers % every == every - 1
    held_out = {
        "train": Subset(train, numbers[~taken]),
        "validation": Subset(train, numbers[taken]),
    }
    description = f"{dataset.description}; {taken.sum():,} of train held out for validation"
    parts = {**dataset.parts, **held_out}
    return dataclasses.replace(dataset, parts=parts, description=description)

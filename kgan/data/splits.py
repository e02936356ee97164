"""Which examples are held out of training, decided by their names or numbers alone."""

import dataclasses
import hashlib

import numpy as np

from kgan.data.dataset import Dataset, Subset

TEST_SHARE = 0.10
VALIDATION_SHARE = 0.05


def hold_out(tree: dict[str, list], name: str) -> list[str]:
    """Moves a share of the training part to the parts that are missing.

    Args:
        tree: by part, its entries (`kgan.data.folder.layouts.Entry`); changed in place.
        name: of the layout; unpaired sets are left as they are, and only pairs need a
            validation part.

    Returns:
        What was done, for the user.
    """
    if name == "unpaired":
        return []
    notes = []
    least = 1 if len(tree["train"]) >= 10 else 0
    if "test" not in tree:
        _take(tree, "test", 0, TEST_SHARE, least=1)
        notes.append(f"test held out of train by name ({TEST_SHARE:.0%})")
    if "validation" not in tree and name.startswith("paired"):
        _take(tree, "validation", TEST_SHARE, TEST_SHARE + VALIDATION_SHARE, least)
        if "validation" in tree:
            notes.append(f"validation held out of train by name ({VALIDATION_SHARE:.0%})")
    return notes


def _take(tree: dict[str, list], part: str, low: float, high: float, least: int) -> None:
    """Moves the entries whose name's share lies in [low, high), or `least` with the smallest."""
    train = tree["train"]
    shares = {entry: name_share(entry.inner) for entry in train}
    ranked = sorted(train, key=lambda entry: (shares[entry], entry))
    taken = {entry for entry in train if low <= shares[entry] < high} or set(ranked[:least])
    taken -= {ranked[-1]}  # one stays to train on
    if taken:
        tree[part] = [entry for entry in train if entry in taken]
        tree["train"] = [entry for entry in train if entry not in taken]


def name_share(inner: str) -> float:
    """Returns a number in [0, 1) that depends on a name alone."""
    digest = hashlib.sha256(inner.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def with_validation(collection: Dataset, share: float) -> Dataset:
    """Holds a share of the training part out, where a data set has no validation part.

    Args:
        collection: with a part `train`.
        share: in [0, 1); every 1/share-th example is taken, so that all of an ordered part is seen.

    Returns:
        The collection as it is, where it has a validation part, or too few examples.
    """
    train = collection.parts.get("train")
    if not share or "validation" in collection.parts or len(train) * share < 1:
        return collection
    every = round(1 / share)
    numbers = np.arange(len(train))
    taken = numbers % every == every - 1
    parts = {
        **collection.parts,
        "train": Subset(train, numbers[~taken]),
        "validation": Subset(train, numbers[taken]),
    }
    said = f"{collection.description}; {taken.sum():,} of train held out for validation"
    return dataclasses.replace(collection, parts=parts, description=said)

"""Choices of examples: samples of a part, and splits into training, validation and test part."""

import dataclasses
import hashlib

import numpy as np

from kgan.data.dataset import Dataset, Subset

TEST_SHARE = 0.10
VALIDATION_SHARE = 0.05
SAMPLE_SEED = 20_000  # of all samples; not the run's, so that runs are compared on the same images
# Of `hold_out` and `with_validation`; runs store the one that they began with.
SPLIT_RULE = 3
# Chance gives a set of 40 images one test image as easily as eight. Up to this number of images a
# part is filled to its share. More would be moved to another part when files are added.
FILLED = 200


def sample_indices(total: int, count: int | None = None) -> np.ndarray:
    """Chooses the examples by which a part is measured and shown.

    Folders are sorted by class, so that the first images of a part would be of one class. A
    permutation that depends on the size of the part alone gives the same sample to all runs and
    evaluations; smaller samples are the beginnings of larger ones.

    Args:
        total: number of examples of the part.
        count: number of examples to choose; None, or more than there are: all.

    Returns:
        int64 [count], different ones in [0, total). All examples are in their own order.
    """
    if count is None or count >= total:
        return np.arange(total)
    # NumPy promises that the numbers of a bit generator stay; those of `permutation` may change.
    keys = np.random.Philox(key=[SAMPLE_SEED, total]).random_raw(total)
    return np.argsort(keys, kind="stable")[:count]


def hold_out(tree: dict[str, list], name: str, rule: int = SPLIT_RULE) -> list[str]:
    """Moves a share of the training part to missing parts; names alone decide which entries.

    Args:
        tree: by part, its entries (`kgan.data.folder.layouts.Entry`); changed in place.
        name: name of the layout; unpaired data sets stay as they are, and only pairs get a
            validation part.
        rule: 3: those whose name has a small hash, and in small sets as many as make up the share.
            1 and 2, for runs of earlier versions: the former alone, or one image.

    Returns:
        What was done, for the user.
    """
    if name == "unpaired":
        return []
    notes = []
    total = len(tree["train"])
    filled = min(total, FILLED) if rule >= 3 else 0
    if "test" not in tree:
        _move(tree, "test", 0, TEST_SHARE, max(1, round(filled * TEST_SHARE)))
        notes.append(f"test held out of train by name ({TEST_SHARE:.0%})")
    if "validation" not in tree and name.startswith("paired"):
        least = 1 if total >= 10 else 0
        least = max(least, round(filled * VALIDATION_SHARE))
        _move(tree, "validation", TEST_SHARE, TEST_SHARE + VALIDATION_SHARE, least)
        if "validation" in tree:
            notes.append(f"validation held out of train by name ({VALIDATION_SHARE:.0%})")
    return notes


def _move(tree: dict[str, list], part: str, low: float, high: float, least: int) -> None:
    """Moves the entries with name shares in [low, high), and the smallest others up to `least`."""
    train = tree["train"]
    shares = {entry: name_share(entry.inner) for entry in train}
    ranked = sorted(train, key=lambda entry: (shares[entry], entry))
    taken = {entry for entry in train if low <= shares[entry] < high}
    taken |= set([entry for entry in ranked if entry not in taken][: max(0, least - len(taken))])
    taken -= {ranked[-1]}  # one stays in the training part
    if taken:
        tree[part] = [entry for entry in train if entry in taken]
        tree["train"] = [entry for entry in train if entry not in taken]


def name_share(inner: str) -> float:
    """Returns a hash of a name as a number in [0, 1)."""
    digest = hashlib.sha256(inner.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def with_validation(dataset: Dataset, share: float, rule: int = SPLIT_RULE) -> Dataset:
    """Holds out a share of the training part where a data set has no validation part.

    Args:
        dataset: has a part `train`.
        share: in [0, 1).
        rule: 2 and 3: a sample (`sample_indices`). 1, for runs of earlier versions: every
            1/share-th example, which are all of one class where classes take turns.

    Returns:
        A new data set, or `dataset` where it has a validation part or too few examples.
    """
    train = dataset.parts.get("train")
    if not share or "validation" in dataset.parts or len(train) * share < 1:
        return dataset
    numbers = np.arange(len(train))
    if rule == 1:
        every = round(1 / share)
        taken = numbers % every == every - 1
    else:
        taken = np.isin(numbers, sample_indices(len(train), int(len(train) * share)))
    held_out = {
        "train": Subset(train, numbers[~taken]),
        "validation": Subset(train, numbers[taken]),
    }
    description = f"{dataset.description}; {taken.sum():,} of train held out for validation"
    parts = {**dataset.parts, **held_out}
    return dataclasses.replace(dataset, parts=parts, description=description)

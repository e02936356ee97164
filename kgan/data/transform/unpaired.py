"""Two data sets of single images, or the two sides of pairs, as an unpaired data set."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kgan.data.dataset import CONTENTS, SINGLE_IMAGES, Dataset, Source, plural, preparations_of
from kgan.utils.errors import UserError, printable

SEPARATOR = "+"


def join_datasets(name: str, open_domain: Callable[[str, int | None, int], Dataset]) -> Dataset:
    """Opens two data sets of single images as domains A and B; labels are ignored.

    Args:
        name: two names with `+` between them.
        open_domain: opens the data set of (name, channels, number); channels None: its own;
            number: 0 for A, 1 for B.

    Returns:
        Parts `train_a`, `train_b`, and `test_a` or `test_b` where that data set has a test part. If
        one is in colour and the other grey, both have the channels of the former.
    """
    names = name.split(SEPARATOR)
    if len(names) != 2 or not all(names):
        raise UserError(
            f"--dataset={printable(name)}: right would be two data sets with a {SEPARATOR} between "
            "them, such as digits+typeset"
        )
    domains = [open_domain(each, None, number) for number, each in enumerate(names)]
    for each, dataset in zip(names, domains, strict=True):
        if dataset.kind not in SINGLE_IMAGES:
            raise UserError(
                f"--dataset={printable(name)}: {printable(each)} contains "
                f"{CONTENTS[dataset.kind]}; right would be data sets of single images"
            )
    channels = [dataset.parts["train"].read(0)["image"].shape[-1] for dataset in domains]
    most = max(channels)
    domains = [
        dataset if own == most else open_domain(each, most, number)
        for number, (each, dataset, own) in enumerate(zip(names, domains, channels, strict=True))
    ]
    a, b = domains
    return Dataset(
        name=f"{a.name}{SEPARATOR}{b.name}",
        kind="unpaired",
        parts={
            f"{part}_{letter}": dataset.parts[part]
            for part in ("train", "test")
            for letter, dataset in zip("ab", domains, strict=True)
            if part in dataset.parts
        },
        description=f"A: {a.description} | B: {b.description} | {plural(most, 'channel')}",
        preparations=tuple(preparations_of(dataset)[0] for dataset in domains),
        features=a.features if a.features == b.features else None,
        mirrors=a.mirrors and b.mirrors,
        content=_content(domains),
    )


def split_pairs(dataset: Dataset) -> Dataset:
    """Makes two domains of image pairs: A of their inputs, B of their targets.

    Args:
        dataset: a paired data set. Its validation part serves as the test part where there is none.

    Returns:
        An unpaired data set, whose domains are sampled independently of each other.
    """
    parts = {"train": "train", "test": "test" if "test" in dataset.parts else "validation"}
    sides = {"a": "input", "b": "target"}
    made, content = {}, {}
    for part, source in parts.items():
        for letter, side in sides.items():
            if source in dataset.parts:
                made[f"{part}_{letter}"] = SideSource(dataset.parts[source], side)
            if dataset.content and source in dataset.content:
                content[f"{part}_{letter}"] = dataset.content[source]
    return Dataset(
        name=dataset.name,
        kind="unpaired",
        parts=made,
        description=f"{dataset.description}; taken as two unpaired sets, inputs as A, targets as B",
        preparations=preparations_of(dataset),
        mirrors=dataset.mirrors,
        content=content or None,
    )


@dataclasses.dataclass(frozen=True)
class SideSource(Source):
    """One side of the pairs of another source, as single images.

    Args:
        source: gives pairs.
        side: `input` or `target`.

    Example:
        >>> from kgan.data.builtin.facades import open_facades
        >>> from kgan.data.dataset import ImageFormat
        >>> pairs = open_facades(ImageFormat((32, 32), (32, 32))).parts["test"]
        >>> SideSource(pairs, "target").read(0)["image"].shape
        (32, 32, 3)
    """

    source: Source
    side: str

    def __len__(self) -> int:
        return len(self.source)

    @property
    def one_hot(self) -> Mapping[str, int]:
        """That of the side."""
        own = self.source.one_hot
        return {"image": own[self.side]} if self.side in own else {}

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns `image`, the side of each pair."""
        return [{"image": pair[self.side]} for pair in self.source.read_many(indices)]


def _content(domains):
    """Joins what identifies the images; None where none of them lies in a folder."""
    contents = [dataset.content for dataset in domains]
    if not any(contents):
        return None
    return {
        f"{part}_{letter}": found
        for letter, content in zip("ab", contents, strict=True)
        for part, found in (content or {}).items()
    }

"""Two data sets of single images as the two domains of an unpaired data set."""

from collections.abc import Callable

from kgan.data.dataset import CONTENTS, SINGLE_IMAGES, Dataset, plural, preparations_of
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

"""Two sets of images as the two domains of an unpaired collection."""

from collections.abc import Callable

from kgan.data.dataset import Dataset
from kgan.data.decode import printable
from kgan.utils.errors import UserError

SEPARATOR = "+"
SINGLE = ("images", "labelled", "attributes")  # the kinds that can be one side


def join_datasets(name: str, open_side: Callable[[str, int | None], Dataset]) -> Dataset:
    """Opens two sets of single images as A and B; labels and attributes are left unused.

    Args:
        name: two names with `+` between them.
        open_side: opens one of them with so many channels; None: as many as it has itself.

    Returns:
        Parts `train_a`, `train_b` and, of a side that has one, `test_a` or `test_b`. Where one
        side is in colour and the other grey, both come in colour.

    Raises:
        UserError: not two names, or one of them cannot be a side.
    """
    names = name.split(SEPARATOR)
    if len(names) != 2 or not all(names):
        raise UserError(
            f"--dataset={printable(name)}: right would be two sets with a "
            f"{SEPARATOR} between them, such as digits+typeset"
        )
    sides = [open_side(side, None) for side in names]
    for side, found in zip(names, sides, strict=True):
        if found.kind not in SINGLE:
            raise UserError(
                f"--dataset={printable(name)}: {printable(side)} holds {found.kind} images; "
                "right would be a set of single images on both sides"
            )
    channels = [found.parts["train"].read(0)["image"].shape[-1] for found in sides]
    most = max(channels)
    sides = [
        found if own == most else open_side(side, most)
        for side, found, own in zip(names, sides, channels, strict=True)
    ]
    parts = {
        f"{part}_{letter}": found.parts[part]
        for part in ("train", "test")
        for letter, found in zip("ab", sides, strict=True)
        if part in found.parts
    }
    said = [f"{letter}: {found.description}" for letter, found in zip("AB", sides, strict=True)]
    plural = "" if most == 1 else "s"
    return Dataset(
        name=SEPARATOR.join(found.name for found in sides),
        kind="unpaired",
        parts=parts,
        description=f"{' | '.join(said)} | {most} channel{plural}",
        features=sides[0].features if sides[0].features == sides[-1].features else None,
        mirrors=all(found.mirrors for found in sides),
    )

"""The images of a part of a run's own data set, which are translated next to their targets."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Sequence

from kgan.data.dataset import Source
from kgan.generation.translator import Prepared, Translator
from kgan.runs.folder import open_run
from kgan.runs.moved_data import open_run_data
from kgan.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class PartInputs:
    """The examples of a part, by number; has what `Inputs` has.

    Args:
        path: of the data set, and the part.
        source: of the examples.
        fields: of the given image, and of its target; of unpaired images there is none.

    Example:
        >>> import numpy as np
        >>> from kgan.data.dataset import ArraySource
        >>> PartInputs("digits, test", ArraySource(np.zeros([2, 8, 8, 1])), ("image", None)).names
        ['00000', '00001']
    """

    path: str
    source: Source
    fields: tuple[str, str | None]
    single = False

    @property
    def identity(self) -> str:
        """What the inputs are known by: data set and part."""
        return self.path

    @property
    def names(self) -> Sequence[str]:
        """Returns the numbers of the examples, as names."""
        return [f"{number:05d}" for number in range(len(self.source))]

    def apart_from(self, out: pathlib.Path) -> "PartInputs":
        """Returns itself: the journal sees to it that nothing is overwritten."""
        return self

    def begin(self, translator: Translator, name: str) -> tuple[str, Callable[[], Prepared]]:
        """Reads an example; returns a hash of it, and a function that prepares it."""
        example = self.source.read(int(name))
        image, target = self.fields
        digest = hashlib.sha256(example[image].tobytes()).hexdigest()
        others = example[target] if target else None
        return digest, lambda: translator.prepare_example(example[image], others)


def open_part(
    run: str, part: str, direction: str | None, moved_to: str | None = None
) -> PartInputs:
    """Opens a part of the data set that a run was trained on.

    Args:
        run: the run folder.
        part: `train`, `validation` or `test`.
        direction: `BtoA` for the images of the other domain of unpaired ones.
        moved_to: where the data set is now; None: where it was.
    """
    opened = open_run(run)
    dataset, place = open_run_data(opened, moved_to, [part])
    name, fields = part, ("input", "target")
    if dataset.kind == "unpaired":
        name, fields = f"{part}_{'b' if direction == 'BtoA' else 'a'}", ("image", None)
    elif dataset.kind != "paired":
        raise UserError(f"--part={part}: {run} generates from seeds; use --seeds=0-63")
    if name not in dataset.parts:
        found = ", ".join(sorted({found.partition("_")[0] for found in dataset.parts}))
        raise UserError(f"--part={part}: the data of {run} have no such part; there are {found}")
    return PartInputs(f"{place}, {part}", dataset.parts[name], fields)

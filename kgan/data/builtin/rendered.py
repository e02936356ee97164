"""Parts of a data set that is drawn as it is read."""

import dataclasses
from collections.abc import Callable

import numpy as np

PART_ROOM = 1 << 30  # keeps the numbers of the parts apart
PART_STARTS = {"train": 0, "validation": PART_ROOM, "test": 2 * PART_ROOM}

Render = Callable[[int, int, int, int], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class RenderedSource:
    """Draws the examples of one part as they are read.

    Args:
        draw: makes an example of (seed, number, height, width), and of nothing else. Where the
            examples are labelled, its `label` tells a number's without drawing.
        part: `train`, `validation` or `test`; no number is in two of them.
        count: number of examples, at most 2^30.
        seed: not negative; seed of the whole data set.
        height: pixels.
        width: pixels.
    """

    draw: Render
    part: str
    count: int
    seed: int
    height: int
    width: int

    def __post_init__(self):
        if self.count > PART_ROOM:
            raise ValueError(f"`count` must be at most {PART_ROOM}. Received: {self.count}")

    def __len__(self) -> int:
        return self.count

    @property
    def labels(self) -> np.ndarray | None:
        """Gives the labels, int32 [N], or None where there are none."""
        label = getattr(self.draw, "label", None)
        if label is None:
            return None
        start = PART_STARTS[self.part]
        return np.array([label(start + index) for index in range(self.count)], np.int32)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns the example that `draw` makes of the part's number `index`."""
        if not 0 <= index < self.count:
            raise IndexError(f"`index` must be in [0, {self.count}). Received: {index}")
        return self.draw(self.seed, PART_STARTS[self.part] + int(index), self.height, self.width)

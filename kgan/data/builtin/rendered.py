"""Sources of synthetic data sets, whose examples are rendered when they are read."""

import dataclasses
from collections.abc import Callable

import numpy as np

from kgan.data.dataset import ImageFormat, Source, check_index

PART_ROOM = 1 << 30  # numbers reserved for each part, so that no example is in two of them
PART_STARTS = {"train": 0, "validation": PART_ROOM, "test": 2 * PART_ROOM}

Render = Callable[[int, int, int, int], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class RenderedSource(Source):
    """Random access to the examples of one part; each is rendered when it is read.

    Args:
        render: returns the example of (seed, number, height, width), a function of these alone.
        part: `train`, `validation` or `test`; no number is in two of them.
        count: number of examples, at most 2^30.
        seed: not negative; seed of the whole data set.
        height: pixels.
        width: pixels.
        label: returns the class of a number without rendering; None: there are no classes.

    Example:
        >>> def render(seed, number, height, width):
        ...     return {"image": np.full((height, width, 1), number, np.uint8)}
        >>> RenderedSource(render, "train", 10, 0, 2, 2).read(7)["image"].ravel().tolist()
        [7, 7, 7, 7]
    """

    render: Render
    part: str
    count: int
    seed: int
    height: int
    width: int
    label: Callable[[int], int] | None = None

    def __post_init__(self):
        if self.count > PART_ROOM:
            raise ValueError(f"`count` must be at most {PART_ROOM}. Received: {self.count}")

    def __len__(self) -> int:
        return self.count

    @property
    def labels(self) -> np.ndarray | None:
        """Returns the classes of all examples, int32 [N], or None where there are none."""
        if self.label is None:
            return None
        start = PART_STARTS[self.part]
        return np.array([self.label(start + index) for index in range(self.count)], np.int32)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Renders the example with the number `index` of this part."""
        check_index(index, self.count)
        return self.render(self.seed, PART_STARTS[self.part] + int(index), self.height, self.width)


def rendered_parts(
    render: Render, images: ImageFormat, seed: int, label=None, **counts: int
) -> dict[str, RenderedSource]:
    """Makes the sources of all parts whose count is not 0; arguments as in `RenderedSource`."""
    return {
        part: RenderedSource(render, part, count, seed, *images.size_of(part), label)
        for part, count in counts.items()
        if count
    }

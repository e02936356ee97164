"""Size of images and length of training for a model on images of one's own, where no flag says."""

import dataclasses
import math

# Weights of an error in area, next to one in the aspect ratio: enlarging costs time for nothing.
REDUCED, ENLARGED = 0.1, 0.25


@dataclasses.dataclass(frozen=True)
class OwnData:
    """What the networks of a model take, and how long it was trained in its paper.

    Args:
        least: smallest side in pixels.
        most: largest side that is chosen unasked; networks may take larger ones.
        multiple: all sides are multiples of it; 0: they are powers of two.
        square: whether images have to be square.
        epochs: length of the training in passes over the images.
        updates: the least and the most generator updates, for few and for many images.

    Example:
        >>> OwnData(32, 256, 32).size_for(480, 640), OwnData(16, 64, square=True).size_for(28, 28)
        ((192, 256), (32, 32))
        >>> OwnData(32, 256, 32, epochs=200, updates=(20_000, 80_000)).steps_for(37)
        20000
    """

    least: int
    most: int
    multiple: int = 0
    square: bool = False
    epochs: int = 100
    updates: tuple[int, int] = (5_000, 50_000)

    def size_for(self, height: int, width: int) -> tuple[int, int]:
        """Returns the (height, width) that suits images of a size best.

        Images are not enlarged but for the next size that the networks take.
        """
        sides = self._sides()
        if self.square:
            wanted = min(height, width)
            side = min(sides, key=lambda side: abs(math.log(side / wanted)))
            return side, side
        scale = min(1.0, self.most / max(height, width))

        def error(size):
            aspect = math.log(size[0] / size[1] * width / height)
            area = math.log(size[0] * size[1] / (scale * scale * height * width))
            return abs(aspect) + max(ENLARGED * area, -REDUCED * area)

        return min(((h, w) for h in sides for w in sides), key=error)

    def steps_for(self, steps_per_epoch: int) -> int:
        """Returns the number of generator updates for a data set of this many steps an epoch."""
        low, high = self.updates
        return max(low, min(high, self.epochs * steps_per_epoch))

    def _sides(self):
        if self.multiple:
            first = -(-self.least // self.multiple) * self.multiple
            return range(first, self.most + 1, self.multiple)
        return [2**power for power in range(12) if self.least <= 2**power <= self.most]

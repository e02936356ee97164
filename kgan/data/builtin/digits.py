"""The built-in data set `digits`: scikit-learn's 1,797 handwritten digits, scaled up.

Reference: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits" (the test part of
the UCI set), 8x8 pixels of 17 grey levels.
"""

import dataclasses

import numpy as np
from PIL import Image

from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import shape_image

TEST_COUNT = 297  # the last ones, which leaves 1,500 for training


@dataclasses.dataclass(frozen=True)
class ArraySource:
    """Random access to images in memory.

    Args:
        images: uint8 [N, H, W, C].
        labels: int32 [N].
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image` uint8 [H, W, C] and `label` int32."""
        return {"image": self.images[index], "label": self.labels[index]}


def open_digits(images: ImageFormat) -> Dataset:
    """Opens the labelled digits, white on black, one channel if not asked otherwise."""
    # Here and not above: importing it takes a second, which the other data sets need not pay.
    from sklearn.datasets import load_digits

    loaded = load_digits()
    levels = np.rint(loaded.images * (255 / 16)).astype(np.uint8)
    labels = loaded.target.astype(np.int32)
    parts = {}
    for part, rows in (("train", slice(None, -TEST_COUNT)), ("test", slice(-TEST_COUNT, None))):
        scaled = [
            shape_image(
                Image.fromarray(level),
                "digits",
                images.size_of(part),
                images.channels or 1,
                images.fit,
            )
            for level in levels[rows]
        ]
        parts[part] = ArraySource(np.stack(scaled), labels[rows])
    return Dataset(
        name="digits",
        kind="labelled",
        parts=parts,
        description=f"digits: 10 classes, {len(parts['train'])} train, {TEST_COUNT} test",
        class_names=tuple("0123456789"),
        features="digits",
    )

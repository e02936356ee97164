"""The built-in data set `digits`: scikit-learn's 1,797 handwritten digits, resized.

Reference: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits" (the test part of
the UCI set), 8x8 pixels of 17 grey levels.
"""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from kgan.data.dataset import ArraySource, Dataset, ImageFormat, Source, counts_of
from kgan.data.shaping import shape_image

TEST_COUNT = 297  # the last ones, which leaves 1,500 for training


def digits_dataset(
    name: str, parts: Mapping[str, Source], about: str = "", mirrors: bool = False
) -> Dataset:
    """Makes a data set of digits, with `about` in its description."""
    return Dataset(
        name=name,
        kind="labelled",
        parts=parts,
        description=f"{name}: 10 classes{about}, {counts_of(parts)}",
        class_names=tuple("0123456789"),
        features="digits",
        mirrors=mirrors,
    )


def resized_source(levels, labels, name: str, part: str, images: ImageFormat) -> ArraySource:
    """Resizes grey levels, uint8 [N, h, w], as `images` asks; one channel is the default."""
    shape = images.shape_of(part, images.channels or 1)
    resized = [shape_image(Image.fromarray(level), name, shape) for level in levels]
    return ArraySource(np.stack(resized), labels)


def open_digits(images: ImageFormat) -> Dataset:
    """Opens the labelled digits, white on black; the default is one channel."""
    from sklearn.datasets import load_digits  # takes a second, and only this data set needs it

    loaded = load_digits()
    levels = np.rint(loaded.images * (255 / 16)).astype(np.uint8)
    labels = loaded.target.astype(np.int32)
    rows = {"train": slice(None, -TEST_COUNT), "test": slice(-TEST_COUNT, None)}
    parts = {
        part: resized_source(levels[own], labels[own], "digits", part, images)
        for part, own in rows.items()
    }
    return digits_dataset("digits", parts, mirrors=True)

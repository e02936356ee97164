"""Sources of images in the files of folders and zips."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from kgan.data import decode, shaping
from kgan.data.dataset import Source, as_pair
from kgan.data.folder.files import Folder, Zip
from kgan.data.planes import Planes
from kgan.data.preparation import Preparation


@dataclasses.dataclass(frozen=True)
class ImageSource(Source):
    """Random access to single images in files.

    Args:
        files: the folder or zip.
        names: names of the files.
        shape: how they become arrays.
        labels: numbers of the classes; None: there are none.

    Example:
        >>> import pathlib, tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> Image.new("RGB", (9, 5), "white").save(root / "a.png")
        >>> ImageSource(Folder(root), ["a.png"], Preparation((4, 6))).read(0)["image"].shape
        (4, 6, 3)
    """

    files: Folder | Zip
    names: Sequence[str]
    shape: Preparation
    labels: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def one_hot(self) -> Mapping[str, int]:
        """The number of classes, if the images are label maps that are given one-hot."""
        return {"image": self.shape.classes} if self.shape.classes else {}

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image` (see `read_image`) and, if there are any, `label` (int32)."""
        name = self.names[index]
        image = shaping.read_image(self.files.read(name), self.files.label(name), self.shape)
        if self.labels is None:
            return {"image": image}
        return {"image": image, "label": np.int32(self.labels[index])}


@dataclasses.dataclass(frozen=True)
class PairSource(Source):
    """Random access to pairs, each in one double-width image or in two files, A and B.

    Args:
        files: the folder or zip.
        examples: for each pair, the name of its file, or of its two files.
        shapes: how the images of A and of B become arrays.
        direction: `AtoB` or `BtoA`.

    Example:
        >>> import pathlib, tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> Image.new("L", (8, 4), "white").save(root / "a.png")
        >>> shapes = Preparation((4, 4)), Preparation((4, 4))
        >>> pair = PairSource(Folder(root), [("a.png",)], shapes, "AtoB").read(0)
        >>> pair["input"].shape, pair["target"].shape
        ((4, 4, 3), (4, 4, 3))
    """

    files: Folder | Zip
    examples: Sequence[tuple[str, ...]]
    shapes: tuple[Preparation, Preparation]
    direction: str

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def one_hot(self) -> Mapping[str, int]:
        """By side, the number of classes of label maps that are given one-hot."""
        sides = as_pair(*self.shapes, self.direction)
        return {side: shape.classes for side, shape in sides.items() if shape.classes}

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, see `kgan.data.shaping.read_image`."""
        example = self.examples[index]
        labels = [self.files.label(example[place]) for place in (0, -1)]
        sides = [
            shaping.shape_image(*side)
            for side in zip(self._sides(example), labels, self.shapes, strict=True)
        ]
        return as_pair(*sides, self.direction)

    def _sides(self, example):
        """Decodes JPEGs as small as single images, see `Preparation.smallest`."""
        smallest = [shape.smallest for shape in self.shapes]
        if len(example) == 1:
            smallest = [None if None in smallest else max(smallest)]
        deep = [shaping.is_deep(shape) for shape in self.shapes]
        if len(example) == 1:
            deep = [any(deep)]
        return read_sides(self.files, example, smallest, deep)


def read_sides(
    files: Folder | Zip, example: Sequence[str], smallest=(None, None), deep=(False, False)
) -> Sequence[Image.Image | Planes]:
    """Decodes the two images of a pair, A and B, in their own modes and sizes.

    Args:
        files: the folder or zip.
        example: the name of one file of double width, or of two files.
        smallest: by file, see `kgan.data.decode.decode`.
        deep: by file, see `kgan.data.decode.decode`.
    """
    double = len(example) == 1
    images = [
        decode.decode(files.read(name), files.label(name), least, double, whole)
        for name, least, whole in zip(example, smallest, deep, strict=False)
    ]
    # Split before resizing, so that no colour crosses the seam.
    return decode.split_sides(images[0]) if double else images

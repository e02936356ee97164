"""The built-in data set `faces`: cartoon faces with attributes, drawn when read.

Attributes are independent of one another and of all else that a face has, so that what a network
does to one of them can be told from what it does to the others.
"""

import dataclasses

import numpy as np

from kgan.data.builtin.face_parts import Face, draw_looks
from kgan.data.builtin.rendered import RenderedSource
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import shape_image

ATTRIBUTES = ("glasses", "beard", "hat", "smile", "long_hair")
CANVAS = 256  # the least side that a face is drawn on before it is brought to size


@dataclasses.dataclass(frozen=True)
class FacePainter:
    """Draws the face of a number.

    Args:
        channels: 1, 3 or 4.
        fit: as in `ImageFormat`; the face is drawn in a square.
    """

    channels: int
    fit: str

    def __call__(self, seed: int, number: int, height: int, width: int) -> dict[str, np.ndarray]:
        """Returns `image` uint8 [H, W, C] and `attributes` float32 [5] of 0 and 1."""
        attributes = np.random.default_rng([seed, number, 0]).integers(0, 2, len(ATTRIBUTES))
        image = self.draw(seed, number, attributes, height, width)
        return {"image": image, "attributes": attributes.astype(np.float32)}

    def draw(
        self, seed: int, number: int, attributes: np.ndarray, height: int, width: int
    ) -> np.ndarray:
        """Draws the same person with other attributes: uint8 [H, W, C]."""
        looks = draw_looks(np.random.default_rng([seed, number, 1]))
        named = frozenset(n for n, on in zip(ATTRIBUTES, attributes, strict=True) if on)
        face = Face(looks, named, max(CANVAS, 2 * height, 2 * width)).draw()
        return shape_image(face, "faces", (height, width), self.channels, self.fit)


def open_faces(
    images: ImageFormat, *, seed: int = 0, train: int = 4000, test: int = 1000
) -> Dataset:
    """Opens the faces as a collection of kind `attributes`.

    Args:
        images: any size; three channels if not asked otherwise.
        seed: not negative; another seed is another data set.
        train: number of faces.
        test: number of faces; nobody is in both parts.
    """
    painter = FacePainter(images.channels or 3, images.fit)
    return Dataset(
        name="faces",
        kind="attributes",
        parts={
            part: RenderedSource(painter, part, count, seed, *images.size_of(part))
            for part, count in (("train", train), ("test", test))
        },
        description=f"faces: drawn, {len(ATTRIBUTES)} attributes ({', '.join(ATTRIBUTES)}), "
        f"{train} train, {test} test",
        class_names=ATTRIBUTES,
    )

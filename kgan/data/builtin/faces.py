"""The built-in data set `faces`: synthetic cartoon faces with attributes.

Attributes are independent of one another and of everything else in a face, so that the effect of a
network on one attribute can be separated from its effect on the others.
"""

import functools
from collections.abc import Sequence

import numpy as np

from kgan.data.builtin.face_parts import Face, sample_looks
from kgan.data.builtin.rendered import rendered_parts
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.preparation import Preparation
from kgan.data.shaping import shape_image

ATTRIBUTES = ("glasses", "beard", "hat", "smile", "long_hair")
CANVAS = 256  # smallest side at which a face is rendered before it is resized


def render_face(
    seed: int,
    number: int,
    height: int,
    width: int,
    *,
    attributes: Sequence[int] | None = None,
    channels: int = 3,
    fit: str = "resize",
) -> dict[str, np.ndarray]:
    """Renders the face of a number.

    Args:
        number: not negative; with `seed` it determines the person and the default attributes.
        attributes: 0 or 1 for each of `ATTRIBUTES`; None: those of the number.
        channels: 1, 3 or 4.
        fit: as in `ImageFormat`; the face is rendered in a square.

    Returns:
        `image` uint8 [H, W, C] and `attributes` float32 [5] of 0 and 1.
    """
    if attributes is None:
        attributes = np.random.default_rng([seed, number, 0]).integers(0, 2, len(ATTRIBUTES))
    looks = sample_looks(np.random.default_rng([seed, number, 1]))
    names = frozenset(name for name, on in zip(ATTRIBUTES, attributes, strict=True) if on)
    face = Face(looks, names, max(CANVAS, 2 * height, 2 * width)).render()
    image = shape_image(face, "faces", Preparation((height, width), channels, fit))
    return {"image": image, "attributes": np.asarray(attributes, np.float32)}


def open_faces(
    images: ImageFormat, *, seed: int = 0, train: int = 4000, test: int = 1000
) -> Dataset:
    """Opens the faces as a data set of kind `attributes`.

    Args:
        images: any size; the default is three channels.
    """
    render = functools.partial(render_face, channels=images.channels or 3, fit=images.fit)
    return Dataset(
        name="faces",
        kind="attributes",
        parts=rendered_parts(render, images, seed, train=train, test=test),
        description=f"faces: rendered, {len(ATTRIBUTES)} attributes ({', '.join(ATTRIBUTES)}), "
        f"{train} train, {test} test",
        class_names=ATTRIBUTES,
    )

"""Images for which Pillow has no mode: colours of more than 8 bits, and some floating point."""

import dataclasses
import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# By EXIF orientation, what turns an image upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _PROFILE = 274, 34675  # tags of a TIFF
# What tifffile raises for damaged bytes, and for compressions that it cannot read.
_DAMAGE = (
    *(ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError),
    *(OSError, EOFError, AssertionError, struct.error, zlib.error),
)


@dataclasses.dataclass(frozen=True)
class Planes:
    """The channels of an image, each as a Pillow image of mode F and of the same size.

    Args:
        planes: 1 (grey), 3 (RGB) or 4 (with alpha).
        white: the level of white; None: the image has floating point numbers.
        format, info: as in Pillow's images.

    Example:
        >>> Planes((Image.new("F", (4, 2)),) * 3, 65535.0).crop((0, 0, 2, 2)).size
        (2, 2)
    """

    planes: tuple[Image.Image, ...]
    white: float | None
    format: str | None = None
    info: Mapping = dataclasses.field(default_factory=dict)
    mode = "planes"

    @classmethod
    def of(cls, array: np.ndarray, orientation: int, **details) -> "Planes":
        """Makes it of uint16 or floating point numbers [H, W, C]."""
        white = 65535.0 if array.dtype == np.uint16 else None
        planes = [Image.fromarray(plane) for plane in np.moveaxis(array, -1, 0).astype(np.float32)]
        if orientation in _TURNS:
            planes = [plane.transpose(_TURNS[orientation]) for plane in planes]
        return cls(tuple(planes), white, **details)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), as in Pillow."""
        return self.planes[0].size

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.size[1]

    def crop(self, box: tuple[int, int, int, int]) -> "Planes":
        """Returns a part, as in Pillow."""
        return dataclasses.replace(self, planes=tuple(plane.crop(box) for plane in self.planes))


def has_deep_colours(data: bytes, image: Image.Image) -> bool:
    """Checks whether an image has colours, or grey and alpha, of 16 bits, by its header."""
    if image.format == "PNG":
        return data[24] == 16 and data[25] in (2, 4, 6)
    bits = getattr(image, "tag_v2", {}).get(258, ())
    return image.format == "TIFF" and len(bits) > 1 and set(bits) == {16}


def read_png(data: bytes, orientation: int, transparent: bool, info: Mapping) -> Planes:
    """Decodes a PNG of 16 bits.

    Args:
        data: the bytes of the file.
        orientation: by EXIF.
        transparent: whether one colour is transparent.
        info: as in Pillow's images.

    Raises:
        Exception: of TensorFlow, the file is damaged.
    """
    import tensorflow as tf  # which the command line does not wait for

    channels = 3 if data[25] == 2 and not transparent else 4
    array = tf.io.decode_png(data, channels, tf.uint16).numpy()
    return Planes.of(array, orientation, format="PNG", info=info)


def read_tiff(data: bytes, limit: int) -> Planes | None:
    """Decodes the first image of a TIFF that Pillow cannot read, or not with all its bits.

    Args:
        data: the bytes of the file.
        limit: the largest number of pixels.

    Returns:
        The image; None: it is none of grey or RGB, with or without alpha, in 16 bits or in floating
        point, or its compression is not read.
    """
    import tifffile

    if not data.startswith(TIFF_BEGINNINGS):
        return None
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            channels = page.shape[page.axes.index("S")] if "S" in page.axes else 1
            known = page.dtype == np.uint16 or page.dtype.kind == "f"
            if not known or page.axes not in ("YX", "YXS", "SYX") or channels not in (1, 3, 4):
                return None
            if page.imagewidth * page.imagelength > limit:
                return None
            array = page.asarray()
            tag, profile = page.tags.get(_ORIENTATION), page.tags.get(_PROFILE)
    except _DAMAGE:
        return None
    if page.axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    array = array.reshape(*array.shape[:2], channels)
    info = {"icc_profile": bytes(profile.value)} if profile else {}
    return Planes.of(array, int(tag.value) if tag else 1, format="TIFF", info=info)

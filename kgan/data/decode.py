"""Decoding of image files, in their own modes and sizes."""

import contextlib
import io
import struct

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from kgan.data.file_kinds import formats, kind_of
from kgan.data.planes import TIFF_BEGINNINGS, Planes, has_deep_colours, read_png, read_tiff
from kgan.utils.errors import UserError, printable

PIXEL_LIMIT = 178_956_970  # where Pillow itself raises an error (and warns from half of it on)
# Of damaged metadata; the pixels may still be whole.
_METADATA_ERRORS = (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error)
# Where Pillow looks for an orientation if EXIF has none; browsers and exported models do not.
_OTHER_METADATA = ("xmp", "XML:com.adobe.xmp", "Raw profile type exif")


def decode(
    data: bytes,
    name: str,
    smallest: int | None = None,
    double: bool = False,
    deep: bool = False,
) -> Image.Image | Planes:
    """Decodes an image, in its own mode, and applies its EXIF orientation.

    Args:
        data: the bytes of the file.
        name: the image's name in messages.
        smallest: a JPEG may be decoded at a reduced size, its sides no shorter than this.
        double: whether it is an image of double width, whose halves count.
        deep: whether all bits are read of colours with more than 8, of which Pillow reads 8.

    Returns:
        A loaded Pillow image, or what Pillow cannot read. In `info`, `step` is the number of levels
        by which those of a grey PNG of 1 to 4 bits are apart, which Pillow spreads over 8 bits.
    """
    image = _open(data, name)
    if isinstance(image, Planes):
        return image
    wide = deep and has_deep_colours(data, image)
    if wide and image.format == "TIFF" and (whole := read_tiff(data, PIXEL_LIMIT)) is not None:
        return whole
    try:
        if smallest:
            _reduce(image, smallest, 2 if double else 1)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything for damaged bytes
        raise _damaged(name, error) from error
    if image.mode in ("P", "PA") and image.palette is None:
        raise _damaged(name, ValueError("colours are missing"))
    with contextlib.suppress(*_METADATA_ERRORS):
        if not (wide and image.format == "PNG"):
            ImageOps.exif_transpose(_with_exif_alone(image), in_place=True)
    if image.format == "PNG" and data[25] == 0 and data[24] < 8:
        image.info["step"] = 255 // (2 ** data[24] - 1)
        if "transparency" in image.info:  # which Pillow does not spread over 8 bits
            image.info["transparency"] *= image.info["step"]
    if wide and image.format == "PNG":
        try:
            transparent = "transparency" in image.info
            return read_png(data, _orientation(image), transparent, image.info)
        except Exception as error:  # as above
            raise _damaged(name, error) from error
    return image


def _reduce(image: Image.Image, smallest: int, sides: int) -> None:
    """Reduces a JPEG to a half, a quarter or an eighth; leaves other formats unchanged."""
    for factor in (8, 4, 2):
        # Whole divisors only, or the last row and column would stand for a part of a pixel.
        whole = image.width % (sides * factor) == 0 and image.height % factor == 0
        if whole and min(image.width // sides, image.height) >= factor * smallest:
            image.draft(None, (image.width // factor, image.height // factor))
            return


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """Returns (height, width) of an image in its upright orientation, read from its header."""
    image = _open(data, name)
    if isinstance(image, Planes):
        return image.size[::-1]
    # A PNG may have its orientation after the pixels, which are not worth decoding for it.
    late = image.format == "PNG" and "exif" not in image.info
    turned = not late and _orientation(image) in (5, 6, 7, 8)
    return image.size if turned else image.size[::-1]


def _open(data: bytes, name: str) -> Image.Image | Planes:
    if not data:
        raise UserError(f"{printable(name)}: the file is empty; right would be a whole image")
    if data.startswith(TIFF_BEGINNINGS) and (kind := kind_of(name)) is not None:
        # Camera raw files are TIFF with a small preview, which is not the image.
        raise UserError(f"{printable(name)}: {kind.refusal}")
    try:
        image = Image.open(io.BytesIO(data), formats=formats())
    except UnidentifiedImageError as error:
        if (planes := read_tiff(data, PIXEL_LIMIT)) is not None:
            return planes
        kind = kind_of(name, data)
        raise UserError(
            f"{printable(name)}: {kind.refusal}"
            if kind
            else f"{printable(name)}: not an image that can be read; right would be a whole JPEG, "
            "PNG, GIF, BMP, WebP or TIFF file"
        ) from error
    except Image.DecompressionBombError as error:
        raise _oversized(name) from error
    except Exception as error:  # as in `decode`
        raise _damaged(name, error) from error
    if image.width * image.height > PIXEL_LIMIT:
        raise _oversized(name)
    return image


def _oversized(name: str) -> UserError:
    return UserError(
        f"{printable(name)}: its header announces more than {PIXEL_LIMIT / 1e6:.0f} million "
        "pixels; right would be a smaller image"
    )


def _damaged(name: str, error: Exception) -> UserError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UserError(
        f"{printable(name)}: the image is damaged or cut off ({printable(reason)}); "
        "right would be a whole file"
    )


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow applies it itself
    try:
        return _with_exif_alone(image).getexif().get(ExifTags.Base.Orientation, 1)
    except _METADATA_ERRORS:
        return 1


def _with_exif_alone(image: Image.Image) -> Image.Image:
    for key in _OTHER_METADATA:
        image.info.pop(key, None)
    return image


def split_sides(image: Image.Image | Planes) -> tuple[Image.Image | Planes, Image.Image | Planes]:
    """Splits a double-width image into its left and right half."""
    width, height = image.size
    half = width // 2
    sides = image.crop((0, 0, half, height)), image.crop((width - half, 0, width, height))
    for side in sides:
        if isinstance(side, Image.Image):
            side.format = image.format  # which a crop loses
    return sides

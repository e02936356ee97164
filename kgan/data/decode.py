"""One encoded image to one array of the size and the channels that a scheme trains on."""

import io
import os
import struct

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from kgan.utils.errors import UserError, printable

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".gif",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".pgm",
    ".ppm",
)
LOSSLESS_SUFFIXES = (".png", ".gif", ".bmp", ".tif", ".tiff", ".pgm", ".ppm")
# Only these are tried, whatever a file is called: some of Pillow's other readers start programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
PIXEL_LIMIT = 178_956_970  # where Pillow itself refuses (and from half of it on it warns)

_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_image(name: str) -> bool:
    """Says whether a file name ends like an image's."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def read_image(
    data: bytes,
    name: str,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    fit: str = "resize",
    nearest: bool = False,
) -> np.ndarray:
    """Reads an encoded image into an array of a given size.

    Args:
        data: the bytes of a JPEG, PNG, GIF (its first frame), BMP, WebP, TIFF, PGM or PPM file.
        name: what messages call it.
        size: (height, width) in pixels, or None for the image's own.
        channels: 1, 3 or 4.
        fit: `resize` (stretches) or `crop` (keeps the shape and cuts the middle out).
        nearest: takes the nearest pixel, for label maps; otherwise pixels are averaged.

    Returns:
        uint8 [H, W, channels]; uint16 for a 16-bit grey PNG or TIFF. Images with 16 bits in
        each of several channels come as uint8, which is all that Pillow gives of them.

    Raises:
        UserError: damaged, empty or oversized image.
    """
    # A JPEG can be decoded at a half, a quarter or an eighth of its size, several times faster.
    # Staying at twice the wanted size leaves the last halving to the better filter.
    smallest = None if size is None or nearest else 2 * max(size)
    return shape_image(decode(data, name, smallest), name, size, channels, fit, nearest)


def decode(data: bytes, name: str, smallest: int | None = None) -> Image.Image:
    """Decodes an image and turns it upright, in the mode that it was saved in.

    Args:
        data: bytes of the file.
        name: what messages call it.
        smallest: lets a JPEG come out reduced, its sides no shorter than this.

    Returns:
        A Pillow image, loaded.

    Raises:
        UserError: damaged, empty or oversized image.
    """
    image = _open(data, name)
    try:
        if smallest:
            _reduce(image, smallest)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything for damaged bytes
        raise UserError(_damaged(name, error)) from error
    if image.mode in ("P", "PA") and image.palette is None:
        raise UserError(_damaged(name, ValueError("colours are missing")))
    return _upright(image)


def _reduce(image: Image.Image, smallest: int) -> None:
    """Asks for a JPEG at a half, a quarter or an eighth; does nothing to other formats."""
    for factor in (8, 4, 2):
        # Whole divisors only: else the last row and column would stand for a part of a pixel.
        whole = image.width % factor == 0 and image.height % factor == 0
        if whole and min(image.size) >= factor * smallest:
            image.draft(None, (image.width // factor, image.height // factor))
            return


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """Returns (height, width) of an image, once upright, from its header alone.

    Raises:
        UserError: damaged, empty or oversized image.
    """
    image = _open(data, name)
    # A PNG may carry its orientation behind the pixels, which are not worth decoding for it.
    late = image.format == "PNG" and "exif" not in image.info
    turned = not late and _orientation(image) in (5, 6, 7, 8)
    return image.size if turned else image.size[::-1]


def _open(data: bytes, name: str) -> Image.Image:
    if not data:
        raise UserError(f"{printable(name)}: the file is empty; a whole image is needed")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UserError(
            f"{printable(name)}: not an image that can be read; right would be a whole JPEG, "
            "PNG, GIF, BMP, WebP or TIFF file"
        ) from error
    except Image.DecompressionBombError as error:
        raise UserError(_oversized(name)) from error
    except Exception as error:  # as in `decode`
        raise UserError(_damaged(name, error)) from error
    if image.width * image.height > PIXEL_LIMIT:
        raise UserError(_oversized(name))
    return image


def _oversized(name: str) -> str:
    return (
        f"{printable(name)}: its header announces more than {PIXEL_LIMIT / 1e6:.0f} million "
        "pixels; right would be a smaller image"
    )


def _damaged(name: str, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"{printable(name)}: the image is damaged or cut off ({printable(reason)}); "
        "right would be a whole file"
    )


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1  # a damaged note about the image does not spoil the image


def _upright(image: Image.Image) -> Image.Image:
    method = _TRANSPOSES.get(_orientation(image))
    return image if method is None else image.transpose(method)


def shape_image(
    image: Image.Image,
    name: str,
    size: tuple[int, int] | None,
    channels: int,
    fit: str = "resize",
    nearest: bool = False,
) -> np.ndarray:
    """Brings a decoded image to channels and size; see `read_image` for the arguments."""
    if channels not in (1, 3, 4):
        raise ValueError(f"`channels` must be 1, 3 or 4. Received: channels={channels}")
    if fit not in ("resize", "crop"):
        raise ValueError(f"`fit` must be 'resize' or 'crop'. Received: fit={fit!r}")
    if image.mode.startswith("I"):
        grey = Image.fromarray(_wide_grey(image, name).astype(np.float32))
        return _wide_array(_to_size(grey, size, fit, nearest), channels)
    try:
        image = _to_channels(image, channels)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{printable(name)}: pixels of kind {image.mode} cannot be shown; right would be "
            "8 or 16 bits of grey, or RGB with 8 bits a channel"
        ) from error
    array = np.array(_to_size(image, size, fit, nearest))
    return array[..., np.newaxis] if channels == 1 else array


def _wide_grey(image: Image.Image, name: str) -> np.ndarray:
    values = np.asarray(image)
    if image.mode == "I" and values.size and (values.min() < 0 or values.max() > 65535):
        raise UserError(
            f"{printable(name)}: grey values from {values.min()} to {values.max()}; right would "
            "be 8 or 16 bits, 0 to 65535"
        )
    return values


def _wide_array(grey: Image.Image, channels: int) -> np.ndarray:
    values = np.clip(np.rint(np.asarray(grey)), 0, 65535).astype(np.uint16)
    array = np.repeat(values[..., np.newaxis], channels, axis=2)
    if channels == 4:
        array[..., 3] = 65535
    return array


def _to_channels(image: Image.Image, channels: int) -> Image.Image:
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise ValueError("floating point pixels have no agreed white")
    if channels < 4 and image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)


def _to_size(
    image: Image.Image, size: tuple[int, int] | None, fit: str, nearest: bool
) -> Image.Image:
    wanted = image.size if size is None else (size[1], size[0])
    if image.size == wanted:
        return image
    box = (0.0, 0.0, *map(float, image.size))
    if fit == "crop":
        scale = min(image.width / wanted[0], image.height / wanted[1])
        width, height = scale * wanted[0], scale * wanted[1]
        if scale == 1:  # whole pixels, or cutting would blur
            left, top = (image.width - wanted[0]) // 2, (image.height - wanted[1]) // 2
            return image.crop((left, top, left + wanted[0], top + wanted[1]))
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (left, top, min(left + width, image.width), min(top + height, image.height))
    # Pillow widens the bicubic kernel when it shrinks an image, which is what antialiases.
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    return image.resize(wanted, how, box=box)


def split_sides(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Cuts a double-width image into its left and right half."""
    width, height = image.size
    half = width // 2
    return image.crop((0, 0, half, height)), image.crop((width - half, 0, width, height))


def is_grey(image: Image.Image, name: str) -> bool:
    """Says whether a decoded image is grey in what it shows.

    Raises:
        UserError: pixels of a kind that cannot be shown.
    """
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return True
    rgb = shape_image(image, name, None, 3)
    return bool((rgb == rgb[..., :1]).all())

"""Decoding of image files into arrays of one size and number of channels."""

import contextlib
import dataclasses
import io
import os
import struct

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from kgan.utils.errors import UserError, printable

LOSSLESS_SUFFIXES = (".png", ".gif", ".bmp", ".tif", ".tiff", ".pgm", ".ppm")
SUFFIXES = (*LOSSLESS_SUFFIXES, ".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
# Only these are tried, whatever the file name: some of Pillow's other readers start programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
PIXEL_LIMIT = 178_956_970  # where Pillow itself raises an error (and warns from half of it on)
FITS = ("resize", "crop")
# Of damaged metadata; the pixels may still be whole.
_METADATA_ERRORS = (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error)
# Where Pillow looks for an orientation if EXIF has none; browsers and exported models do not.
_OTHER_METADATA = ("xmp", "XML:com.adobe.xmp", "Raw profile type exif")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by number of channels


def is_image(name: str) -> bool:
    """Checks whether a file name has the suffix of an image."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


@dataclasses.dataclass(frozen=True)
class ImageShape:
    """The size and channels of the array that an image is converted to.

    Args:
        size: (height, width) in pixels; None: the image's own.
        channels: 1, 3 or 4.
        fit: `resize` (changes the aspect ratio) or `crop` (keeps it and crops the centre).
        nearest: nearest-neighbour instead of bicubic interpolation, for label maps.

    Example:
        >>> shape_image(Image.new("L", (5, 4)), "black", ImageShape((16, 8))).shape
        (16, 8, 3)
    """

    size: tuple[int, int] | None = None
    channels: int = 3
    fit: str = "resize"
    nearest: bool = False

    @property
    def smallest(self) -> int | None:
        """How small the sides of a JPEG may be decoded; None: only at their full size.

        A JPEG can be decoded at a half, a quarter or an eighth of its size, several times faster.
        Staying at twice the wanted size leaves the last halving to the better filter.
        """
        return None if self.size is None or self.nearest else 2 * max(self.size)

    def __post_init__(self):
        if self.channels not in MODES:
            raise ValueError(f"`channels` must be 1, 3 or 4. Received: channels={self.channels}")
        if self.fit not in FITS:
            raise ValueError(f"`fit` must be 'resize' or 'crop'. Received: fit={self.fit!r}")


def read_image(data: bytes, name: str, shape: ImageShape) -> np.ndarray:
    """Decodes an image into an array.

    Args:
        data: the bytes of a JPEG, PNG, GIF (its first frame), BMP, WebP, TIFF, PGM or PPM file.
        name: the image's name in messages.
        shape: size and channels of the array.

    Returns:
        uint8 [H, W, channels]; uint16 for a 16-bit grey PNG or TIFF. Images with 16 bits in each of
        several channels give uint8, which is all that Pillow reads of them.
    """
    return shape_image(decode(data, name, shape.smallest), name, shape)


def decode(
    data: bytes, name: str, smallest: int | None = None, double: bool = False
) -> Image.Image:
    """Decodes an image, in its own mode, and applies its EXIF orientation.

    Args:
        data: the bytes of the file.
        name: the image's name in messages.
        smallest: a JPEG may be decoded at a reduced size, its sides no shorter than this.
        double: whether it is an image of double width, whose halves count.

    Returns:
        A loaded Pillow image.
    """
    image = _open(data, name)
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
        ImageOps.exif_transpose(_with_exif_alone(image), in_place=True)
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
    # A PNG may have its orientation after the pixels, which are not worth decoding for it.
    late = image.format == "PNG" and "exif" not in image.info
    turned = not late and _orientation(image) in (5, 6, 7, 8)
    return image.size if turned else image.size[::-1]


def _open(data: bytes, name: str) -> Image.Image:
    if not data:
        raise UserError(f"{printable(name)}: the file is empty; right would be a whole image")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UserError(
            f"{printable(name)}: not an image that can be read; right would be a whole JPEG, "
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


def shape_image(image: Image.Image, name: str, shape: ImageShape) -> np.ndarray:
    """Converts a decoded image to size and channels; see `read_image`."""
    if image.mode.startswith("I"):
        grey = to_size(Image.fromarray(_wide_grey(image, name)), shape)
        levels = np.clip(np.rint(np.asarray(grey)), 0, 65535).astype(np.uint16)
        array = np.repeat(levels[..., np.newaxis], shape.channels, axis=2)
        array[..., 3:] = 65535  # opaque, where there is alpha
        return array
    try:
        image = _to_channels(image, shape.channels)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{printable(name)}: pixels of Pillow's mode {image.mode} are not supported; right "
            "would be 8 or 16 bits of grey, or RGB with 8 bits a channel"
        ) from error
    array = np.array(to_size(image, shape))
    return array[..., np.newaxis] if shape.channels == 1 else array


def _wide_grey(image: Image.Image, name: str) -> np.ndarray:
    """Returns the levels of a 16-bit image as float32 [H, W]."""
    values = np.asarray(image)
    if image.mode == "I" and values.size and (values.min() < 0 or values.max() > 65535):
        raise UserError(
            f"{printable(name)}: grey values from {values.min()} to {values.max()}; right would "
            "be 8 or 16 bits, 0 to 65535"
        )
    return values.astype(np.float32)


def _to_channels(image: Image.Image, channels: int) -> Image.Image:
    mode = MODES[channels]
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise ValueError("floating point pixels have no standard white level")
    if channels < 4 and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def to_size(image: Image.Image, shape: ImageShape) -> Image.Image:
    """Brings a decoded image to the size of a shape, by its fit and its interpolation."""
    wanted = image.size if shape.size is None else shape.size[::-1]
    if image.size == wanted:
        return image
    box = (0.0, 0.0, *map(float, image.size))
    if shape.fit == "crop":
        scale = min(image.width / wanted[0], image.height / wanted[1])
        width, height = scale * wanted[0], scale * wanted[1]
        if scale == 1:  # whole pixels, or cropping would blur
            left, top = (image.width - wanted[0]) // 2, (image.height - wanted[1]) // 2
            return image.crop((left, top, left + wanted[0], top + wanted[1]))
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (left, top, min(left + width, image.width), min(top + height, image.height))
    if shape.nearest:
        return image.resize(wanted, Image.Resampling.NEAREST, box=box)
    # The colours of transparent pixels must not show.
    colours = image.convert("RGBa") if image.mode == "RGBA" else image
    # Pillow widens the bicubic kernel when it reduces an image, which prevents aliasing. Rows come
    # first, as in `kgan.serving.resampling`: there is rounding in between, and of itself Pillow
    # has another order in each version.
    (left, top, right, bottom), bicubic = box, Image.Resampling.BICUBIC
    rows = colours.resize((wanted[0], image.height), bicubic, (left, 0, right, image.height))
    return rows.resize(wanted, bicubic, (0, top, wanted[0], bottom)).convert(image.mode)


def split_sides(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Splits a double-width image into its left and right half."""
    width, height = image.size
    half = width // 2
    return image.crop((0, 0, half, height)), image.crop((width - half, 0, width, height))


def is_grey(image: Image.Image, name: str) -> bool:
    """Checks whether all pixels of a decoded image are grey, whatever its mode."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return True
    return is_grey_array(shape_image(image, name, ImageShape()))


def is_grey_array(image: np.ndarray) -> bool:
    """Checks whether the channels of an array [H, W, C] are equal."""
    return bool((image == image[..., :1]).all())

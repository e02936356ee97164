"""Arrays of one size and number of channels, made of decoded images as a `Preparation` says."""

import numpy as np
from PIL import Image

from kgan.data import decode
from kgan.data.planes import Planes
from kgan.data.preparation import DEEP_VOID, Preparation, to_domain
from kgan.utils.errors import UserError, printable

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by number of channels
LUMINANCE = np.float32([0.299, 0.587, 0.114])  # of R, G, B, ITU-R BT.601
LABEL_MODES = ("1", "L", "P")  # and those of 16 bits
_CHUNK = 1 << 22  # distances between pixels and colours that are computed at once


def read_image(data: bytes, name: str, preparation: Preparation) -> np.ndarray:
    """Decodes an image into an array.

    Args:
        data: the bytes of a file in one of `kgan.data.decode.FORMATS`; of an animation, the first
            frame counts.
        name: the image's name in messages.
        preparation: how it becomes an array.

    Returns:
        By `preparation.depth` uint8, uint16 or float32 in [0, 1], [H, W, channels]; where it is
        None, uint16 for a 16-bit grey PNG or TIFF, else uint8. Label maps that are given one-hot
        are numbers of classes [H, W, 1], uint8, or uint16 for more than 255 classes.
    """
    smallest, deep = preparation.smallest, is_deep(preparation)
    return shape_image(decode.decode(data, name, smallest, deep=deep), name, preparation)


def prepare(data: bytes, name: str, preparation: Preparation) -> np.ndarray:
    """Reads an image file as the networks get it: float32 [H, W, channels] in [-1, 1]."""
    return to_domain(read_image(data, name, preparation), preparation)


def is_deep(preparation: Preparation) -> bool:
    """Checks whether all bits of colours with more than 8 bits are read."""
    return (preparation.depth or 8) > 8


def shape_image(image: Image.Image | Planes, name: str, preparation: Preparation) -> np.ndarray:
    """Converts a decoded image as the preparation says; see `read_image`."""
    if preparation.encoding == "ids":
        return _numbers_of_classes(image, name, preparation)
    if isinstance(image, Planes) or image.mode == "F" or image.mode.startswith("I"):
        return _deep(image, name, preparation)
    channels = preparation.file_channels
    try:
        image = _to_channels(image, channels)
    except (ValueError, OSError) as error:
        raise UserError(
            f"{printable(name)}: pixels of Pillow's mode {image.mode} are not supported; right "
            "would be 8 or 16 bits of grey, or RGB with 8 bits a channel"
        ) from error
    array = np.array(to_size(image, preparation))
    array = array[..., np.newaxis] if channels == 1 else array
    if preparation.encoding == "one_hot":
        return nearest_colours(array, preparation.palette)
    if preparation.depth == 8 and preparation.value_range is not None:
        array[..., :3] = _scaled(array[..., :3], preparation.value_range, 8)
    elif preparation.depth == 16:
        array = array.astype(np.uint16) * np.uint16(257)
    elif preparation.depth == 32:
        array = array.astype(np.float32) / np.float32(255)
    return array


def _scaled(levels: np.ndarray, value_range: tuple[float, float], depth: int) -> np.ndarray:
    """Maps a range of levels to that of the dtype of a depth; float32 in [0, 1] for 32 bits."""
    low, high = value_range
    unit = np.clip((levels.astype(np.float64) - low) / (high - low), 0, 1)
    if depth == 32:
        return unit.astype(np.float32)
    dtype = np.uint8 if depth == 8 else np.uint16
    return np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def _deep(image: Image.Image | Planes, name: str, preparation: Preparation) -> np.ndarray:
    """Converts an image with more than 8 bits, whose levels are float32 until they are scaled."""
    bands, white = _bands(image, name, preparation)
    limits = 0.0, white
    if preparation.value_range is not None and (preparation.depth == 32) == (white is None):
        limits = preparation.value_range if preparation.depth != 8 else limits
    channels = preparation.file_channels
    if len(bands) in (2, 4):
        *colours, alpha = bands
        alpha = alpha / np.float32(white or limits[1])
        if channels < 4:
            bands = [c * alpha + np.float32(limits[1]) * (1 - alpha) for c in colours]
        else:
            bands = [c * alpha for c in colours]
    else:
        alpha = None
    if channels == 1 and len(bands) == 3:
        bands = [sum(w * band for w, band in zip(LUMINANCE, bands, strict=True))]
    resized = [_resized_plane(band, preparation) for band in bands]
    if channels > 1 and len(resized) == 1:
        resized = resized * 3
    levels = np.stack(resized, axis=-1)
    depth = preparation.depth or 16
    if channels < 4:
        array = _scaled(levels, limits, depth)
    else:
        opaque = np.ones_like(bands[0]) if alpha is None else alpha
        weights = _resized_plane(opaque, preparation)[..., np.newaxis]
        # The colours of transparent pixels must not show.
        levels = levels / np.where(weights > 0, weights, 1) if alpha is not None else levels
        parts = _scaled(levels, limits, depth), _scaled(weights, (0, 1), depth)
        array = np.concatenate(parts, axis=-1)
    if preparation.encoding == "one_hot":
        return nearest_colours(_scaled(levels, limits, 8), preparation.palette)
    return array


def _bands(image, name, preparation):
    """Returns the planes of an image as float32 [H, W], and its white level; None: it has none."""
    planes = image.planes if isinstance(image, Planes) else [image]
    values = np.stack([np.asarray(plane) for plane in planes])
    white = image.white if isinstance(image, Planes) else 65535.0
    floating = white is None or image.mode == "F"
    if floating and preparation.depth != 32:
        raise UserError(
            f"{printable(name)}: floating point pixels have no standard white level; right would "
            "be 8 or 16 bits of grey, or training data of floating point images"
        )
    if floating:
        check_finite(values, name)
    numbers = image.mode == "I" and preparation.depth == 32
    wide = image.mode == "I" and not numbers and values.size
    if wide and (values.min() < 0 or values.max() > 65535):
        raise UserError(
            f"{printable(name)}: grey values from {values.min()} to {values.max()}; right would "
            "be 8 or 16 bits, 0 to 65535"
        )
    return list(values.astype(np.float32)), None if floating or numbers else white


def check_finite(levels: np.ndarray, name: str) -> None:
    """Checks that the levels of a floating point image are neither NaN nor infinite.

    Raises:
        UserError: some are.
    """
    if wrong := np.count_nonzero(~np.isfinite(levels)):
        raise UserError(
            f"{printable(name)}: {wrong} of {levels.size} pixels are NaN or infinite; right would "
            "be finite numbers, such as 0 where nothing was measured"
        )


def _resized_plane(plane: np.ndarray, preparation: Preparation) -> np.ndarray:
    return np.asarray(to_size(Image.fromarray(plane), preparation))


def _to_channels(image: Image.Image, channels: int) -> Image.Image:
    mode = MODES[channels]
    if image.mode == mode and "transparency" not in image.info:
        return image
    if channels < 4 and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


# Label maps.


def label_levels(image: Image.Image | Planes, name: str) -> np.ndarray:
    """Returns the levels of a label map, or its indices into a palette, as int32 [H, W].

    Raises:
        UserError: the image has colours, or was stored in a lossy format.
    """
    if image.format in ("JPEG", "MPO"):
        raise UserError(
            f"{printable(name)}: a JPEG, which changes numbers of classes; right would be a PNG"
        )
    if isinstance(image, Planes) or image.mode == "F":
        found = None
    elif image.mode in LABEL_MODES or image.mode.startswith("I"):
        found = np.asarray(image)
        if image.mode == "L":
            found = found // image.info.get("step", 1)
    elif image.mode in ("LA", "La"):
        found = np.asarray(image)[..., 0]
    else:  # grey that was stored as RGB
        array = np.asarray(image.convert("RGB"))
        found = array[..., 0] if (array == array[..., :1]).all() else None
    if found is None:
        raise UserError(
            f"{printable(name)}: has colours; right would be a grey PNG whose levels are numbers "
            "of classes"
        )
    return found.astype(np.int32)


def _numbers_of_classes(image, name, preparation):
    levels = label_levels(image, name)
    void = (levels == preparation.void) | (levels == DEEP_VOID)
    wrong = ~void & ((levels < 0) | (levels >= preparation.classes))
    if wrong.any():
        raise UserError(
            f"{printable(name)}: has a pixel of class {levels[wrong][0]}; right would be classes "
            f"0 to {preparation.classes - 1}, and {preparation.void} where there is none"
        )
    levels = np.where(void, preparation.void_number, levels).astype(np.int32)
    resized = np.asarray(to_size(Image.fromarray(levels), preparation))
    dtype = np.uint8 if preparation.classes <= 255 else np.uint16
    return resized.astype(dtype)[..., np.newaxis]


def nearest_colours(image: np.ndarray, palette) -> np.ndarray:
    """Returns the index of the nearest colour of a palette for each pixel.

    Args:
        image: uint8 [H, W, 1 or 3].
        palette: RGB in 0 … 255, [K, 3].

    Returns:
        uint8 [H, W, 1]; uint16 for more than 255 colours. The first one where two are equally near.
    """
    colours = np.asarray(palette, np.int32)
    pixels = np.broadcast_to(image, (*image.shape[:2], 3)).reshape(-1, 3).astype(np.int32)
    found = np.empty(len(pixels), np.uint8 if len(colours) <= 255 else np.uint16)
    step = max(1, _CHUNK // len(colours))
    for start in range(0, len(pixels), step):
        apart = pixels[start : start + step, np.newaxis] - colours
        found[start : start + step] = np.square(apart).sum(axis=-1).argmin(axis=-1)
    return found.reshape(*image.shape[:2], 1)


# Sizes.


def to_size(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Brings a decoded image to the size of a preparation, by its fit and its interpolation."""
    wanted = image.size if preparation.size is None else preparation.size[::-1]
    if image.size == wanted:
        return image
    box = (0.0, 0.0, *map(float, image.size))
    if preparation.fit == "crop":
        scale = min(image.width / wanted[0], image.height / wanted[1])
        width, height = scale * wanted[0], scale * wanted[1]
        if scale == 1:  # whole pixels, or cropping would blur
            left, top = (image.width - wanted[0]) // 2, (image.height - wanted[1]) // 2
            return image.crop((left, top, left + wanted[0], top + wanted[1]))
        # Rounding may lead out of the image.
        left, top = max(0.0, image.width - width) / 2, max(0.0, image.height - height) / 2
        box = (left, top, min(left + width, image.width), min(top + height, image.height))
    if preparation.nearest:
        return image.resize(wanted, Image.Resampling.NEAREST, box=box)
    # The colours of transparent pixels must not show.
    colours = image.convert("RGBa") if image.mode == "RGBA" else image
    # Pillow widens the bicubic kernel when it reduces an image, which prevents aliasing. Rows come
    # first, as in `kgan.serving.resampling`: there is rounding in between, and of itself Pillow
    # has another order in each version.
    (left, top, right, bottom), bicubic = box, Image.Resampling.BICUBIC
    rows = colours.resize((wanted[0], image.height), bicubic, (left, 0, right, image.height))
    return rows.resize(wanted, bicubic, (0, top, wanted[0], bottom)).convert(image.mode)


def is_grey(image: Image.Image | Planes, name: str) -> bool:
    """Checks whether all pixels of a decoded image are grey, whatever its mode."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return True
    return is_grey_array(shape_image(image, name, Preparation()))


def is_grey_array(image: np.ndarray) -> bool:
    """Checks whether the channels of an array [H, W, C] are equal."""
    return bool((image == image[..., :1]).all())

"""Image files and views of images that networks make, the way back of a `Preparation`."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from kgan.data.preparation import Preparation

PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"
VOID_COLOUR = (224, 224, 192)  # as in PASCAL VOC


def to_levels(image: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Converts an image of a network to the levels of the files that its training data had.

    Args:
        image: float32 [H, W, C] in [-1, 1]; values outside are clipped.
        preparation: how images of this kind were read for training.

    Returns:
        uint8, uint16 or float32 [H, W, C]. Of label maps that are given one-hot the class with the
        largest value: as numbers [H, W, 1], or in the colours of the palette [H, W, 3].

    Example:
        >>> deep = Preparation(channels=1, depth=16, value_range=(0, 4095))
        >>> to_levels(np.float32([[[-1], [1]]]), deep).ravel().tolist()
        [0, 4095]
    """
    if preparation.classes:
        found = np.argmax(image, axis=-1)
        if preparation.encoding == "one_hot":
            return np.array(preparation.palette, np.uint8)[found]
        return found[..., np.newaxis].astype(np.uint8 if preparation.classes <= 256 else np.uint16)
    unit = np.clip(np.asarray(image, np.float64) / 2 + 0.5, 0, 1)
    depth = preparation.depth or 8
    white = {8: 255, 16: 65535, 32: 1}[depth]
    low, high = preparation.value_range or (0, white)
    alpha = white * unit[..., 3:]
    levels = np.concatenate([low + (high - low) * unit[..., :3], alpha], axis=-1)
    if depth == 32:
        return levels.astype(np.float32)
    return np.clip(np.rint(levels), 0, white).astype(np.uint8 if depth == 8 else np.uint16)


def encode_image(image: np.ndarray, preparation: Preparation) -> tuple[bytes, str]:
    """Writes an image of a network as a file like those of its training data.

    Args:
        image: float32 [H, W, C] in [-1, 1].
        preparation: how images of this kind were read for training.

    Returns:
        The bytes and the suffix of the file: a PNG of 8 or 16 bits, for label maps that are numbers
        of classes a grey PNG of those, and for floating point images a TIFF.

    Example:
        >>> data, suffix = encode_image(np.zeros((2, 3, 1)), Preparation(channels=1, depth=16))
        >>> suffix, Image.open(io.BytesIO(data)).mode
        ('.png', 'I;16')
    """
    levels = to_levels(image, preparation)
    suffix, kind = (".tif", "TIFF") if levels.dtype == np.float32 else (".png", "PNG")
    if levels.shape[-1] > 1 and levels.dtype != np.uint8:
        return encode_deep(levels, suffix), suffix
    file = io.BytesIO()
    to_image(image, preparation).save(file, kind)
    return file.getvalue(), suffix


def to_image(image: np.ndarray, preparation: Preparation) -> Image.Image:
    """Converts an image of a network for Pillow, with the levels that `to_levels` gives.

    Args:
        image: float32 [H, W, C] in [-1, 1].
        preparation: how images of this kind were read for training.

    Returns:
        An image of mode L, RGB, RGBA, I;16 or F; colours of more than 8 bits, for which Pillow has
        no mode, with 8.
    """
    if image.shape[-1] > 1 and not preparation.classes and (preparation.depth or 8) > 8:
        preparation = Preparation(channels=image.shape[-1])
    levels = to_levels(image, preparation)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def encode_deep(
    levels: np.ndarray,
    suffix: str,
    alpha: np.ndarray | None = None,
    profile: bytes | None = None,
) -> bytes:
    """Writes levels of more than 8 bits, for whose colours Pillow has no mode.

    Args:
        levels: uint16 or, for a TIFF, float32, [H, W, 1, 3 or 4].
        suffix: `.png`, or another one for a TIFF.
        alpha: float32 [H, W] in [0, 1], where `levels` are opaque.
        profile: ICC profile of these channels.

    Example:
        >>> data = encode_deep(np.zeros((2, 3, 3), np.uint16), ".tif", np.ones((2, 3), np.float32))
        >>> data[:2] in (b"II", b"MM")
        True
    """
    if alpha is not None and levels.shape[-1] < 4:
        white = 1 if levels.dtype == np.float32 else np.iinfo(levels.dtype).max
        plane = white * np.clip(alpha, 0, 1).astype(np.float64)[..., np.newaxis]
        if suffix != ".png" and levels.shape[-1] == 1:  # few programs read grey with alpha
            levels, profile = levels.repeat(3, axis=-1), None
        plane = plane if white == 1 else np.rint(plane)
        levels = np.concatenate([levels, plane.astype(levels.dtype)], axis=-1)
    if suffix == ".png":
        return _deep_png(levels, profile)
    import tifffile

    file, channels = io.BytesIO(), levels.shape[-1]
    tifffile.imwrite(
        file,
        levels[..., 0] if channels == 1 else levels,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else [],
        compression="zlib",
        iccprofile=profile,
    )
    return file.getvalue()


def _deep_png(levels: np.ndarray, profile: bytes | None) -> bytes:
    import tensorflow as tf

    data = tf.io.encode_png(levels).numpy()
    if profile is None:
        return data
    # TensorFlow writes no profile: its chunk follows the header, the first chunk, of 25 bytes.
    content = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    end = len(PNG_BEGINNING) + 25
    return data[:end] + chunk + data[end:]


def shown(images: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Converts images of a network to ones that people can look at.

    Args:
        images: float32 [..., C] in [-1, 1].
        preparation: how images of this kind were read for training.

    Returns:
        float32 [..., 1, 3 or 4] in [-1, 1]: label maps that are given one-hot in colours, pixels
        without a class in nearly white; others unchanged.
    """
    if not preparation.classes:
        return images
    colours = np.array(preparation.palette or class_colours(preparation.classes), np.float32)
    found = colours[np.argmax(images, axis=-1)] / np.float32(127.5) - np.float32(1)
    no_class = np.float32(VOID_COLOUR) / np.float32(127.5) - np.float32(1)
    return np.where((images <= -1).all(axis=-1, keepdims=True), no_class, found)


def class_colours(count: int) -> list[tuple[int, int, int]]:
    """Returns a colour for each number of a class, as PASCAL VOC has them.

    Reference: Everingham et al., The PASCAL VOC development kit: bit k of a channel, from the top,
    is one of each third bit of the number.

    Example:
        >>> class_colours(3)
        [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
    """
    return [
        tuple(
            sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
            for channel in range(3)
        )
        for number in range(count)
    ]

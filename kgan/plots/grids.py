"""Grids of images, as a person looks at them."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 2
HEADING = 14  # pixels
SMALLEST_SIDE = 48  # smaller images are shown enlarged


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Converts float32 in [-1, 1], any shape, to uint8; values outside are clipped."""
    return np.clip(np.rint(np.asarray(images) * 127.5 + 127.5), 0, 255).astype(np.uint8)


def to_image(image: np.ndarray) -> Image.Image:
    """Wraps one image, float32 [H, W, C] in [-1, 1] with 1, 3 or 4 channels, for Pillow."""
    levels = to_bytes(image)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def image_grid(images: np.ndarray, headings: Sequence[str] = ()) -> Image.Image:
    """Lays images out in rows and columns on white.

    Args:
        images: float32 [rows, columns, H, W, C] in [-1, 1].
        headings: a word above each column.
    """
    rows, columns, height, width, channels = images.shape
    scale = max(1, -(-SMALLEST_SIDE // max(height, width)))
    levels = to_bytes(images).repeat(scale, axis=2).repeat(scale, axis=3)
    height, width = height * scale, width * scale
    top = HEADING if headings else 0
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    white = {"L": 255, "RGB": (255, 255, 255), "RGBA": (255, 255, 255, 255)}[mode]
    sheet = Image.new(
        mode, (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP + top), white
    )
    for row in range(rows):
        for column in range(columns):
            image = levels[row, column]
            place = (GAP + column * (width + GAP), top + GAP + row * (height + GAP))
            sheet.paste(Image.fromarray(image[..., 0] if channels == 1 else image), place)
    draw = ImageDraw.Draw(sheet)
    for column, heading in enumerate(headings):
        black = {"L": 0, "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}[mode]
        middle = GAP + column * (width + GAP) + width // 2
        draw.text((middle, 1), heading, black, ImageFont.load_default(10), anchor="ma")
    return sheet


def nearly_square(images: np.ndarray) -> np.ndarray:
    """Arranges images [N, H, W, C] as a nearly square grid [rows, columns, H, W, C].

    White images fill the last row.
    """
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    full = np.ones((rows * columns, *images.shape[1:]), np.float32)
    full[: len(images)] = images
    return full.reshape(rows, columns, *images.shape[1:])


def on_white(image: Image.Image) -> Image.Image:
    """Lays a Pillow image of any mode on white, as RGB."""
    coloured = image.convert("RGBA")
    white = Image.new("RGBA", coloured.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, coloured).convert("RGB")

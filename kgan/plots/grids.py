"""Images as 8-bit files and as grids."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 2  # pixels between images
HEADING = 14  # pixels above the grid
MIN_SIDE = 48  # pixels; smaller images are enlarged


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Converts float32 in [-1, 1], any shape, to uint8; values outside are clipped."""
    return np.clip(np.rint(np.asarray(images) * 127.5 + 127.5), 0, 255).astype(np.uint8)


def to_image(image: np.ndarray) -> Image.Image:
    """Converts one image, float32 [H, W, C] in [-1, 1] with 1, 3 or 4 channels, for Pillow."""
    levels = to_bytes(image)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def image_grid(images: np.ndarray, headings: Sequence[str] = ()) -> Image.Image:
    """Arranges images in rows and columns on white.

    Args:
        images: float32 [rows, columns, H, W, C] in [-1, 1].
        headings: text above each column.
    """
    rows, columns, height, width, channels = images.shape
    scale = max(1, -(-MIN_SIDE // max(height, width)))
    height, width = height * scale, width * scale
    images = images.repeat(scale, axis=2).repeat(scale, axis=3)
    top = HEADING if headings else 0
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    size = (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP + top)
    sheet = Image.new(mode, size, "white")
    for row, column in np.ndindex(rows, columns):
        place = (GAP + column * (width + GAP), top + GAP + row * (height + GAP))
        sheet.paste(to_image(images[row, column]), place)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(10)
    for column, heading in enumerate(headings):
        middle = GAP + column * (width + GAP) + width // 2
        draw.text((middle, 1), heading, "black", font, anchor="ma")
    return sheet


def image_column(images: np.ndarray) -> Image.Image:
    """Arranges images [N, H, W, C] below each other, without space; small ones are enlarged."""
    scale = max(1, -(-MIN_SIDE // max(images.shape[1:3])))
    column = images.reshape(-1, *images.shape[2:])
    return to_image(column.repeat(scale, axis=0).repeat(scale, axis=1))


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
    """Composites a Pillow image of any mode over white, as RGB."""
    coloured = image.convert("RGBA")
    white = Image.new("RGBA", coloured.size, "white")
    return Image.alpha_composite(white, coloured).convert("RGB")

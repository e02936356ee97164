"""The built-in data set `typeset`: synthetic printed digits in the fonts of matplotlib.

They are white on black and have the class names of `digits`, so that the two sets are domains of
the same ten classes, printed and handwritten.
"""

import functools
import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kgan.data.builtin.digits import digits_dataset
from kgan.data.builtin.rendered import rendered_parts
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.preparation import Preparation
from kgan.data.shaping import shape_image
from kgan.utils.errors import UserError

# A fixed list, so that a seed gives the same images with every version of matplotlib. Left out: its
# fonts of symbols, and cmmi10, whose digits have other codes.
_STYLES = {
    "DejaVuSans": ("", "-Bold", "-BoldOblique", "-Oblique"),
    "DejaVuSansMono": ("", "-Bold", "-BoldOblique", "-Oblique"),
    "DejaVuSerif": ("", "-Bold", "-BoldItalic", "-Italic"),
    "STIXGeneral": ("", "Bol", "BolIta", "Italic"),
    **dict.fromkeys(("cmb10", "cmr10", "cmss10", "cmti10", "cmtt10"), ("",)),
}
FONTS = tuple(family + style for family, styles in _STYLES.items() for style in styles)
CANVAS = 128  # smallest side at which a digit is rendered; larger canvases are multiples of it
EM = (100, 140)  # font size on that canvas; a digit is about 0.7 of it high
STROKES = (0, 0, 0, 1, 2)  # pixels added to a line on both sides, on that canvas
ROTATION = math.radians(9)  # standard deviations are half of these bounds
SLANT = 0.2  # shear: horizontal shift per vertical distance
SHIFT = 0.08  # fraction of the side
MARGIN = 0.03  # fraction of the side that stays black


def label_of(number: int) -> int:
    """Returns the digit of a number: its last decimal."""
    return number % 10


def render_digit(
    seed: int, number: int, height: int, width: int, *, folder: str, channels: int, fit: str
) -> dict[str, np.ndarray]:
    """Renders the digit of a number.

    Args:
        number: not negative; `label_of` it is the digit, with `seed` it determines the rest.
        folder: with the files of `FONTS`.
        channels: 1, 3 or 4.
        fit: as in `ImageFormat`; the digit is rendered in a square.

    Returns:
        `image` uint8 [H, W, C] and `label` int32.
    """
    digit = label_of(number)
    rng = np.random.default_rng([seed, number])
    canvas = _render_square(str(digit), rng, max(height, width), folder)
    image = shape_image(canvas, "typeset", Preparation((height, width), channels, fit))
    return {"image": image, "label": np.int32(digit)}


def _render_square(text, rng, side, folder) -> Image.Image:
    """Renders text on a square canvas at least twice as large as `side`."""
    name = FONTS[rng.integers(len(FONTS))]
    em, stroke = int(rng.integers(EM[0], EM[1] + 1)), STROKES[rng.integers(len(STROKES))]
    angle, slant, across, down = np.clip(rng.normal(0, 0.5, 4), -1, 1)
    unit = -(-2 * side // CANVAS)
    canvas = CANVAS * unit
    font = _font(os.path.join(folder, f"{name}.ttf"), em * unit)
    box = font.getbbox(text, stroke_width=stroke * unit)
    upright = Image.new("L", (canvas, canvas))
    start = [(canvas - low - high) / 2 for low, high in (box[::2], box[1::2])]
    ImageDraw.Draw(upright).text(start, text, 255, font, stroke_width=stroke * unit)
    turn = _turn(angle * ROTATION, slant * SLANT)
    half = np.abs(turn) @ [(box[2] - box[0]) / 2, (box[3] - box[1]) / 2]
    room = canvas * (0.5 - MARGIN)
    scale = min(1.0, *(room / half))
    largest = np.minimum(SHIFT * canvas, room - half * scale)
    # Pillow needs the inverse: from a point of the result to its point in the upright image.
    inverse = np.linalg.inv(turn * scale)
    offset = canvas / 2 - inverse @ (canvas / 2 + largest * [across, down])
    matrix = (*inverse[0], offset[0], *inverse[1], offset[1])
    bicubic = Image.Resampling.BICUBIC
    return upright.transform(upright.size, Image.Transform.AFFINE, matrix, bicubic)


def _turn(angle: float, slant: float) -> np.ndarray:
    """Returns the matrix on (x, y) that shears to the right by `slant`, then rotates clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ [[1, -slant], [0, 1]]


@functools.lru_cache(maxsize=256)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic layout: the other one needs libraries that not every machine has.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def font_folder() -> str:
    """Finds the folder with matplotlib's TrueType fonts."""
    import matplotlib  # slow to import, and not needed by the other data sets

    folder = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
    missing = [name for name in FONTS if not os.path.isfile(os.path.join(folder, f"{name}.ttf"))]
    if missing:
        raise UserError(
            f"--dataset=typeset: {folder} has no {missing[0]}.ttf; right would be a whole "
            "installation of matplotlib"
        )
    return folder


def open_typeset(
    images: ImageFormat, *, seed: int = 0, train: int = 4000, test: int = 1000
) -> Dataset:
    """Opens the printed digits as a labelled data set; all classes have equally many images.

    Args:
        images: any size; the default is one channel.
    """
    options = {"channels": images.channels or 1, "fit": images.fit}
    render = functools.partial(render_digit, folder=font_folder(), **options)
    parts = rendered_parts(render, images, seed, label_of, train=train, test=test)
    return digits_dataset("typeset", parts, f" in {len(FONTS)} fonts")

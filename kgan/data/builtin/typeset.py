"""The built-in data set `typeset`: digits in the fonts that matplotlib brings, drawn when read.

White on black and with the class names of `digits`, so that the two are domains of one another:
the same ten shapes, printed here and handwritten there.
"""

import dataclasses
import functools
import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kgan.data.builtin.rendered import RenderedSource
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import shape_image
from kgan.utils.errors import UserError

# Named, and not found by looking: what a seed draws must not change with matplotlib's version.
# Left out: its fonts of symbols, and cmmi10, whose digits have other codes.
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralBolIta",
    "STIXGeneralItalic",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
CANVAS = 128  # the least side that a digit is drawn on; larger canvases are multiples of it
EM = (100, 140)  # font size on that canvas; a digit is about 0.7 of it high
STROKES = (0, 0, 0, 1, 2)  # how much is added to a line on both sides, on that canvas
ROTATION = math.radians(9)  # standard deviations are half of these bounds
SLANT = 0.2  # columns by which a row leans over the one a hundred rows lower, divided by 100
SHIFT = 0.08  # share of the side
MARGIN = 0.03  # share of the side that stays black


@dataclasses.dataclass(frozen=True)
class DigitPainter:
    """Draws the digit of a number.

    Args:
        folder: where the `FONTS` lie.
        channels: 1, 3 or 4.
        fit: as in `ImageFormat`; the digit is drawn in a square.
    """

    folder: str
    channels: int
    fit: str

    def __call__(self, seed: int, number: int, height: int, width: int) -> dict[str, np.ndarray]:
        """Returns `image` uint8 [H, W, C] and `label` int32, the last decimal of `number`."""
        digit = self.label(number)
        canvas = Image.fromarray(
            self.draw(digit, np.random.default_rng([seed, number]), max(height, width))
        )
        image = shape_image(canvas, "typeset", (height, width), self.channels, self.fit)
        return {"image": image, "label": np.int32(digit)}

    def label(self, number: int) -> int:
        """Tells which digit a number has."""
        return number % 10

    def draw(self, digit: int, rng: np.random.Generator, side: int) -> np.ndarray:
        """Draws a digit on a square canvas at least twice as large as `side`: uint8 [N, N]."""
        name = FONTS[rng.integers(len(FONTS))]
        em, stroke = int(rng.integers(EM[0], EM[1] + 1)), STROKES[rng.integers(len(STROKES))]
        angle, slant, across, down = np.clip(rng.normal(0, 0.5, 4), -1, 1)
        unit = -(-2 * side // CANVAS)
        canvas = CANVAS * unit
        font = _font(os.path.join(self.folder, f"{name}.ttf"), em * unit)
        box = font.getbbox(str(digit), stroke_width=stroke * unit)
        drawn = Image.new("L", (canvas, canvas))
        start = [(canvas - low - high) / 2 for low, high in (box[::2], box[1::2])]
        ImageDraw.Draw(drawn).text(start, str(digit), 255, font, stroke_width=stroke * unit)
        turned = _turn(angle * ROTATION, slant * SLANT)
        half = np.abs(turned) @ [(box[2] - box[0]) / 2, (box[3] - box[1]) / 2]
        room = canvas * (0.5 - MARGIN)
        scale = min(1.0, *(room / half))
        most = np.minimum(SHIFT * canvas, room - half * scale)
        # Pillow asks the other way round: where in the drawing a place of the image comes from.
        back = np.linalg.inv(turned * scale)
        offset = canvas / 2 - back @ (canvas / 2 + most * [across, down])
        matrix = (*back[0], offset[0], *back[1], offset[1])
        bicubic = Image.Resampling.BICUBIC
        return np.asarray(drawn.transform(drawn.size, Image.Transform.AFFINE, matrix, bicubic))


def _turn(angle: float, slant: float) -> np.ndarray:
    """Returns the matrix on (x, y) that leans to the right by `slant`, then turns clockwise."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ [[1, -slant], [0, 1]]


@functools.lru_cache(maxsize=256)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    # The plain layout: the other one depends on libraries that not every machine has.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def font_folder() -> str:
    """Finds the folder with matplotlib's TrueType fonts.

    Raises:
        UserError: one of the fonts is not there.
    """
    # Here and not above: importing it takes long, which the other data sets need not pay.
    import matplotlib

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
    """Opens the printed digits as a labelled collection; each digit is as frequent as another.

    Args:
        images: any size; one channel if not asked otherwise.
        seed: not negative; another seed is another data set.
        train: number of images.
        test: number of images; no drawing is in both parts.

    Raises:
        UserError: a font is missing.
    """
    painter = DigitPainter(font_folder(), images.channels or 1, images.fit)
    return Dataset(
        name="typeset",
        features="digits",
        kind="labelled",
        parts={
            part: RenderedSource(painter, part, count, seed, *images.size_of(part))
            for part, count in (("train", train), ("test", test))
        },
        description=f"typeset: 10 classes in {len(FONTS)} fonts, {train} train, {test} test",
        class_names=tuple("0123456789"),
        mirrors=False,
    )

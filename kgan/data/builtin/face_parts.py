"""Parts of the faces in the built-in data set `faces`, rendered from back to front.

Coordinates are fractions of the side, x to the right and y down; colours are RGB in [0, 255].
"""

import colorsys
import dataclasses

import numpy as np
from PIL import Image, ImageDraw

SKINS = ((255, 224, 196), (236, 188, 150), (205, 150, 110), (155, 102, 70), (98, 62, 44))
HAIRS = (
    *((34, 28, 28), (74, 46, 30), (122, 78, 44)),
    *((214, 174, 96), (176, 76, 34), (150, 150, 156)),
)
HAIR_FROM_SKIN = 130  # smallest sum of the differences in red, green and blue
MIDDLE_SKIN = 400  # sum of red, green and blue below which the rims of glasses are light
IRISES = ((70, 110, 170), (70, 130, 80), (100, 66, 38), (50, 40, 36))
LIPS, TEETH = (176, 62, 66), (250, 250, 246)


@dataclasses.dataclass(frozen=True)
class Looks:
    """Colours and geometry of a person; lengths are fractions of the side.

    Example:
        >>> sample_looks(np.random.default_rng(0)).colours["skin"]
        (178, 124, 88)
    """

    colours: dict[str, tuple[int, int, int]]
    centre: tuple[float, float]
    half: tuple[float, float]
    jaw: float
    eye_gap: float
    eye: float
    brow: tuple[float, float]
    nose: tuple[float, float]
    mouth: float
    hairline: float
    parting: float
    hair_width: float
    hair_length: float
    beard_length: float
    frame: tuple[float, float, float]
    hat: int
    hat_height: float


def sample_looks(rng: np.random.Generator) -> Looks:
    """Samples colours and geometry, independently of the attributes."""
    skin = _between(SKINS, rng.uniform(0, len(SKINS) - 1))
    # A beard of the colour of the skin would be invisible.
    apart = [hair for hair in HAIRS if np.abs(np.subtract(hair, skin)).sum() > HAIR_FROM_SKIN]
    hair = _near(apart[rng.integers(len(apart))], rng, 14)
    hue = rng.uniform()
    # So would dark rims on dark skin.
    light = float(sum(skin) < MIDDLE_SKIN)
    colours = {
        "skin": skin,
        "hair": hair,
        "background": _hsv(hue, rng.uniform(0.15, 0.5), rng.uniform(0.7, 0.98)),
        "shirt": _hsv(hue + rng.uniform(0.2, 0.8), rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.9)),
        "hat": _hsv(hue + rng.uniform(0.25, 0.75), rng.uniform(0.6, 1), rng.uniform(0.35, 0.85)),
        "band": _hsv(rng.uniform(), rng.uniform(0, 0.8), rng.uniform(0.2, 0.95)),
        "iris": IRISES[rng.integers(len(IRISES))],
        "frame": _hsv(rng.uniform(), rng.uniform(0.3, 1), abs(light - rng.uniform(0.05, 0.4))),
    }
    return Looks(
        colours=colours,
        centre=(0.5 + rng.uniform(-0.03, 0.03), 0.53 + rng.uniform(-0.02, 0.03)),
        half=(rng.uniform(0.2, 0.25), rng.uniform(0.26, 0.3)),
        jaw=rng.uniform(0.05, 0.28),
        eye_gap=rng.uniform(0.085, 0.11),
        eye=rng.uniform(0.03, 0.042),
        brow=(rng.uniform(0.012, 0.022), rng.uniform(-0.012, 0.012)),
        nose=(rng.uniform(0.07, 0.1), rng.uniform(0.018, 0.035)),
        mouth=rng.uniform(0.07, 0.1),
        hairline=rng.uniform(0.5, 0.72),
        parting=rng.uniform(-0.7, 0.7),
        hair_width=rng.uniform(0.05, 0.1),
        hair_length=rng.uniform(0.88, 1.02),
        beard_length=rng.uniform(1.02, 1.2),
        frame=(rng.uniform(0.066, 0.078), rng.uniform(0.05, 0.068), rng.uniform(0.014, 0.02)),
        hat=int(rng.integers(len(HATS))),
        hat_height=rng.uniform(0.85, 1.1),
    )


class Face:
    """A face on a square canvas.

    Args:
        looks: the person.
        attributes: names of the attributes that are present.
        side: of the canvas, in pixels.

    Example:
        >>> looks = sample_looks(np.random.default_rng(0))
        >>> Face(looks, frozenset({"hat"}), 64).render().size
        (64, 64)
    """

    def __init__(self, looks: Looks, attributes: frozenset[str], side: int):
        self.looks = looks
        self.attributes = attributes
        self.side = side
        self.image = Image.new("RGB", (side, side), looks.colours["background"])
        self.pen = ImageDraw.Draw(self.image)

    def render(self) -> Image.Image:
        """Renders all parts, back to front."""
        if "long_hair" in self.attributes:
            self._long_hair()
        self._body()
        self._head()
        if "beard" in self.attributes:
            self._beard()
        self._mouth()
        self._nose()
        self._eyes()
        self._hair()
        if "glasses" in self.attributes:
            self._glasses()
        if "hat" in self.attributes:
            HATS[self.looks.hat](self)
        return self.image

    def polygon(self, points, colour) -> None:
        """Fills a polygon; `points` is [N, 2]."""
        self.pen.polygon([tuple(p) for p in np.asarray(points) * self.side], fill=colour)

    def trapezoid(self, x, top, half_top, bottom, half_bottom, colour) -> None:
        """Fills a trapezoid that is symmetric about the vertical line at x."""
        upper = [(x - half_top, top), (x + half_top, top)]
        self.polygon([*upper, (x + half_bottom, bottom), (x - half_bottom, bottom)], colour)

    def ellipse(self, x, y, half_width, half_height, colour) -> None:
        """Fills an ellipse around (x, y)."""
        box = np.array([x - half_width, y - half_height, x + half_width, y + half_height])
        self.pen.ellipse(tuple(box * self.side), fill=colour)

    def line(self, points, width, colour) -> None:
        """Renders a line with round ends."""
        points = np.asarray(points)
        ends = [tuple(p) for p in points * self.side]
        self.pen.line(ends, colour, round(width * self.side), "curve")
        for x, y in points[[0, -1]]:
            self.ellipse(x, y, width / 2, width / 2, colour)

    def outline(self, start, end, grow=1.0) -> np.ndarray:
        """Returns the head's outline between two angles, clockwise from the right: [40, 2]."""
        (x, y), (half_width, half_height) = self.looks.centre, self.looks.half
        angle = np.radians(np.linspace(start, end, 40))
        narrow = 1 - self.looks.jaw * np.clip(np.sin(angle), 0, 1) ** 2
        across = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.85 * half_width * narrow
        return np.stack([x + grow * across, y + grow * np.sin(angle) * half_height], 1)

    def at(self, across, down) -> tuple[float, float]:
        """Returns a point at fractions of the half width and half height from the head's centre."""
        (x, y), (half_width, half_height) = self.looks.centre, self.looks.half
        return x + across * half_width, y + down * half_height

    def _long_hair(self):
        looks, colour = self.looks, _shade(self.looks.colours["hair"], 0.82)
        reach = looks.half[0] + looks.hair_width
        x, y = looks.centre
        self.ellipse(x, y - 0.06, reach, looks.half[1] + 0.03, colour)
        low = min(looks.hair_length, 0.99)
        self.trapezoid(x, y - 0.06, reach, low, reach + 0.03, colour)

    def _body(self):
        looks = self.looks
        x, chin = self.at(0, 1)
        neck = looks.half[0] * 0.45
        self.ellipse(x, 1.06, 0.4, 1.06 - chin - 0.02, looks.colours["shirt"])
        throat = _shade(looks.colours["skin"], 0.84)
        self.trapezoid(x, chin - 0.08, neck, chin + 0.05, neck, throat)
        self.ellipse(x, chin + 0.05, neck, 0.04, throat)

    def _head(self):
        skin = self.looks.colours["skin"]
        for side in (-1, 1):
            self.ellipse(*self.at(side * 0.98, 0.05), 0.03, 0.05, _shade(skin, 0.9))
        self.polygon(self.outline(0, 360), skin)
        for side in (-1, 1):
            self.ellipse(*self.at(side * 0.55, 0.38), 0.04, 0.03, _mix(skin, (230, 110, 100), 0.2))

    def _beard(self):
        looks = self.looks
        colour = _shade(looks.colours["hair"], 0.9)
        below = self.outline(0, 180, 1.02)
        below[:, 1] = looks.centre[1] + (below[:, 1] - looks.centre[1]) * looks.beard_length
        # Back along the upper edge, from ear to ear and under the nose.
        across = np.linspace(-1, 1, 41)
        cheek = np.clip((1 - np.abs(across)) * 4, 0, 1)
        above = np.stack(self.at(across * 1.02, 0.02 + 0.38 * cheek), 1)
        self.polygon(np.concatenate([below, above]), colour)

    def _mouth(self):
        x, y = self.at(0, 0.58)
        across = np.linspace(-1, 1, 21)
        if "smile" not in self.attributes:
            across_mouth = x + across * self.looks.mouth * 0.8
            self.line(np.stack([across_mouth, y + 0.012 * across**2], 1), 0.022, LIPS)
            return

        def curve(wide, bend):
            return np.stack([x + across * wide, y - 0.012 + bend * (1 - across**2)], 1)

        wide = self.looks.mouth * 1.25
        upper, lower, teeth = curve(wide, 0.012), curve(-wide, 0.075), curve(-wide, 0.045)
        self.polygon(np.concatenate([upper, lower]), (120, 30, 40))
        self.polygon(np.concatenate([upper, teeth]), TEETH)
        self.line(lower, 0.012, LIPS)

    def _nose(self):
        length, width = self.looks.nose
        x, y = self.at(0, -0.02)
        low = y + length
        points = [(x, y), (x + width, low), (x, low + 0.012), (x - width, low)]
        self.polygon(points, _shade(self.looks.colours["skin"], 0.8))

    def _eyes(self):
        looks = self.looks
        thick, tilt = looks.brow
        for side in (-1, 1):
            x, y = self._eye_point(side)
            self.ellipse(x, y, looks.eye * 1.15, looks.eye * 0.85, (252, 252, 252))
            self.ellipse(x, y, looks.eye * 0.6, looks.eye * 0.66, looks.colours["iris"])
            self.ellipse(x, y, looks.eye * 0.32, looks.eye * 0.34, (16, 14, 16))
            high = y - looks.eye - 0.025
            ends = [(x - side * 0.042, high + tilt), (x, high - 0.01), (x + side * 0.045, high)]
            self.line(ends, thick, _shade(looks.colours["hair"], 0.75))

    def _eye_point(self, side):
        x, y = self.at(0, -0.1)
        return x + side * self.looks.eye_gap, y

    def _hair(self):
        looks, colour = self.looks, self.looks.colours["hair"]
        # Over the top of the head, and back along the hairline, highest at the parting.
        above = self.outline(182, 358, 1.07)
        across = np.linspace(1, -1, 41)
        fringe = -looks.hairline - 0.22 * np.exp(-(((across - looks.parting) / 0.3) ** 2))
        temples = np.clip((np.abs(across) - 0.72) * 3.2, 0, 1) * (looks.hairline - 0.12)
        below = np.stack(self.at(across * 1.05, fringe + temples), 1)
        self.polygon(np.concatenate([above, below]), colour)
        if "long_hair" in self.attributes:
            edge = looks.half[0] + looks.hair_width
            x, low = looks.centre[0], min(looks.hair_length, 0.99) - 0.04
            for side in (-1, 1):
                inner = [self.at(side * 0.78, -0.6), self.at(side * 1.0, -0.7)]
                outer = [(x + side * edge, self.at(0, -0.2)[1]), (x + side * (edge + 0.02), low)]
                ends = [(x + side * (looks.half[0] * 0.98), low), self.at(side * 0.93, 0.1)]
                self.polygon([*inner, *outer, *ends], colour)

    def _glasses(self):
        looks, colour = self.looks, self.looks.colours["frame"]
        wide, high, thick = looks.frame
        wide = min(wide, looks.eye_gap - thick / 2)
        angle = np.radians(np.linspace(0, 360, 41))
        # Round or square frames: the lower the power, the squarer.
        power = 1.0 if looks.parting < 0 else 0.5
        across, down = (np.sign(f(angle)) * np.abs(f(angle)) ** power for f in (np.cos, np.sin))
        for side in (-1, 1):
            x, y = self._eye_point(side)
            self.line(np.stack([x + wide * across, y + high * down], 1), thick, colour)
            self.line([(x + side * wide, y), self.at(side * 0.99, -0.06)], thick, colour)
        left, right = self._eye_point(-1), self._eye_point(1)
        self.line([(left[0] + wide, left[1]), (right[0] - wide, right[1])], thick, colour)

    def dome(self, low, height, width=1.14) -> np.ndarray:
        """Returns half an ellipse on the head, at `low` half heights below its centre."""
        angle = np.radians(np.linspace(180, 360, 41))
        x, y = self.at(0, low)
        half = self.looks.half[0] * width
        return np.stack([x + half * np.cos(angle), y + height * np.sin(angle)], 1)

    def band(self, low, thick, colour, width=1.14) -> None:
        """Renders a horizontal line across the head, at `low` half heights below its centre."""
        x, y = self.at(0, low)
        half = self.looks.half[0] * width
        self.line([(x - half, y), (x + half, y)], thick, colour)


def _beanie(face: Face) -> None:
    colours = face.looks.colours
    height = 0.2 * face.looks.hat_height
    face.polygon(face.dome(-0.5, height), colours["hat"])
    face.band(-0.52, 0.06, _shade(colours["hat"], 0.7), 1.1)
    x, y = face.at(0, -0.5)
    face.ellipse(x, y - height, 0.04, 0.04, colours["band"])


def _brimmed(face: Face) -> None:
    colours = face.looks.colours
    face.polygon(face.dome(-0.6, 0.2 * face.looks.hat_height, 1.0), colours["hat"])
    face.band(-0.68, 0.035, colours["band"], 0.96)
    face.ellipse(*face.at(0, -0.58), face.looks.half[0] * 1.65, 0.032, _shade(colours["hat"], 0.8))


def _top_hat(face: Face) -> None:
    colours = face.looks.colours
    x, y = face.at(0, -0.6)
    half = face.looks.half[0] * 0.86
    top = max(0.02, y - 0.25 * face.looks.hat_height)
    face.trapezoid(x, top, half * 1.1, y, half, colours["hat"])
    face.band(-0.68, 0.04, colours["band"], 0.84)
    face.ellipse(x, y, face.looks.half[0] * 1.4, 0.03, _shade(colours["hat"], 0.8))


def _cap(face: Face) -> None:
    colours = face.looks.colours
    face.polygon(face.dome(-0.5, 0.2 * face.looks.hat_height, 1.12), colours["hat"])
    side = 1 if face.looks.parting > 0 else -1
    x, y = face.at(side * 0.75, -0.52)
    face.ellipse(x, y, face.looks.half[0] * 0.95, 0.026, _shade(colours["hat"], 0.65))


HATS = (_beanie, _brimmed, _top_hat, _cap)


def _between(colours, position):
    low = min(int(position), len(colours) - 2)
    return _mix(colours[low], colours[low + 1], position - low)


def _mix(one, other, share):
    return tuple(round((1 - share) * a + share * b) for a, b in zip(one, other, strict=True))


def _shade(colour, factor):
    return tuple(round(level * factor) for level in colour)


def _near(colour, rng, distance):
    near = np.asarray(colour) + rng.uniform(-distance, distance, 3)
    return tuple(np.clip(np.rint(near), 0, 255).astype(int).tolist())


def _hsv(hue, saturation, value):
    return tuple(round(255 * level) for level in colorsys.hsv_to_rgb(hue % 1, saturation, value))

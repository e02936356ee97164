"""Photos of the built-in data set `facades`: textures, light and shadows.

Light always comes from the upper left. Textures are aligned with the bays, the storeys and the
boxes of the label map, so that a network can infer nearly all of them from its input; it has to
choose only the colours of walls and paint.
"""

import dataclasses

import numpy as np

from kgan.data.builtin.facade_layout import SKY, Canvas, Plan, colour

# How far each class stands out of the wall, in modules; it determines the shadows.
RELIEF = np.array([0, 0, 1, 0, 2, -1, -2, 4, 1, 5], np.float32)


@dataclasses.dataclass(frozen=True)
class _Spots:
    """The pixels of one class and their boxes, float32 [N] each, in modules.

    `u` and `v` in [0, 1] are coordinates in the box; `pixel` is the size of a pixel.
    """

    x: np.ndarray
    y: np.ndarray
    left: np.ndarray
    top: np.ndarray
    width: np.ndarray
    height: np.ndarray
    pixel: float

    @property
    def u(self):
        return (self.x - self.left) / self.width

    @property
    def v(self):
        return (self.y - self.top) / self.height

    def line(self, distance, width):
        """Returns the fraction of each pixel that a line covers, from the distance to its axis."""
        return np.clip((width / 2 - np.abs(distance)) / self.pixel + 0.5, 0, 1)

    def rim(self, width):
        """Returns the fraction of each pixel that a frame inside the box covers."""
        across = (0.5 - np.abs(self.u - 0.5)) * self.width
        down = (0.5 - np.abs(self.v - 0.5)) * self.height
        return np.clip((width - np.minimum(across, down)) / self.pixel + 0.5, 0, 1)


def _blend(first, second, fraction) -> np.ndarray:
    """Mixes two colours, `fraction` [N] of the second one; float32 [N, 3]."""
    first, second = colour(first), colour(second)
    return first + (second - first) * np.asarray(fraction, np.float32)[:, None]


def _offset(position):
    """Returns the signed distance to the nearest whole number."""
    return position - np.round(position)


def _shade_sky(spots: _Spots, plan: Plan) -> np.ndarray:
    x, y = spots.x, spots.y
    puffs = np.sin(x * 0.09 + 0.7) + np.sin(x * 0.05 - y * 0.11) + 0.6 * np.sin(x * 0.2 + y * 0.1)
    cloud = 0.7 * np.clip(puffs - 0.5, 0, 1) * np.exp(-(((y - 20) / 16) ** 2))
    return _blend(_blend("4d8fe3", "e3eef8", spots.v), "ffffff", cloud)


def _shade_ground(spots: _Spots, plan: Plan) -> np.ndarray:
    # Joints run to a vanishing point above the middle of the image.
    depth = spots.y - spots.top
    scale = (depth + 30) / 3.2
    fan = _offset((spots.u - 0.5) * spots.width / scale) * scale
    joints = np.maximum(spots.line(fan, 0.7), spots.line(depth - 4.2, 0.8))
    # The ground is darker next to the house.
    return _blend("a39c91", "666363", joints) * (0.68 + 0.32 * np.clip(depth / 5, 0, 1))[:, None]


def _shade_roof(spots: _Spots, plan: Plan) -> np.ndarray:
    row = spots.v * np.maximum(np.round(spots.height / 3.8), 1)
    place = (spots.x - plan.left) / plan.bay * round(plan.bay / 5) + 0.5 * (np.floor(row) % 2)
    # The lower edge of a tile is round, and dark where it overhangs the next row.
    hang = np.clip(row % 1 + 1.6 * _offset(place) ** 2 - 0.55, 0, 0.6)
    tone = 1.14 - 0.5 * hang - 0.22 * spots.line(_offset(place) * 5, 0.7)
    tone += 0.05 * np.sin(np.floor(place) * 2.4 + np.floor(row) * 1.7)
    return colour(plan.style.roof_colour) * tone[:, None]


def _shade_wall(spots: _Spots, plan: Plan) -> np.ndarray:
    # A bay has a whole number of blocks and a storey a whole number of pairs of courses, so that
    # the label map alone determines where the joints are.
    style = plan.style
    courses = 2 * max(1, round(plan.storey / style.course / 2))
    course = (spots.y - plan.top) / plan.storey * courses
    row, joint = np.floor(course), spots.line(_offset(course) * plan.storey / courses, 0.9)
    tone = 1 + 0.16 * (0.5 - course % 1)
    if style.block:
        blocks = max(1, round(plan.bay / style.block))
        place = (spots.x - plan.left - plan.edge) / plan.bay * blocks + 0.5 * (row % 2)
        joint = np.maximum(joint, spots.line(_offset(place) * plan.bay / blocks, 0.9))
        block = np.floor(place) % blocks
        tone += style.variety * np.sin(5.1 * block + 2.3 * (row % courses) * (1 + block))
    masonry = _blend(plan.wall_colour * tone[:, None], plan.wall_colour * style.joint, joint)
    return masonry if style.roof == "mansard" else _add_quoins(masonry, spots, plan)


def _add_quoins(masonry: np.ndarray, spots: _Spots, plan: Plan) -> np.ndarray:
    """Adds corner stones, alternately long and short, to walls that are wide enough."""
    turn = (spots.y - plan.base) / 5
    reach = np.where(np.floor(turn) % 2 == 0, 5.0, 3.2) * (spots.width > 20)
    corner = (0.5 - np.abs(spots.u - 0.5)) * spots.width
    stone = _blend("e9dec8", "948d80", spots.line(_offset(turn) * 5, 0.8))
    return _blend(masonry, stone, np.clip((reach - corner) / spots.pixel + 0.5, 0, 1))


def _shade_trim(spots: _Spots, plan: Plan) -> np.ndarray:
    depth = spots.y - spots.top
    # Dentils under the eaves, which are wider than the wall.
    eaves = (spots.width == plan.width + 4) & (depth > 2)
    dentils = eaves & (np.sin((spots.x - plan.left) * (2 * np.pi / 3.2)) > 0.1)
    tone = 1.1 - 0.3 * np.clip(spots.v - 0.2, 0, 1) - 0.32 * dentils
    return colour("dbd1bd") * tone[:, None].astype(np.float32)


def _shade_window(spots: _Spots, plan: Plan) -> np.ndarray:
    u, v = spots.u, spots.v
    shop = spots.top + spots.height > plan.base - 5
    glass = _blend("8fb3d1", "1a263b", 0.35 * u + 0.65 * v)
    glass = _blend(glass, _blend("ffd68a", "7a4a2b", v), 0.8 * shop)
    glass = _blend(glass, "ebf5ff", 0.5 * (np.abs(u * 0.8 + v - 0.62) < 0.09))
    # Curtains open towards the bottom, in folds.
    drape = (np.abs(u - 0.5) > 0.16 + 0.22 * v) & ~shop
    cloth = _blend("ede6d6", "bfb5a3", 0.5 + 0.5 * np.sin(u * spots.width * 2.6))
    glass = _blend(glass, cloth, 0.75 * drape)
    across = spots.line((u - 0.5) * spots.width, 1.1)
    down = spots.line((v - 0.36) * spots.height, 1.1)
    frame = np.maximum(spots.rim(1.1), np.maximum(across, down) * ~shop)
    return _blend(glass, "f2f0e6", frame)


def _shade_door(spots: _Spots, plan: Plan) -> np.ndarray:
    # Three rows of two panels below a fanlight; their upper left edges are bright.
    across = 2 * _offset(spots.u * 2 - 0.5)
    down = 2 * _offset((spots.v - 0.22) / 0.78 * 3 - 0.5)
    steeper = np.where(np.abs(across) > np.abs(down), across, down)
    bevel = -np.sign(steeper) * (np.abs(np.abs(steeper) - 0.64) < 0.14)
    leaf = plan.paint * (1 + 0.45 * bevel)[:, None]
    leaf = _blend(leaf, "212429", spots.line((spots.u - 0.5) * spots.width, 0.6))
    knob = np.hypot((spots.u - 0.62) * spots.width, (spots.v - 0.62) * spots.height)
    leaf = _blend(leaf, "f2cc66", np.clip(1.4 - knob / 0.8, 0, 1))
    bars = spots.line(_offset(spots.u * 4) * spots.width / 4, 0.6)
    return _blend(leaf, _blend(_blend("fadb94", "806b57", spots.u), "212429", bars), spots.v < 0.2)


def _shade_balcony(spots: _Spots, plan: Plan) -> np.ndarray:
    count = np.round(spots.width / 2.4)
    bars = spots.line(_offset(spots.u * count) * spots.width / count, 0.9)
    rails = np.maximum(bars, spots.line(spots.v * spots.height - 0.6, 1.3))
    railing = _blend(_blend(plan.wall_colour * 0.6, "333b47", 0.4 + 0 * rails), "21242b", rails)
    slab = _blend("f5ead4", "a09888", np.clip((spots.v - 0.72) / 0.28, 0, 1))
    return _blend(railing, slab, spots.v > 0.72)


def _shade_shutter(spots: _Spots, plan: Plan) -> np.ndarray:
    slats = spots.v * np.round(spots.height / 2.2) % 1
    return _blend(plan.paint * (1.3 - 0.75 * slats)[:, None], plan.paint * 1.1, spots.rim(0.8))


def _shade_awning(spots: _Spots, plan: Plan) -> np.ndarray:
    stripes = np.sin(spots.u * np.pi * (2 * np.round(spots.width / 7) + 1)) > 0
    valance = spots.v > 0.7
    return _blend("f7f2e6", "cc3833", stripes) * (1.1 - 0.22 * spots.v - 0.16 * valance)[:, None]


SHADERS = (
    *(_shade_sky, _shade_ground, _shade_roof, _shade_wall, _shade_trim),
    *(_shade_window, _shade_door, _shade_balcony, _shade_shutter, _shade_awning),
)


def shade(canvas: Canvas, classes: np.ndarray, plan: Plan) -> np.ndarray:
    """Computes the colours of all surfaces without light; float32 [H, W, 3]."""
    boxes = np.array(canvas.boxes, np.float32)
    colours = np.empty((classes.size, 3), np.float32)
    for number, shader in enumerate(SHADERS):
        pixels = np.flatnonzero(classes == number)
        if pixels.size:
            rows, columns = np.divmod(pixels, classes.shape[1])
            box = boxes[canvas.owner.ravel()[pixels]].T
            spots = _Spots(canvas.x[columns], canvas.y[rows], *box, canvas.pixel)
            colours[pixels] = shader(spots, plan)
    return colours.reshape(*classes.shape, 3)


def _cast_shadows(classes: np.ndarray, pixel: float) -> np.ndarray:
    """Computes where a protruding part blocks the light; bool [H, W]."""
    relief = RELIEF[classes]
    shadow = np.zeros(classes.shape, bool)
    for down in range(1, int(np.ptp(RELIEF) / pixel + 0.5) + 1):
        # The light moves one pixel to the right for two down.
        right = down // 2
        ahead = relief[: classes.shape[0] - down, : classes.shape[1] - right]
        shadow[down:, right:] |= ahead - relief[down:, right:] >= (down - 0.5) * pixel
    return shadow & (classes != SKY)


def light(classes: np.ndarray, plan: Plan, canvas: Canvas) -> np.ndarray:
    """Computes the light, darker to the right and to the ground; float32 [H, W, 3]."""
    side = 1.10 - 0.24 * np.clip((canvas.x - plan.left) / plan.width, 0, 1)
    sink = 1.02 - 0.20 * np.clip((canvas.y - plan.top) / (plan.base - plan.top), 0, 1) ** 2
    sun = np.where(classes == SKY, np.float32(1), side * sink[:, None])[..., None]
    # Shadows are blue: the light of the sky still reaches them.
    blue = np.array([0.48, 0.50, 0.57], np.float32)
    return np.where(_cast_shadows(classes, canvas.pixel)[..., None], sun * blue, sun)

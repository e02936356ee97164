"""Label maps of the built-in data set `facades`: styles, measures and parts of the houses.

Lengths are in modules of 1/128 of the image's shorter side, so that an image of another size shows
the same house. Parts are boxes, rendered from back to front, and every pixel stores the box that it
shows: the textures of the photo depend on it.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

_NAMES = "sky ground roof wall trim window door balcony shutter awning"
CLASS_NAMES = tuple(_NAMES.split())
SKY, GROUND, ROOF, WALL, TRIM, WINDOW, DOOR, BALCONY, SHUTTER, AWNING = range(len(CLASS_NAMES))
PALETTE = np.frombuffer(
    bytes.fromhex("78c8ff 5a5a64 aa2832 1428c8 00dcc8 006eff c86e00 963cdc 3cbe3c ffdc00"), np.uint8
).reshape(-1, 3)

MODULES = 128


def colour(code) -> np.ndarray:
    """Converts `rrggbb` to float32 [3]; arrays stay as they are."""
    if isinstance(code, str):
        return np.frombuffer(bytes.fromhex(code), np.uint8) / np.float32(255)
    return code


@dataclasses.dataclass(frozen=True)
class _Style:
    """Properties that belong to a shape of roof, so that the label map determines the material."""

    roof: str
    roof_colour: str  # rrggbb, like all colours here
    course: float  # height of a course of blocks, in modules
    block: float  # length of a block, in modules; 0: plaster, which has courses only
    joint: float  # brightness of the joints over that of the wall
    variety: float  # of the brightness of the blocks
    wall_colours: str  # the house has one of them
    paints: str  # the same, of door and shutters


STYLES = (
    _Style("gable", "80402f", 4.0, 8.0, 1.34, 0.12, "a8543d 944a3d b36847", "24543f 2b4761"),
    _Style("hip", "c46640", 5.0, 0, 0.94, 0.02, "edc987 edb88f ebd9b0", "386e4d 406b80"),
    _Style("mansard", "59667a", 6.0, 12.0, 0.78, 0.05, "d4c4a6 dbcfbd c4b8a1", "5c3826 384052"),
    _Style("flat", "666366", 7.0, 0, 0.80, 0.02, "a8c2cc b8c9b0 ccb8bf", "852e2b 424d66"),
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Measures of one house in modules; `top` and `base` are the edges of its wall.

    Example:
        >>> plan = sample_plan(np.random.default_rng(0), tall=128, wide=128)
        >>> plan.width == plan.columns * plan.bay + 2 * plan.edge
        True
    """

    style: _Style
    wall_colour: np.ndarray
    paint: np.ndarray
    left: float
    width: int
    top: float
    base: float
    roof: int
    edge: int  # wall between the outer bays and the corners
    bay: int
    columns: int
    storey: int
    storeys: int  # with the ground floor, which is higher than the others
    pane: int  # width of a window
    pane_height: int

    def middle(self, column: int) -> float:
        """Returns the x of a column of windows."""
        return self.left + self.edge + (column + 0.5) * self.bay

    def storey_top(self, storey: int) -> float:
        """Returns the y of the upper edge of a storey, 0 being the highest."""
        return self.top + storey * self.storey


def sample_plan(rng: np.random.Generator, tall: float, wide: float) -> Plan:
    """Samples the measures of a house for an image of `tall` by `wide` modules."""
    style = STYLES[rng.integers(len(STYLES))]
    bay, storey, edge = (int(n) for n in rng.integers((17, 19, 2), (29, 27, 6)))
    columns = max(1, int((wide - 4 - 2 * edge) // bay) - int(rng.choice((0, 0, 1, 2))))
    width = columns * bay + 2 * edge
    roof = {
        "gable": int(min(width * rng.uniform(0.34, 0.46), 42)),
        "hip": int(rng.integers(16, 25)),
        "mansard": int(rng.integers(19, 27)),
        "flat": int(rng.integers(2, 6)),
    }[style.roof]
    ground, extra = (int(n) for n in rng.integers((6, 3), (13, 7)))
    room = tall - ground - extra - roof - 6
    storeys = max(1, int(room // storey) - int(rng.choice((0, 0, 0, 1))))
    gap = int(rng.integers(bay // 5, bay // 3 + 1))
    wall_colour = colour(rng.choice(style.wall_colours.split()))
    return Plan(
        style=style,
        wall_colour=wall_colour + rng.uniform(-0.02, 0.02, 3).astype(np.float32),
        paint=colour(rng.choice(style.paints.split())),
        left=round((wide - width) * rng.uniform(0.25, 0.75)),
        width=width,
        top=tall - ground - extra - storeys * storey,
        base=tall - ground,
        roof=roof,
        edge=edge,
        bay=bay,
        columns=columns,
        storey=storey,
        storeys=storeys,
        pane=bay - 2 * gap,
        pane_height=int(storey * rng.uniform(0.52, 0.66)),
    )


class Canvas:
    """The box that is visible at each pixel, and the class of each box.

    Example:
        >>> canvas = Canvas(2, 4)
        >>> canvas.add(SKY, 0, 0, canvas.wide, canvas.tall)
        >>> canvas.add(WALL, 0, 64, 128, 64)
        >>> canvas.owner.tolist(), canvas.classes
        ([[0, 0, 0, 0], [1, 1, 0, 0]], [0, 3])
    """

    def __init__(self, height: int, width: int):
        side = min(height, width)
        self.pixel = MODULES / side
        self.tall, self.wide = MODULES * height / side, MODULES * width / side
        self.y = (np.arange(height, dtype=np.float32) + 0.5) * np.float32(self.pixel)
        self.x = (np.arange(width, dtype=np.float32) + 0.5) * np.float32(self.pixel)
        self.owner = np.zeros((height, width), np.int32)
        self.classes: list[int] = []
        self.boxes: list[tuple[float, float, float, float]] = []

    def add(self, number, left, top, width, height, inside: Callable | None = None) -> None:
        """Adds a box of a class, or the part of it where `inside(u, v)` in [0, 1]² is true."""
        rows = slice(*np.searchsorted(self.y, (top, top + height)))
        columns = slice(*np.searchsorted(self.x, (left, left + width)))
        u, v = (self.x[columns] - left) / width, (self.y[rows, None] - top) / height
        self.owner[rows, columns][... if inside is None else inside(u, v)] = len(self.classes)
        self.classes.append(number)
        self.boxes.append((left, top, width, height))

    def add_centred(self, number, middle, top, width, bottom, inside=None) -> None:
        """Adds a box between `top` and `bottom` whose middle column is `middle`."""
        self.add(number, middle - width / 2, top, width, bottom - top, inside)


def _roof(inset: float) -> Callable:
    """Returns a trapezoid whose top edge is shorter than the bottom by the fraction `inset`."""
    return lambda u, v: np.abs(2 * u - 1) <= 1 - inset * (1 - v)


def _arch(rise: float) -> Callable:
    """Returns a box whose top is half an ellipse, `rise` times as high as the box."""
    return lambda u, v: (2 * u - 1) ** 2 + np.maximum(1 - v / rise, 0) ** 2 <= 1


def lay_out(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    """Adds the boxes of a house, from back to front."""
    canvas.add(SKY, 0, 0, canvas.wide, canvas.tall)
    canvas.add(GROUND, 0, plan.base, canvas.wide, canvas.tall - plan.base)
    _lay_roof(canvas, plan, rng)
    canvas.add(WALL, plan.left, plan.top, plan.width, plan.base - plan.top)
    if plan.style.roof != "gable":
        canvas.add(TRIM, plan.left - 2, plan.top, plan.width + 4, 4)
    canvas.add(TRIM, plan.left, plan.base - 4, plan.width, 4)
    # String courses: none, one over the ground floor, one under each storey.
    first = (plan.storeys, plan.storeys - 1, 1)[rng.integers(3)]
    for storey in range(max(first, 1), plan.storeys):
        canvas.add(TRIM, plan.left - 1, plan.storey_top(storey) - 1, plan.width + 2, 2)
    _lay_storeys(canvas, plan, rng)
    _lay_ground_floor(canvas, plan, rng)


def _lay_roof(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    left, top, width, roof = plan.left - 3, plan.top - plan.roof, plan.width + 6, plan.roof
    gable = plan.style.roof == "gable"
    for position in rng.uniform(-0.7, 0.7, rng.integers(0, 3)):
        middle = round(plan.left + plan.width * (1 + position) / 2)
        chimney_top = round(top + abs(position) * roof * gable) - 5
        canvas.add_centred(WALL, middle, chimney_top, 6, plan.top)
        canvas.add_centred(TRIM, middle, chimney_top, 8, chimney_top + 2)
    middle, pane = plan.left + plan.width / 2, plan.pane
    if plan.style.roof == "flat":
        canvas.add(ROOF, plan.left, top, plan.width, roof)
    elif plan.style.roof == "hip":
        canvas.add(ROOF, left, top, width, roof, _roof(rng.uniform(0.2, 0.55)))
    elif gable:
        canvas.add(ROOF, left, top, width, roof + 3, _roof(1))
        canvas.add(WALL, plan.left, top + 6, plan.width, roof - 6, _roof(1))
        if roof > 24:
            canvas.add_centred(TRIM, middle, plan.top - 4, pane + 2, plan.top - 2)
            canvas.add_centred(WINDOW, middle, plan.top - 15, pane, plan.top - 4, _arch(0.4))
    else:
        canvas.add(ROOF, left, top, width, roof, _roof(min(0.9, 22 / width)))
        step = int(rng.integers(1, 3))
        for column in range((plan.columns - 1) % step // 2, plan.columns, step):
            middle = plan.middle(column)
            canvas.add_centred(TRIM, middle, plan.top - 16, pane + 4, plan.top, _arch(0.3))
            canvas.add_centred(WINDOW, middle, plan.top - 13, pane, plan.top - 1, _arch(0.3))


def _choose_balconies(rng: np.random.Generator, storeys: int, columns: int) -> np.ndarray:
    """Samples bool [storeys, columns]: none, the middle, one storey or a checkerboard."""
    storey, column = np.indices((storeys, columns))
    middle = np.abs(2 * column - columns + 1) <= 1
    along = storey == rng.integers(max(storeys, 1))
    return (np.zeros_like(middle), middle, along, (storey + column) % 2 == 0)[rng.integers(4)]


def _lay_storeys(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    pane, height = plan.pane, plan.pane_height
    inside = _arch(min(0.5, pane / 2 / height)) if rng.random() < 0.35 else None
    shutters = rng.random() < (0.7 if plan.style.roof == "hip" else 0.2)
    leaf = min((plan.bay - pane) // 2 - 1, pane // 2)
    balconies = _choose_balconies(rng, plan.storeys - 1, plan.columns)
    for storey, column in np.ndindex(balconies.shape):
        middle = plan.middle(column)
        top = plan.storey_top(storey) + (plan.storey - height) // 2 + 1
        if shutters and inside is None:
            canvas.add_centred(SHUTTER, middle, top, pane + 2 * leaf, top + height)
        elif inside is None:
            canvas.add_centred(TRIM, middle, top - 2, pane + 2, top)
        canvas.add_centred(TRIM, middle, top + height, pane + 2, top + height + 2)
        bottom = plan.storey_top(storey + 1) - 2 if balconies[storey, column] else top + height
        canvas.add_centred(WINDOW, middle, top, pane, bottom, inside)
    for storey, column in np.argwhere(balconies):
        # Adjacent balconies are joined.
        joined = column + 1 < plan.columns and balconies[storey, column + 1]
        left, width = plan.middle(column) - pane / 2 - 2, plan.bay if joined else pane + 4
        canvas.add(BALCONY, left, plan.storey_top(storey + 1) - 9, width, 9)


def _lay_ground_floor(canvas: Canvas, plan: Plan, rng: np.random.Generator) -> None:
    top, base, bay = plan.storey_top(plan.storeys - 1), plan.base, plan.bay
    door_column, door = rng.integers(plan.columns), min(max(bay - 10, 9), 13)
    shops = rng.random() < 0.45
    arch = _arch(0.22) if rng.random() < 0.5 else None
    for column in range(plan.columns):
        middle = plan.middle(column)
        if column == door_column:
            canvas.add_centred(TRIM, middle, top + 6, door + 4, base, arch)
            canvas.add_centred(DOOR, middle, top + 8, door, base, arch)
        elif shops:
            canvas.add_centred(WINDOW, middle, top + 9, bay - 4, base - 4)
            canvas.add_centred(AWNING, middle, top + 4, bay - 2, top + 11)
        else:
            canvas.add_centred(WINDOW, middle, base - 8 - plan.pane_height, plan.pane, base - 8)
            canvas.add_centred(TRIM, middle, base - 8, plan.pane + 2, base - 6)

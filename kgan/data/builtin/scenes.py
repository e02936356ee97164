"""The built-in data set `scenes`: ray-cast solids and how far away they are, drawn when read.

Spheres, boxes, cylinders and cones stand on a plane under a light that throws shadows. The depth
map is exact, so what a network gets wrong in it is its own error.
"""

import dataclasses
import functools
import math

import numpy as np

from kgan.data.builtin.rendered import RenderedSource
from kgan.data.dataset import Dataset, ImageFormat
from kgan.utils.errors import UserError

NEAREST = 3.0  # the distance that is white in the depth map; half as bright is twice as far
FINE = 256 * 256  # pixels up to which four rays are cast through each, in place of one
SOLIDS = (2, 6)
TRIES = 60  # to find a free place for a solid
SHADOW = 0.35  # of the light that is left in a shadow
START = 1e-3  # how far from a surface a ray to the light begins, lest it hits where it begins
FAR = np.float32(np.inf)


@dataclasses.dataclass(frozen=True)
class Solid:
    """A solid on the ground, y = 0.

    Args:
        shape: one of `SHAPES`.
        x: of its middle, to the right.
        z: of its middle, away from the camera.
        radius: of the circle that it stands on; of a box, half its longer side.
        height: of its top; of a sphere, twice its radius.
        depth: half the shorter side of a box, as a share of `radius`.
        turn: of a box about the vertical, in radians.
        colour: float [3] in [0, 1].
    """

    shape: str
    x: float
    z: float
    radius: float
    height: float
    depth: float
    turn: float
    colour: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is seen, from where, and in which light.

    Args:
        solids: at least one.
        eye: height of the camera, which stands at x = z = 0.
        pitch: how far it looks down, in radians.
        reach: half the image's height over the distance of the image plane.
        light: float [3], unit vector towards the light.
        ground: float [2, 3], the two colours of the tiles.
        tile: side of a tile.
        sky: float [2, 3], colours at the horizon and above.
    """

    solids: tuple[Solid, ...]
    eye: float
    pitch: float
    reach: float
    light: np.ndarray
    ground: np.ndarray
    tile: float
    sky: np.ndarray


def make_scene(rng: np.random.Generator) -> Scene:
    """Draws a scene; its mirror image is as likely."""
    placed: list[tuple[float, float, float]] = []
    solids = []
    wanted = int(rng.integers(SOLIDS[0], SOLIDS[1] + 1))
    for _ in range(TRIES):
        radius, z = rng.uniform(0.35, 0.8), rng.uniform(3.8, 8.5)
        x = rng.uniform(-0.42, 0.42) * z
        # A box reaches further than its half sides: to its corners.
        if any(math.hypot(x - a, z - b) < 1.42 * (radius + c) for a, b, c in placed):
            continue
        placed.append((x, z, radius))
        shape = tuple(SHAPES)[rng.integers(len(SHAPES))]
        height, depth = rng.uniform(0.7, 2.0), rng.uniform(0.6, 1)
        if shape == "sphere":
            height = 2 * radius
        solids.append(
            Solid(shape, x, z, radius, height, depth, rng.uniform(0, math.pi), _colour(rng))
        )
        if len(solids) == wanted:
            break
    azimuth, elevation = rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 1.2)
    light = [
        math.cos(elevation) * math.cos(azimuth),
        math.sin(elevation),
        math.cos(elevation) * math.sin(azimuth),
    ]
    plain = rng.uniform(0.35, 0.85) + rng.uniform(-0.12, 0.12, 3)
    contrast = rng.uniform(0.75, 0.92) if rng.uniform() < 0.7 else 1.0
    horizon = rng.uniform(0.7, 0.95) + rng.uniform(-0.05, 0.05, 3)
    return Scene(
        solids=tuple(solids),
        eye=rng.uniform(1.4, 2.8),
        pitch=rng.uniform(0.14, 0.34),
        reach=rng.uniform(0.42, 0.5),
        light=np.array(light, np.float32),
        ground=np.stack([plain, plain * contrast]).astype(np.float32),
        tile=rng.uniform(0.6, 1.4),
        sky=np.stack([horizon, horizon * rng.uniform(0.45, 0.8, 3)]).astype(np.float32),
    )


def _colour(rng):
    """Draws a strong colour: one channel high, one low, one anywhere."""
    return rng.permutation([rng.uniform(0.75, 1), rng.uniform(0.05, 0.3), rng.uniform(0.05, 1)])


def cast(scene: Scene, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Casts a ray through the middle of each pixel.

    Args:
        scene: what there is.
        height: pixels; the image shows as much above and below whatever it is.
        width: pixels; a wider image shows more on both sides.

    Returns:
        Colours, float32 [H, W, 3] in [0, 1], and distances along the camera's axis, float32
        [H, W], infinite for the sky.
    """
    up = (0.5 - (np.arange(height, dtype=np.float32) + 0.5) / height) * 2 * scene.reach
    right = ((np.arange(width, dtype=np.float32) + 0.5) * 2 - width) / height * scene.reach
    up, right = (field.ravel() for field in np.meshgrid(up, right, indexing="ij"))
    cos, sin = np.float32(math.cos(scene.pitch)), np.float32(math.sin(scene.pitch))
    # Not of unit length: the distance along a ray is then that along the camera's axis.
    rays = np.stack([right, up * cos - sin, cos + up * sin])
    eye = np.array([0, scene.eye, 0], np.float32)[:, np.newaxis]
    depth = np.where(rays[1] < 0, -scene.eye / np.minimum(rays[1], -1e-6), FAR)
    hit = np.full(depth.shape, -1)
    for number, solid in enumerate(scene.solids):
        distance = _distance(solid, eye, rays)
        nearer = distance < depth
        depth, hit = np.where(nearer, distance, depth), np.where(nearer, number, hit)
    seen = np.isfinite(depth)
    # The sky's colour is given last; until then its rays end somewhere.
    places = eye + rays * np.where(seen, depth, 1)
    albedo, normals = _ground(scene, places, depth)
    for number, solid in enumerate(scene.solids):
        here = hit == number
        albedo[:, here] = solid.colour[:, np.newaxis]
        normals[:, here] = SHAPES[solid.shape][1](solid, _to_solid(solid, places[:, here]))
    light = scene.light
    shade = np.maximum(light @ normals, 0)
    begin = places + START * normals
    towards = np.broadcast_to(light[:, np.newaxis], places.shape)
    lit = np.ones(depth.shape, bool)
    for solid in scene.solids:
        lit &= ~np.isfinite(_distance(solid, begin, towards))
    view = -rays / np.sqrt((rays**2).sum(0))
    mirrored = 2 * shade * normals - light[:, np.newaxis]
    gloss = np.maximum((mirrored * view).sum(0), 0) ** 24 * (hit >= 0) * lit
    left = np.where(lit, np.float32(1), np.float32(SHADOW))
    colours = albedo * (0.32 + 0.68 * shade * left) + 0.3 * gloss
    height_share = np.clip(rays[1] * 2.5, 0, 1)
    sky = scene.sky[0][:, np.newaxis] * (1 - height_share) + np.outer(scene.sky[1], height_share)
    # The ground goes over into the sky, so that the horizon is no edge that is not there.
    haze = 1 - np.exp(depth / -40)
    colours = np.clip(colours + (sky - colours) * haze, 0, 1)
    return colours.T.reshape(height, width, 3), depth.reshape(height, width)


def _ground(scene, places, depth):
    tiles = np.floor(places[[0, 2]] / scene.tile).sum(0) % 2
    # Far tiles are smaller than pixels: there they fade into one colour.
    sharp = np.exp(-((depth / 12) ** 2))
    share = 0.5 + (tiles - 0.5) * sharp
    low, high = scene.ground[..., np.newaxis]
    normals = np.zeros_like(places)
    normals[1] = 1
    return low * (1 - share) + high * share, normals


def _to_solid(solid, places):
    """Moves places to where the solid's foot is the origin and its sides are the axes."""
    return _turned(solid, places - np.array([[solid.x], [0], [solid.z]], places.dtype))


def _turned(solid, vectors):
    cos, sin = math.cos(solid.turn), math.sin(solid.turn)
    x, y, z = vectors
    return np.stack([cos * x + sin * z, y, cos * z - sin * x])


def _turned_back(solid, vectors):
    return _turned(dataclasses.replace(solid, turn=-solid.turn), vectors)


def _distance(solid, start, rays):
    """Gives how far along each ray the solid is first met, or infinity: float [N]."""
    # Most rays pass by the ball around the solid, and asking that takes a fifth of the time.
    middle = solid.height / 2
    ball = 2 * solid.radius**2 + middle**2
    x, y, z = solid.x - start[0], middle - start[1], solid.z - start[2]
    along = x * rays[0] + y * rays[1] + z * rays[2]
    length = rays[0] ** 2 + rays[1] ** 2 + rays[2] ** 2
    near = ((x * x + y * y + z * z - ball) * length <= along * along).nonzero()[0]
    distance = np.full(rays.shape[1], FAR)
    start = _to_solid(solid, start if start.shape[1] == 1 else start[:, near])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = SHAPES[solid.shape][0](solid, start, _turned(solid, rays[:, near]))
    distance[near] = np.where(found > 0, found, FAR)
    return distance


def _roots(a, half_b, c):
    """Solves a t² + 2 half_b t + c = 0; NaN where there is no solution."""
    root = np.sqrt(half_b**2 - a * c)
    return (-half_b - root) / a, (-half_b + root) / a


def _nearest(*distances):
    """Gives the least positive one; NaN counts for nothing."""
    return functools.reduce(np.fmin, [np.where(t > 0, t, FAR) for t in distances])


def _meet_sphere(solid, start, rays):
    x, y, z = start[0], start[1] - solid.radius, start[2]
    a = (rays**2).sum(0)
    half_b = x * rays[0] + y * rays[1] + z * rays[2]
    return _nearest(*_roots(a, half_b, x**2 + y**2 + z**2 - solid.radius**2))


def _sphere_normals(solid, places):
    normals = places.copy()
    normals[1] -= solid.radius
    return _turned_back(solid, normals / solid.radius)


def _box_sides(solid):
    return np.array([solid.radius, solid.height / 2, solid.radius * solid.depth], np.float32)


def _meet_box(solid, start, rays):
    half = _box_sides(solid)[:, np.newaxis]
    middle = start - np.array([[0], [solid.height / 2], [0]], np.float32)
    # Between the two planes of each axis; fmin and fmax pass over 0 / 0, a ray within a plane.
    one, other = (-half - middle) / rays, (half - middle) / rays
    enter = np.fmin(one, other).max(0)
    leave = np.fmax(one, other).min(0)
    return np.where(enter <= leave, np.where(enter > 0, enter, leave), FAR)


def _box_normals(solid, places):
    middle = places - np.array([[0], [solid.height / 2], [0]], places.dtype)
    share = middle / _box_sides(solid)[:, np.newaxis]
    normals = np.where(np.abs(share) == np.abs(share).max(0), np.sign(share), 0)
    return _turned_back(solid, normals / np.sqrt((normals**2).sum(0)))


def _meet_cylinder(solid, start, rays):
    a = rays[0] ** 2 + rays[2] ** 2
    half_b = start[0] * rays[0] + start[2] * rays[2]
    sides = _roots(a, half_b, start[0] ** 2 + start[2] ** 2 - solid.radius**2)
    sides = [np.where(_between_ends(solid, start, rays, t), t, FAR) for t in sides]
    top = (solid.height - start[1]) / rays[1]
    on_top = _radius_at(start, rays, top) <= solid.radius
    return _nearest(*sides, np.where(on_top, top, FAR))


def _cylinder_normals(solid, places):
    normals = places / solid.radius
    normals[1] = 0
    # Whatever lies on the side is this near to the axis; what is nearer lies on the top.
    top = (normals[0] ** 2 + normals[2] ** 2 < 0.998) & (places[1] > 0.998 * solid.height)
    normals[:, top] = np.array([[0], [1], [0]])
    return _turned_back(solid, normals)


def _meet_cone(solid, start, rays):
    slope = solid.radius / solid.height
    down, ray_down = solid.height - start[1], -rays[1]
    a = rays[0] ** 2 + rays[2] ** 2 - (slope * ray_down) ** 2
    half_b = start[0] * rays[0] + start[2] * rays[2] - slope**2 * down * ray_down
    sides = _roots(a, half_b, start[0] ** 2 + start[2] ** 2 - (slope * down) ** 2)
    return _nearest(*(np.where(_between_ends(solid, start, rays, t), t, FAR) for t in sides))


def _cone_normals(solid, places):
    slope = solid.radius / solid.height
    around = np.maximum(np.hypot(places[0], places[2]), 1e-6)
    normals = np.stack([places[0] / around, np.full_like(around, slope), places[2] / around])
    return _turned_back(solid, normals / math.hypot(1, slope))


def _between_ends(solid, start, rays, distance):
    y = start[1] + distance * rays[1]
    return (y >= 0) & (y <= solid.height)


def _radius_at(start, rays, distance):
    return np.hypot(start[0] + distance * rays[0], start[2] + distance * rays[2])


# By name: where a ray meets the solid, and the normals on its surface.
SHAPES = {
    "sphere": (_meet_sphere, _sphere_normals),
    "box": (_meet_box, _box_normals),
    "cylinder": (_meet_cylinder, _cylinder_normals),
    "cone": (_meet_cone, _cone_normals),
}


def draw_scene(seed: int, number: int, height: int, width: int) -> dict[str, np.ndarray]:
    """Draws one image and its depth map.

    Args:
        seed: not negative; with `number` it decides on the scene.
        number: of the image, not negative.
        height: pixels.
        width: pixels.

    Returns:
        `image` uint8 [H, W, 3] and `depth` uint8 [H, W, 1]: 255 · `NEAREST` / distance, at
        most 255, and 0 for the sky. Where several rays go through a pixel, its depth is that of
        the nearest: a mean over an edge would be the depth of nothing.
    """
    scene = make_scene(np.random.default_rng([seed, number]))
    fine = 2 if height * width <= FINE else 1
    colours, depth = cast(scene, height * fine, width * fine)
    colours = colours.reshape(height, fine, width, fine, 3).mean((1, 3))
    depth = depth.reshape(height, fine, width, fine).min((1, 3))
    near = np.rint(255 * np.minimum(NEAREST / depth, 1)).astype(np.uint8)
    return {"image": np.rint(255 * colours).astype(np.uint8), "depth": near[..., np.newaxis]}


@dataclasses.dataclass(frozen=True)
class ScenePainter:
    """Draws the pair of a number.

    Args:
        direction: `AtoB` has the image as input and the depth map as target, `BtoA` the reverse.
    """

    direction: str

    def __call__(self, seed: int, number: int, height: int, width: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, uint8 [H, W, 3] and [H, W, 1] or the reverse."""
        drawn = draw_scene(seed, number, height, width)
        a, b = drawn["image"], drawn["depth"]
        return {"input": a, "target": b} if self.direction == "AtoB" else {"input": b, "target": a}


def open_scenes(
    images: ImageFormat,
    *,
    seed: int = 0,
    direction: str = "AtoB",
    train: int = 2000,
    validation: int = 50,
    test: int = 200,
) -> Dataset:
    """Opens the drawn scenes as a collection of kind `paired`.

    Args:
        images: any size; `channels` None.
        seed: not negative; another seed is another data set.
        direction: `AtoB` (image to depth map) or `BtoA`.
        train: number of pairs.
        validation: number of pairs.
        test: number of pairs.

    Raises:
        UserError: the pairs cannot be drawn as asked.
    """
    if images.channels is not None:
        raise UserError(
            f"--channels={images.channels}: scenes have images of 3 channels and depth maps "
            "of 1; right would be --channels=auto"
        )
    if direction not in ("AtoB", "BtoA"):
        raise UserError(f"--direction={direction}: must be AtoB or BtoA")
    counts = {"train": train, "validation": validation, "test": test}
    painter = ScenePainter(direction)
    return Dataset(
        name="scenes",
        kind="paired",
        parts={
            part: RenderedSource(painter, part, count, seed, *images.size_of(part))
            for part, count in counts.items()
        },
        description=f"scenes: drawn solids (A) and their depth maps (B), {train} train, "
        f"{validation} validation, {test} test",
    )

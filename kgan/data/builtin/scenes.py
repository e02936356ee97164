"""The built-in data set `scenes`: images and depth maps of synthetic, ray-cast solids.

Spheres, boxes, cylinders and cones stand on a plane under a light that casts shadows. The depth map
is exact, so that every error of a network in it is the network's own.
"""

import dataclasses
import functools
import math

import numpy as np

from kgan.data.builtin.rendered import rendered_parts
from kgan.data.builtin.solids import FAR, SHAPES, Solid
from kgan.data.dataset import Dataset, ImageFormat, as_pair, check_direction, counts_of
from kgan.utils.errors import UserError

COUNTS = {"train": 2000, "validation": 50, "test": 200}
NEAREST = 3.0  # the distance that is white in the depth map; half as bright is twice as far
FINE = 256 * 256  # largest number of pixels at which four rays are cast through each
SOLIDS = (2, 6)
TRIES = 60  # attempts to find free positions for the solids
SHADOW = 0.35  # fraction of the light that is left in a shadow
START = 1e-3  # how far above a surface a ray to the light begins, or it would hit its origin


@dataclasses.dataclass(frozen=True)
class Scene:
    """Solids, camera and light.

    Args:
        solids: at least one.
        eye: height of the camera, which stands at x = z = 0.
        pitch: downward angle of the camera, in radians.
        reach: half the image's height over the distance of the image plane.
        light: float [3], unit vector towards the light.
        ground: float [2, 3], the two colours of the tiles.
        tile: side of a tile.
        sky: float [2, 3], colours at the horizon and above.

    Example:
        >>> 1 <= len(sample_scene(np.random.default_rng(0)).solids) <= 6
        True
    """

    solids: tuple[Solid, ...]
    eye: float
    pitch: float
    reach: float
    light: np.ndarray
    ground: np.ndarray
    tile: float
    sky: np.ndarray


def sample_scene(rng: np.random.Generator) -> Scene:
    """Samples a scene; its mirror image is equally likely."""
    solids: list[Solid] = []
    wanted = int(rng.integers(SOLIDS[0], SOLIDS[1] + 1))
    for _ in range(TRIES):
        radius, z = rng.uniform(0.35, 0.8), rng.uniform(3.8, 8.5)
        x = rng.uniform(-0.42, 0.42) * z
        # The corners of a box are farther from its centre than its sides.
        if any(math.hypot(x - s.x, z - s.z) < 1.42 * (radius + s.radius) for s in solids):
            continue
        shape = tuple(SHAPES)[rng.integers(len(SHAPES))]
        height, depth = rng.uniform(0.7, 2.0), rng.uniform(0.6, 1)
        if shape == "sphere":
            height = 2 * radius
        turn = rng.uniform(0, math.pi)
        solids.append(Solid(shape, x, z, radius, height, depth, turn, _colour(rng)))
        if len(solids) == wanted:
            break
    azimuth, elevation = rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 1.2)
    level = math.cos(elevation)
    light = [level * math.cos(azimuth), math.sin(elevation), level * math.sin(azimuth)]
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
    """Samples a saturated colour: one channel high, one low, one anywhere."""
    return rng.permutation([rng.uniform(0.75, 1), rng.uniform(0.05, 0.3), rng.uniform(0.05, 1)])


def cast(scene: Scene, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Casts a ray through the middle of each pixel.

    Args:
        scene: the scene.
        height: pixels; the vertical angle of view does not depend on it.
        width: pixels; a wider image shows more on both sides.

    Returns:
        Colours, float32 [H, W, 3] in [0, 1], and distances along the camera's axis, float32
        [H, W], infinite for the sky.
    """
    up = (0.5 - (np.arange(height, dtype=np.float32) + 0.5) / height) * 2 * scene.reach
    right = ((np.arange(width, dtype=np.float32) + 0.5) * 2 - width) / height * scene.reach
    up, right = (field.ravel() for field in np.meshgrid(up, right, indexing="ij"))
    cos, sin = np.float32(math.cos(scene.pitch)), np.float32(math.sin(scene.pitch))
    # Not unit vectors: the distance along a ray is then the distance along the camera's axis.
    rays = np.stack([right, up * cos - sin, cos + up * sin])
    eye = np.array([0, scene.eye, 0], np.float32)[:, np.newaxis]
    depth = np.where(rays[1] < 0, -scene.eye / np.minimum(rays[1], -1e-6), FAR)
    hit = np.full(depth.shape, -1)
    for number, solid in enumerate(scene.solids):
        distance = solid.distance(eye, rays)
        nearer = distance < depth
        depth, hit = np.where(nearer, distance, depth), np.where(nearer, number, hit)
    seen = np.isfinite(depth)
    # Rays to the sky end anywhere: their colour is set last.
    points = eye + rays * np.where(seen, depth, 1)
    albedo, normals = _ground(scene, points, depth)
    for number, solid in enumerate(scene.solids):
        here = hit == number
        albedo[:, here] = solid.colour[:, np.newaxis]
        normals[:, here] = solid.normals(points[:, here])
    light = scene.light
    shade = np.maximum(light @ normals, 0)
    begin = points + START * normals
    towards = np.broadcast_to(light[:, np.newaxis], points.shape)
    lit = np.ones(depth.shape, bool)
    for solid in scene.solids:
        lit &= ~np.isfinite(solid.distance(begin, towards))
    view = -rays / np.sqrt((rays**2).sum(0))
    mirrored = 2 * shade * normals - light[:, np.newaxis]
    gloss = np.maximum((mirrored * view).sum(0), 0) ** 24 * (hit >= 0) * lit
    left = np.where(lit, np.float32(1), np.float32(SHADOW))
    colours = albedo * (0.32 + 0.68 * shade * left) + 0.3 * gloss
    height_share = np.clip(rays[1] * 2.5, 0, 1)
    sky = scene.sky[0][:, np.newaxis] * (1 - height_share) + np.outer(scene.sky[1], height_share)
    # The ground fades into the sky, so that the horizon is not an edge.
    haze = 1 - np.exp(depth / -40)
    colours = np.clip(colours + (sky - colours) * haze, 0, 1)
    return colours.T.reshape(height, width, 3), depth.reshape(height, width)


def _ground(scene, points, depth):
    tiles = np.floor(points[[0, 2]] / scene.tile).sum(0) % 2
    # Distant tiles are smaller than pixels and fade into one colour.
    sharp = np.exp(-((depth / 12) ** 2))
    share = 0.5 + (tiles - 0.5) * sharp
    low, high = scene.ground[..., np.newaxis]
    normals = np.zeros_like(points)
    normals[1] = 1
    return low * (1 - share) + high * share, normals


def render_scene(
    seed: int, number: int, height: int, width: int, *, direction: str = "AtoB"
) -> dict[str, np.ndarray]:
    """Renders one image and its depth map.

    Args:
        seed: not negative; with `number` it determines the scene.
        number: of the image, not negative.
        direction: `AtoB` (image to depth map) or `BtoA`.

    Returns:
        `input` and `target`: the image uint8 [H, W, 3] and the depth map uint8 [H, W, 1], which is
        255 · `NEAREST` / distance, at most 255, and 0 for the sky. Where several rays go through a
        pixel, the nearest counts: no surface has the mean depth of an edge.
    """
    scene = sample_scene(np.random.default_rng([seed, number]))
    fine = 2 if height * width <= FINE else 1
    colours, depth = cast(scene, height * fine, width * fine)
    colours = colours.reshape(height, fine, width, fine, 3).mean((1, 3))
    depth = depth.reshape(height, fine, width, fine).min((1, 3))
    near = np.rint(255 * np.minimum(NEAREST / depth, 1)).astype(np.uint8)
    return as_pair(np.rint(255 * colours).astype(np.uint8), near[..., np.newaxis], direction)


def open_scenes(
    images: ImageFormat, *, seed: int = 0, direction: str = "AtoB", **counts: int
) -> Dataset:
    """Opens the scenes as a data set of kind `paired`.

    Args:
        images: any size; `channels` None.
        direction: `AtoB` (image to depth map) or `BtoA`.
        **counts: number of pairs of a part, in place of `COUNTS`.
    """
    if images.channels is not None:
        raise UserError(
            f"--channels={images.channels}: scenes have images of 3 channels and depth maps "
            "of 1; right would be --channels=auto"
        )
    check_direction(direction)
    render = functools.partial(render_scene, direction=direction)
    parts = rendered_parts(render, images, seed, **{**COUNTS, **counts})
    about = f"scenes: rendered solids (A) and their depth maps (B), {counts_of(parts)}"
    return Dataset("scenes", "paired", parts, about)

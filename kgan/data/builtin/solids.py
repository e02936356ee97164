"""Solids of the built-in data set `scenes`: where rays meet them, and the normals there."""

import dataclasses
import functools
import math

import numpy as np

FAR = np.float32(np.inf)


@dataclasses.dataclass(frozen=True)
class Solid:
    """A solid on the ground, y = 0.

    Args:
        shape: one of `SHAPES`.
        x: of its centre, to the right.
        z: of its centre, away from the camera.
        radius: of its base; half the longer side of a box.
        height: of its top; of a sphere, twice its radius.
        depth: half the shorter side of a box, as a fraction of `radius`.
        turn: rotation of a box about the vertical, in radians.
        colour: float [3] in [0, 1].

    Example:
        >>> ball = Solid("sphere", 0, 5, 1, 2, 1, 0, np.ones(3))
        >>> ray = np.float32([[0], [0], [1]])
        >>> ball.distance(np.float32([[0], [1], [0]]), ray).tolist()
        [4.0]
    """

    shape: str
    x: float
    z: float
    radius: float
    height: float
    depth: float
    turn: float
    colour: np.ndarray

    def distance(self, start: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Computes how far along each ray the solid is first met.

        Args:
            start: float [3, 1] or [3, N], where the rays begin.
            rays: float [3, N], directions; distances are in units of their lengths.

        Returns:
            float [N], infinite where a ray misses the solid.
        """
        # Most rays miss the ball around the solid; testing that first takes a fifth of the time.
        middle = self.height / 2
        ball = 2 * self.radius**2 + middle**2
        x, y, z = self.x - start[0], middle - start[1], self.z - start[2]
        along = x * rays[0] + y * rays[1] + z * rays[2]
        length = rays[0] ** 2 + rays[1] ** 2 + rays[2] ** 2
        near = ((x * x + y * y + z * z - ball) * length <= along * along).nonzero()[0]
        distance = np.full(rays.shape[1], FAR)
        start = self._local(start if start.shape[1] == 1 else start[:, near])
        with np.errstate(divide="ignore", invalid="ignore"):
            found = SHAPES[self.shape][0](self, start, _rotate(self.turn, rays[:, near]))
        distance[near] = np.where(found > 0, found, FAR)
        return distance

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Computes the unit normals at points of the surface; float [3, N] both."""
        return _rotate(-self.turn, SHAPES[self.shape][1](self, self._local(points)))

    def _local(self, points):
        """Moves points so that the base is at the origin and the sides are along the axes."""
        return _rotate(self.turn, points - np.array([[self.x], [0], [self.z]], points.dtype))


def _rotate(turn, vectors):
    cos, sin = math.cos(turn), math.sin(turn)
    x, y, z = vectors
    return np.stack([cos * x + sin * z, y, cos * z - sin * x])


def _roots(a, half_b, c):
    """Solves a t² + 2 half_b t + c = 0; NaN where there is no solution."""
    root = np.sqrt(half_b**2 - a * c)
    return (-half_b - root) / a, (-half_b + root) / a


def _nearest(*distances):
    """Returns the smallest positive distance; NaN is ignored."""
    return functools.reduce(np.fmin, [np.where(t > 0, t, FAR) for t in distances])


def _meet_sphere(solid, start, rays):
    x, y, z = start[0], start[1] - solid.radius, start[2]
    a = (rays**2).sum(0)
    half_b = x * rays[0] + y * rays[1] + z * rays[2]
    return _nearest(*_roots(a, half_b, x**2 + y**2 + z**2 - solid.radius**2))


def _sphere_normals(solid, points):
    normals = points.copy()
    normals[1] -= solid.radius
    return normals / solid.radius


def _box_sides(solid):
    return np.array([solid.radius, solid.height / 2, solid.radius * solid.depth], np.float32)


def _meet_box(solid, start, rays):
    half = _box_sides(solid)[:, np.newaxis]
    middle = start - np.array([[0], [solid.height / 2], [0]], np.float32)
    # Between the two planes of each axis; fmin and fmax ignore 0 / 0, a ray within a plane.
    one, other = (-half - middle) / rays, (half - middle) / rays
    enter = np.fmin(one, other).max(0)
    leave = np.fmax(one, other).min(0)
    return np.where(enter <= leave, np.where(enter > 0, enter, leave), FAR)


def _box_normals(solid, points):
    middle = points - np.array([[0], [solid.height / 2], [0]], points.dtype)
    share = middle / _box_sides(solid)[:, np.newaxis]
    normals = np.where(np.abs(share) == np.abs(share).max(0), np.sign(share), 0)
    return normals / np.sqrt((normals**2).sum(0))


def _meet_cylinder(solid, start, rays):
    a = rays[0] ** 2 + rays[2] ** 2
    half_b = start[0] * rays[0] + start[2] * rays[2]
    sides = _roots(a, half_b, start[0] ** 2 + start[2] ** 2 - solid.radius**2)
    sides = [np.where(_between_ends(solid, start, rays, t), t, FAR) for t in sides]
    top = (solid.height - start[1]) / rays[1]
    on_top = np.hypot(start[0] + top * rays[0], start[2] + top * rays[2]) <= solid.radius
    return _nearest(*sides, np.where(on_top, top, FAR))


def _cylinder_normals(solid, points):
    normals = points / solid.radius
    normals[1] = 0
    # Points of the side have this distance from the axis; nearer ones are on the top.
    top = (normals[0] ** 2 + normals[2] ** 2 < 0.998) & (points[1] > 0.998 * solid.height)
    normals[:, top] = np.array([[0], [1], [0]])
    return normals


def _meet_cone(solid, start, rays):
    slope = solid.radius / solid.height
    down, ray_down = solid.height - start[1], -rays[1]
    a = rays[0] ** 2 + rays[2] ** 2 - (slope * ray_down) ** 2
    half_b = start[0] * rays[0] + start[2] * rays[2] - slope**2 * down * ray_down
    sides = _roots(a, half_b, start[0] ** 2 + start[2] ** 2 - (slope * down) ** 2)
    return _nearest(*(np.where(_between_ends(solid, start, rays, t), t, FAR) for t in sides))


def _cone_normals(solid, points):
    slope = solid.radius / solid.height
    around = np.maximum(np.hypot(points[0], points[2]), 1e-6)
    normals = np.stack([points[0] / around, np.full_like(around, slope), points[2] / around])
    return normals / math.hypot(1, slope)


def _between_ends(solid, start, rays, distance):
    y = start[1] + distance * rays[1]
    return (y >= 0) & (y <= solid.height)


# By name: the distance at which a ray meets the solid, and the normals of its surface.
SHAPES = {
    "sphere": (_meet_sphere, _sphere_normals),
    "box": (_meet_box, _box_normals),
    "cylinder": (_meet_cylinder, _cylinder_normals),
    "cone": (_meet_cone, _cone_normals),
}

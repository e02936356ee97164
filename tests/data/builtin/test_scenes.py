"""Ray-cast scenes: distances and shadows against geometry, pairs in both directions."""

import itertools
import math

import numpy as np
import pytest

from kgan.data import registry
from kgan.data.builtin.scenes import Scene, cast, open_scenes, render_scene, sample_scene
from kgan.data.builtin.solids import SHAPES, Solid
from kgan.data.dataset import ImageFormat, spec_of
from kgan.utils.errors import UserError

RED = np.float32([1, 0, 0])
GREY = np.full((2, 3), 0.6, np.float32)
SKY = np.float32([[0.2, 0.4, 0.8], [0.2, 0.4, 0.8]])


def solid(shape, x=0.0, z=5.0, radius=1.0, height=2.0, depth=1.0, turn=0.0):
    return Solid(shape, x, z, radius, height, depth, turn, RED)


def scene(*solids, eye=1.0, light=(0, 1, 0), reach=0.5):
    """Makes a scene whose camera points straight ahead: a pixel's position is its ray's slope."""
    return Scene(solids, eye, 0.0, reach, np.float32(light), GREY, 1.0, SKY)


# Geometry, with an odd number of pixels: the ray of the middle one goes straight ahead.


@pytest.mark.parametrize(
    ("thing", "distance"),
    [
        (solid("sphere"), 4.0),
        (solid("cylinder"), 4.0),
        (solid("box"), 4.0),
        (solid("box", depth=0.5), 4.5),
        # Turned by a quarter, the longer side points to the camera.
        (solid("box", depth=0.5, turn=math.pi / 2), 4.0),
        (solid("box", turn=math.pi / 4), 5 - math.sqrt(2)),
        # Half way up it is half as wide.
        (solid("cone"), 4.5),
        (solid("cone", height=4.0), 4.25),
    ],
)
def test_distance_straight_ahead(thing, distance):
    _, depth = cast(scene(thing), 65, 65)
    assert depth[32, 32] == pytest.approx(distance, abs=1e-4)


def test_sphere_away_from_the_middle_is_met_where_the_circle_says():
    # A ray of slope 16 / 65 · 2 · 0.5 to the side, in the plane through the middle of the sphere.
    _, depth = cast(scene(solid("sphere")), 65, 65)
    slope = 10 / 65
    a, half_b, c = 1 + slope**2, -5.0, 24.0
    assert depth[32, 42] == pytest.approx((-half_b - math.sqrt(half_b**2 - a * c)) / a, abs=1e-4)
    assert depth[32, 22] == pytest.approx(depth[32, 42], abs=1e-4)
    assert np.isinf(depth[32, 52])  # past it, a ray that does not fall meets nothing


@pytest.mark.parametrize("shape", ["box", "cylinder"])
def test_top_is_seen_from_above(shape):
    _, depth = cast(scene(solid(shape), eye=3.0, reach=0.5), 65, 65)
    # The ray through row r falls by (r - 32) / 65; it meets the top, 1 below, at 65 / (r - 32).
    assert depth[32 + 13, 32] == pytest.approx(5.0, abs=1e-4)


def test_ground_is_as_far_as_the_ray_falls_and_the_sky_is_infinite():
    _, depth = cast(scene(solid("sphere", x=-30.0), eye=2.0), 64, 64)
    falls = (np.arange(32) + 0.5) / 64
    np.testing.assert_allclose(depth[32:, 60], 2.0 / falls, rtol=1e-4)
    assert np.isinf(depth[:32, 60]).all()


def test_nearer_solid_hides_the_other():
    both = scene(solid("box", z=8.0), solid("sphere", z=4.0, radius=0.5, height=1.0), eye=0.5)
    _, depth = cast(both, 65, 65)
    assert depth[32, 32] == pytest.approx(3.5, abs=1e-4)


def test_shadow_falls_away_from_the_light():
    # The light is to the right at 45 degrees: the shadow of a cylinder of height 1 and radius 0.5
    # reaches from its edge, -0.5, to -1.5.
    light = np.float32([math.sqrt(0.5), math.sqrt(0.5), 0])
    one = scene(solid("cylinder", radius=0.5, height=1.0), eye=2.0, light=light)
    colours, depth = cast(one, 129, 129)
    row = 64 + round(129 * 2 / 5)  # where the ground is 5 away
    assert depth[row, 10] == pytest.approx(5, rel=0.02)
    brightness = {x: colours[row, 64 + round(129 * x / 5)].mean() for x in (-2, -1, 1, 2)}
    assert brightness[-1] < 0.75 * brightness[1]
    assert brightness[-2] == pytest.approx(brightness[2], abs=0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_side_towards_the_light_is_brighter(shape):
    light = np.float32([0.8, 0.6, 0])
    colours, depth = cast(scene(solid(shape, turn=math.pi / 4), light=light), 129, 129)
    there = depth[64] < 5.5
    left, right = (
        colours[64, there & side, 0] for side in (np.arange(129) < 60, np.arange(129) > 68)
    )
    assert len(left) > 5 and len(right) > 5
    assert right.mean() > left.mean() + 0.1


def test_depth_map_is_brighter_for_nearer_surfaces():
    made = sample_scene(np.random.default_rng([0, 5]))
    # So large that one ray goes through each pixel.
    depth = render_scene(0, 5, 300, 300)["target"][..., 0]
    distances = cast(made, 300, 300)[1]
    np.testing.assert_array_equal(depth, np.rint(255 * np.minimum(3 / distances, 1)))
    assert (depth[np.isinf(distances)] == 0).all()


def test_scenes_have_all_shapes_and_the_solids_are_apart():
    shapes = set()
    for number in range(60):
        made = sample_scene(np.random.default_rng([0, number]))
        shapes |= {found.shape for found in made.solids}
        assert 1 <= len(made.solids) <= 6
        for one, other in itertools.combinations(made.solids, 2):
            distance = math.hypot(one.x - other.x, one.z - other.z)
            assert distance > one.radius + other.radius
        assert np.linalg.norm(made.light) == pytest.approx(1, abs=1e-5)
    assert shapes == {"sphere", "box", "cylinder", "cone"}


@pytest.mark.parametrize("size", [(8, 8), (48, 96), (300, 260)])
def test_any_size_can_be_rendered(size):
    image, depth = (render_scene(0, 1, *size)[key] for key in ("input", "target"))
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (depth.shape, depth.dtype) == ((*size, 1), np.uint8)


def test_another_size_shows_the_same_scene():
    for number in range(6):
        small, large = render_scene(0, number, 48, 48), render_scene(0, number, 144, 144)
        for key in ("input", "target"):
            thirds = large[key].reshape(48, 3, 48, 3, -1).mean((1, 3))
            assert np.abs(thirds - small[key]).mean() < 4


@pytest.mark.parametrize(("direction", "channels"), [("AtoB", (3, 1)), ("BtoA", (1, 3))])
def test_direction_swaps_image_and_depth_map(direction, channels):
    small = ImageFormat((16, 16), (20, 20))
    found = registry.open_dataset("scenes", small, kind="paired", seed=4, direction=direction)
    spec = spec_of(found, (16, 16))
    assert (found.kind, (spec.input_channels, spec.channels)) == ("paired", channels)
    pair, expected = found.parts["train"].read(2), render_scene(4, 2, 20, 20)
    keys = ("input", "target") if direction == "AtoB" else ("target", "input")
    np.testing.assert_array_equal(pair[keys[0]], expected["input"])
    np.testing.assert_array_equal(pair[keys[1]], expected["target"])


def test_other_channels_and_directions_are_refused():
    with pytest.raises(UserError, match=r"^--channels=1: scenes .*--channels=auto$"):
        open_scenes(ImageFormat((16, 16), (16, 16), channels=1))
    with pytest.raises(UserError, match=r"^--direction=up: unknown; right would be AtoB or BtoA$"):
        open_scenes(ImageFormat((16, 16), (16, 16)), direction="up")

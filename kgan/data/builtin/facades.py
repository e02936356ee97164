"""The built-in data set `facades`: label maps of synthetic houses and their photos.

The label map has flat colours; the photo adds textures, light and the noise of a sensor. The noise
comes last and from random numbers of its own, so that the error that no network can avoid is known.
"""

import dataclasses
import functools
import math

import numpy as np

from kgan.data.builtin.facade_layout import PALETTE, Canvas, lay_out, sample_plan
from kgan.data.builtin.facade_photo import light, shade
from kgan.data.builtin.rendered import PART_STARTS, RenderedSource, rendered_parts
from kgan.data.dataset import Dataset, ImageFormat, as_pair, check_direction, counts_of
from kgan.utils.errors import UserError

COUNTS = {"train": 600, "validation": 50, "test": 100}
SIDES = (32, 1024)
NOISE_LEVELS = 4.0  # standard deviation of the sensor noise, in the 255 levels of the image


@dataclasses.dataclass(frozen=True)
class Facade:
    """One rendered pair.

    Args:
        label: uint8 [H, W, 3], every pixel has a colour of `PALETTE`.
        photo: uint8 [H, W, 3], with the sensor noise.
        clean: uint8 [H, W, 3], the photo without the noise.

    Example:
        >>> render_facade(seed=0, index=3, height=32, width=48).photo.shape
        (32, 48, 3)
    """

    label: np.ndarray
    photo: np.ndarray
    clean: np.ndarray


def _fits(height: int, width: int) -> bool:
    return SIDES[0] <= min(height, width) and max(height, width) <= SIDES[1]


def render_facade(seed: int, index: int, height: int, width: int) -> Facade:
    """Renders one label map and its photo.

    An image of another size but the same shape shows the same house; a wider one has room for
    more columns of windows, a taller one for more storeys.

    Args:
        seed: not negative; with `index` it determines the house.
        index: not negative; number of the image.
        height: pixels, in [32, 1024].
        width: pixels, in [32, 1024].

    Returns:
        The same bits for the same arguments, on one machine with one version of NumPy.
    """
    if not _fits(height, width):
        raise ValueError(f"`height`, `width` must be in {SIDES}. Received: {height}, {width}")
    rng = np.random.default_rng([seed, index, 0])
    canvas = Canvas(height, width)
    plan = sample_plan(rng, canvas.tall, canvas.wide)
    lay_out(canvas, plan, rng)
    classes = np.array(canvas.classes, np.uint8)[canvas.owner]
    colours = shade(canvas, classes, plan) * light(classes, plan, canvas)
    clean = np.rint(255 * np.clip(colours, 0, 1))
    noise = np.random.default_rng([seed, index, 1]).standard_normal(clean.shape, np.float32)
    photo = np.rint(np.clip(clean + NOISE_LEVELS * noise, 0, 255))
    return Facade(PALETTE.take(classes, axis=0), photo.astype(np.uint8), clean.astype(np.uint8))


def _render_pair(seed, index, height, width, *, direction):
    facade = render_facade(seed, index, height, width)
    return as_pair(facade.label, facade.photo, direction)


def _check_sides(part: str, height: int, width: int) -> None:
    if not _fits(height, width):
        flag = f"--image_size={height}x{width}"
        if part == "train":
            flag = f"--image_size with --jitter gives training images of {height}x{width}"
        raise UserError(f"{flag}: facades have sides of {SIDES[0]} to {SIDES[1]} pixels")


def _measure_noise(source: RenderedSource) -> float:
    """Computes the mean absolute error of the clean photos, images in [-1, 1]."""
    # Half a million pixels (32 images of 128x128) are enough, and take a fraction of a second.
    size = source.height, source.width
    numbers = range(min(len(source), max(1, (1 << 19) // math.prod(size))))
    start = PART_STARTS[source.part]
    facades = [render_facade(source.seed, start + number, *size) for number in numbers]
    errors = [np.abs(facade.photo.astype(int) - facade.clean).mean() for facade in facades]
    return float(np.mean(errors)) / 127.5


def open_facades(
    images: ImageFormat, *, seed: int = 0, direction: str = "AtoB", **counts: int
) -> Dataset:
    """Opens the facades as a data set of kind `paired`.

    Args:
        images: sizes of the images, sides in [32, 1024]; `channels` None or 3.
        direction: `AtoB` (label map to photo) or `BtoA`.
        **counts: number of pairs of a part, in place of `COUNTS`; 0 leaves the part out.
    """
    if images.channels not in (None, 3):
        raise UserError(f"--channels={images.channels}: facades have 3 channels")
    check_direction(direction)
    # Even of a part that is left out; --jitter is named only where --image_size alone would fit.
    for part in ("test", "train"):
        _check_sides(part, *images.size_of(part))
    render = functools.partial(_render_pair, direction=direction)
    parts = rendered_parts(render, images, seed, **{**COUNTS, **counts})
    to_photo = direction == "AtoB"
    return Dataset(
        name="facades",
        kind="paired",
        parts=parts,
        description=f"facades: rendered pairs, {counts_of(parts)}",
        palette=PALETTE,
        palette_side="input" if to_photo else "target",
        noise_floor=_measure_noise(parts["test"]) if to_photo and "test" in parts else None,
        mirrors=False,  # the light comes from the upper left
    )

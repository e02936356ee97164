"""Data set `facades`: label maps of made-up houses and the photos that belong to them.

Pairs are drawn as they are read, each a function of the seed and its number alone. The label map
has flat colours; the photo adds textures, light and, drawn last and apart, the noise of a sensor,
so that the error that no network can avoid is known.
"""

import dataclasses

import numpy as np

from kgan.data.builtin.facade_layout import PALETTE, Canvas, lay_out, make_plan
from kgan.data.builtin.facade_photo import light, shade
from kgan.data.builtin.rendered import PART_ROOM, PART_STARTS
from kgan.data.dataset import Dataset, ImageFormat
from kgan.utils.errors import UserError

SIDES = (32, 1024)
NOISE_LEVELS = 4.0  # standard deviation of the sensor noise, in the 255 levels of the image


@dataclasses.dataclass(frozen=True)
class Facade:
    """One drawn pair.

    Args:
        label: uint8 [H, W, 3], every pixel one of the colours of `PALETTE`.
        photo: uint8 [H, W, 3], with the sensor noise.
        clean: uint8 [H, W, 3], the photo without the noise.
    """

    label: np.ndarray
    photo: np.ndarray
    clean: np.ndarray


def _can_draw(height: int, width: int) -> bool:
    return SIDES[0] <= min(height, width) and max(height, width) <= SIDES[1]


def draw_facade(seed: int, index: int, height: int, width: int) -> Facade:
    """Draws one label map and its photo.

    An image of another size but the same shape shows the same house; a wider one has room for
    more columns of windows, a taller one for more storeys.

    Args:
        seed: not negative; with `index` it decides on the house.
        index: not negative; number of the image.
        height: pixels, in [32, 1024].
        width: pixels, in [32, 1024].

    Returns:
        The same bits for the same arguments, on one machine with one version of NumPy.
    """
    if not _can_draw(height, width):
        raise ValueError(f"`height`, `width` must be in {SIDES}. Received: {height}, {width}")
    rng = np.random.default_rng([seed, index, 0])
    canvas = Canvas(height, width)
    plan = make_plan(rng, canvas.tall, canvas.wide)
    lay_out(canvas, plan, rng)
    kinds = np.array(canvas.kinds, np.uint8)[canvas.owner]
    clean = np.rint(255 * np.clip(shade(canvas, kinds, plan) * light(kinds, plan, canvas), 0, 1))
    noise = np.random.default_rng([seed, index, 1]).standard_normal(clean.shape, np.float32)
    photo = np.rint(np.clip(clean + NOISE_LEVELS * noise, 0, 255))
    return Facade(PALETTE.take(kinds, axis=0), photo.astype(np.uint8), clean.astype(np.uint8))


def _check_sides(part: str, height: int, width: int) -> None:
    if not _can_draw(height, width):
        size = f"{height}x{width}"
        if part == "train":
            asked = f"--image_size with --jitter gives training images of {size}"
        else:
            asked = f"--image_size={size}"
        raise UserError(f"{asked}: facades have sides of {SIDES[0]} to {SIDES[1]} pixels")


@dataclasses.dataclass(frozen=True)
class FacadesSource:
    """Draws the pairs of one part as they are read.

    Args:
        part: `train`, `validation` or `test`; no two of them share a house.
        count: number of pairs, at most 2^30.
        seed: not negative; seed of the whole data set.
        height: pixels, in [32, 1024].
        width: pixels, in [32, 1024].
        direction: `AtoB` has the label map as input and the photo as target, `BtoA` the reverse.

    Raises:
        UserError: facades are not drawn at this size.
    """

    part: str
    count: int
    seed: int
    height: int
    width: int
    direction: str = "AtoB"

    def __post_init__(self):
        _check_sides(self.part, self.height, self.width)
        if self.count > PART_ROOM:
            raise ValueError(f"`count` must be at most {PART_ROOM}. Received: {self.count}")

    def __len__(self) -> int:
        return self.count

    def draw(self, index: int) -> Facade:
        """Returns the drawing behind one example; it holds the photo without noise, too."""
        if not 0 <= index < self.count:
            raise IndexError(f"`index` must be in [0, {self.count}). Received: {index}")
        return draw_facade(self.seed, PART_STARTS[self.part] + index, self.height, self.width)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, uint8 [H, W, 3]."""
        facade = self.draw(index)
        if self.direction == "AtoB":
            return {"input": facade.label, "target": facade.photo}
        return {"input": facade.photo, "target": facade.label}


def _measure_noise(source: FacadesSource) -> float:
    # Half a million pixels (32 images of 128x128) settle the mean in a fraction of a second.
    enough = max(1, (1 << 19) // (source.height * source.width))
    drawings = [source.draw(index) for index in range(min(len(source), enough))]
    errors = [np.abs(facade.photo.astype(int) - facade.clean).mean() for facade in drawings]
    return float(np.mean(errors)) / 127.5


def open_facades(
    images: ImageFormat,
    *,
    seed: int = 0,
    direction: str = "AtoB",
    train: int = 600,
    validation: int = 50,
    test: int = 100,
) -> Dataset:
    """Opens the drawn pairs as a collection of kind `paired`.

    Args:
        images: sizes of the drawings, sides in [32, 1024]; `channels` None or 3.
        seed: not negative; another seed is another data set.
        direction: `AtoB` (label map to photo) or `BtoA`.
        train: number of pairs, at least 1.
        validation: number of pairs; 0 leaves the part out.
        test: number of pairs; 0 leaves the part out.

    Raises:
        UserError: the images cannot be drawn as asked.
    """
    if images.channels not in (None, 3):
        raise UserError(f"--channels={images.channels}: facades are drawn with 3 channels")
    if direction not in ("AtoB", "BtoA"):
        raise UserError(f"--direction={direction}: must be AtoB or BtoA")
    # Whether or not a part is left out; --jitter is named only where --image_size alone would do.
    for part in ("test", "train"):
        _check_sides(part, *images.size_of(part))
    parts = {
        part: FacadesSource(part, count, seed, *images.size_of(part), direction)
        for part, count in (("train", train), ("validation", validation), ("test", test))
        if count
    }
    to_photo = direction == "AtoB"
    return Dataset(
        name="facades",
        kind="paired",
        parts=parts,
        description=f"facades: drawn pairs, {train} train, {validation} validation, {test} test",
        palette=PALETTE,
        palette_side="input" if to_photo else "target",
        noise_floor=_measure_noise(parts["test"]) if to_photo and "test" in parts else None,
        mirrors=False,  # the light comes from the upper left
    )

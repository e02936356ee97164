"""Pairs out of any set of images: the input is made from the target.

A network that is trained on them learns to draw from edges, to colour, to enlarge, to clean, to
fill in.
"""

import dataclasses
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from kgan.data.dataset import Dataset, Source, read_many
from kgan.utils.errors import UserError

LUMINANCE = (0.299, 0.587, 0.114)  # of R, G, B, ITU-R BT.601
EDGE_STEP = 0.1  # the least step of luminance, in [0, 1], that is drawn as a line
REDUCTION = 4  # of height and width, in `lowres`
NOISE = 0.15  # standard deviation in `noisy`, of images in [0, 1]
MASKED_SHARE = 0.25  # of the area, in `masked`
LONGEST = 1.5  # ratio of the sides of the masked rectangle in a square image
MASK_VALUE = 0.5


def derive_pairs(collection: Dataset, how: str, seed: int = 0) -> Dataset:
    """Makes pairs of a collection of images.

    Args:
        collection: of single images; labels and attributes are dropped.
        how: `edges` (dark lines on white), `grey` (luminance in every channel), `lowres` (a
            quarter of height and width, blown up again), `noisy` (Gaussian noise of standard
            deviation 0.15 in [0, 1]) or `masked` (a grey rectangle over a quarter of the area).
        seed: of noise and masks, which depend on the seed, the part and the index alone.

    Returns:
        A paired collection with the same parts. `target` is the image as it was; `input` has
        its shape, dtype and, where there are four channels, its alpha.

    Raises:
        UserError: unknown `how`, pairs already, or `grey` of grey images.
    """
    if how not in MAKERS:
        raise UserError(f"--pairs={how}: unknown; right would be one of {', '.join(MAKERS)}")
    if collection.kind not in ("images", "labelled", "attributes"):
        raise UserError(
            f"--pairs={how}: {collection.name} is {collection.kind} already; right would be a "
            "set of single images, or no --pairs"
        )
    if how == "grey" and _colours(collection.parts["train"].read(0)["image"]) == 1:
        raise UserError(
            f"--pairs=grey: the images of {collection.name} are grey already; right would be "
            "images in colour, or another kind of pairs"
        )
    return dataclasses.replace(
        collection,
        name=f"{collection.name}_{how}",
        kind="paired",
        parts={
            part: DerivedSource(source, how, seed, part)
            for part, source in collection.parts.items()
        },
        description=f"{collection.description}; pairs derived: {_INPUTS[how]} to image",
        class_names=(),
    )


@dataclasses.dataclass(frozen=True)
class DerivedSource:
    """Pairs made of the images of another source, when they are read."""

    source: Source
    how: str
    seed: int
    part: str

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `input` and `target`, of the shape and dtype of the source's images."""
        return self._derive(index, self.source.read(index)["image"])

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns what `read` returns for each of several indices."""
        found = read_many(self.source, indices)
        return [
            self._derive(index, example["image"])
            for index, example in zip(indices, found, strict=True)
        ]

    def _derive(self, index: int, target: np.ndarray) -> dict[str, np.ndarray]:
        position = range(len(self))[index]  # -1 is the same image as the last
        key = [self.seed % 2**64, zlib.crc32(self.part.encode()), position]
        colours = _colours(target)
        unit = _to_unit(target[..., :colours])
        made = MAKERS[self.how](unit, np.random.default_rng(key))
        made = _from_unit(np.broadcast_to(made, unit.shape), target.dtype)
        return {"input": np.concatenate([made, target[..., colours:]], axis=-1), "target": target}


def _colours(image: np.ndarray) -> int:
    """Returns the number of channels that are not alpha."""
    return min(image.shape[-1], 3)


def _to_unit(image: np.ndarray) -> np.ndarray:
    if np.issubdtype(image.dtype, np.integer):
        return image.astype(np.float32) / np.iinfo(image.dtype).max
    return image.astype(np.float32)


def _from_unit(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    image = np.clip(image, 0, 1)
    if np.issubdtype(dtype, np.integer):
        image = np.rint(image * np.iinfo(dtype).max)
    return image.astype(dtype)


def _grey(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    if image.shape[-1] == 1:
        return image
    return (image @ np.array(LUMINANCE, np.float32))[..., np.newaxis]


def _edges(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a line where the luminance's slope is steep, and steepest across the line."""
    p = np.pad(_grey(image)[..., 0], 1, mode="edge")
    # Sobel's filters, scaled so that a step by 1 between neighbouring pixels gives 1.
    rows = (p[:-2] + 2 * p[1:-1] + p[2:]) / 4
    columns = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4
    right, down = rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2]
    slope = np.hypot(right, down)
    around = np.pad(slope, 1)
    height, width = slope.shape
    # The direction of the slope, to the nearest of 0, 45, 90 and 135 degrees.
    octant = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    steepest = np.zeros(slope.shape, bool)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = around[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        behind = around[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        # A sharp step is equally steep on both of its sides: only one of them gets the line.
        steepest |= (octant == number) & (slope >= ahead - 1e-6) & (slope > behind + 1e-6)
    lines = steepest & (slope >= EDGE_STEP)
    return np.where(lines, np.float32(0), np.float32(1))[..., np.newaxis]


def _lowres(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = (max(1, round(width / REDUCTION)), max(1, round(height / REDUCTION)))
    bicubic = Image.Resampling.BICUBIC
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, -1, 0)]
    planes = [plane.resize(small, bicubic).resize((width, height), bicubic) for plane in planes]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image + np.float32(NOISE) * rng.standard_normal(image.shape, np.float32)


def _masked(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    ratio = LONGEST ** rng.uniform(-0.5, 0.5)
    tall = min(height, max(1, round(height * MASKED_SHARE**0.5 * ratio)))
    wide = min(width, max(1, round(width * MASKED_SHARE**0.5 / ratio)))
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    masked = image.copy()
    masked[top : top + tall, left : left + wide] = MASK_VALUE
    return masked


MAKERS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "edges": _edges,
    "grey": _grey,
    "lowres": _lowres,
    "noisy": _noisy,
    "masked": _masked,
}
_INPUTS = {
    "edges": "edges",
    "grey": "luminance",
    "lowres": f"1/{REDUCTION} of the resolution",
    "noisy": f"noise of deviation {NOISE}",
    "masked": f"{MASKED_SHARE:.0%} masked",
}

"""Image pairs derived from single images: the input is computed from the target.

A network that is trained on them learns to synthesise from edges, to colourise, to increase the
resolution, to denoise or to inpaint.
"""

import dataclasses
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from kgan.data.dataset import CONTENTS, SINGLE_IMAGES, Dataset, Source
from kgan.utils.errors import UserError

LUMINANCE = (0.299, 0.587, 0.114)  # of R, G, B, ITU-R BT.601
EDGE_STEP = 0.1  # smallest step of luminance, in [0, 1], that counts as an edge
REDUCTION = 4  # of height and width, in `lowres`
NOISE = 0.15  # standard deviation in `noisy`, of images in [0, 1]
MASKED_SHARE = 0.25  # of the area, in `masked`
LONGEST = 1.5  # largest ratio of the sides of the masked rectangle in a square image
MASK_VALUE = 0.5


def derive_pairs(dataset: Dataset, how: str, seed: int = 0) -> Dataset:
    """Makes pairs of a data set of single images.

    Args:
        dataset: of single images; labels and attributes are dropped.
        how: `edges` (dark lines on white), `grey` (luminance in every channel), `lowres` (reduced
            to a quarter of height and width, enlarged again), `noisy` (Gaussian noise of standard
            deviation 0.15 in [0, 1]) or `masked` (a grey rectangle over a quarter of the area).
        seed: of noise and masks, which depend on the seed, the part and the index alone.

    Returns:
        A paired data set with the same parts. `target` is the original image; `input` has its
        shape, its dtype and, with four channels, its alpha.
    """
    if how not in MAKERS:
        raise UserError(f"--pairs={how}: unknown; right would be one of {', '.join(MAKERS)}")
    if dataset.kind not in SINGLE_IMAGES:
        raise UserError(
            f"--pairs={how}: {dataset.name} contains {CONTENTS[dataset.kind]}; right would be a "
            "data set of single images, or no --pairs"
        )
    if how == "grey" and _colours(dataset.parts["train"].read(0)["image"]) == 1:
        raise UserError(
            f"--pairs=grey: the images of {dataset.name} are grey already; right would be images "
            "in colour, or other pairs"
        )
    return dataclasses.replace(
        dataset,
        name=f"{dataset.name}_{how}",
        kind="paired",
        parts={
            part: DerivedSource(source, how, seed, part) for part, source in dataset.parts.items()
        },
        description=f"{dataset.description}; pairs derived: {MAKERS[how][1]} to image",
        class_names=(),
    )


@dataclasses.dataclass(frozen=True)
class DerivedSource(Source):
    """Pairs that are derived from the images of another source when they are read.

    Args:
        source: the other source.
        how: see `derive_pairs`.
        seed: of noise and masks.
        part: name of the part, which noise and masks depend on.

    Example:
        >>> from kgan.data.dataset import ArraySource
        >>> images = ArraySource(np.uint8([[[[255, 0, 0]]]]), np.zeros(1, np.int32))
        >>> DerivedSource(images, "grey", 0, "train").read(0)["input"].ravel().tolist()
        [76, 76, 76]
    """

    source: Source
    how: str
    seed: int
    part: str

    def __len__(self) -> int:
        return len(self.source)

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns `input` and `target`, of the shape and dtype of the source's images."""
        examples = zip(indices, self.source.read_many(indices), strict=True)
        return [self._derive(index, example["image"]) for index, example in examples]

    def _derive(self, index: int, target: np.ndarray) -> dict[str, np.ndarray]:
        position = range(len(self))[index]  # -1 is the same image as the last
        key = [self.seed % 2**64, zlib.crc32(self.part.encode()), position]
        made = make_input(target, self.how, np.random.default_rng(key))
        return {"input": made, "target": target}


def make_input(target: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """Computes the input of a derived pair.

    Args:
        target: an image, uint8, uint16 or float32 in [0, 1], [H, W, C].
        how: see `derive_pairs`.
        rng: of noise and masks.

    Returns:
        An array of the same shape and dtype, with the same alpha.
    """
    colours = _colours(target)
    unit = _to_unit(target[..., :colours])
    made = MAKERS[how][0](unit, rng)
    made = _from_unit(np.broadcast_to(made, unit.shape), target.dtype)
    return np.concatenate([made, target[..., colours:]], axis=-1)


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
    """Marks pixels where the gradient of the luminance is large, and largest across the edge."""
    p = np.pad(_grey(image)[..., 0], 1, mode="edge")
    # Sobel's filters, scaled so that a step by 1 between neighbouring pixels gives 1.
    rows = (p[:-2] + 2 * p[1:-1] + p[2:]) / 4
    columns = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4
    right, down = rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2]
    slope = np.hypot(right, down)
    around = np.pad(slope, 1)
    height, width = slope.shape
    # The direction of the gradient, to the nearest of 0, 45, 90 and 135 degrees.
    octant = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    steepest = np.zeros(slope.shape, bool)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = around[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        behind = around[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        # The gradient is equal on both sides of a sharp step: only one of them is marked.
        steepest |= (octant == number) & (slope >= ahead - 1e-6) & (slope > behind + 1e-6)
    lines = steepest & (slope >= EDGE_STEP)
    return np.where(lines, np.float32(0), np.float32(1))[..., np.newaxis]


def _lowres(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = (max(1, round(width / REDUCTION)), max(1, round(height / REDUCTION)))
    bicubic = Image.Resampling.BICUBIC
    channels = map(Image.fromarray, np.ascontiguousarray(np.moveaxis(image, -1, 0)))
    return np.stack(
        [c.resize(small, bicubic).resize((width, height), bicubic) for c in channels], axis=-1
    )


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


# By the value of --pairs, what computes an input, and what descriptions call it.
MAKERS: dict[str, tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], str]] = {
    "edges": (_edges, "edges"),
    "grey": (_grey, "luminance"),
    "lowres": (_lowres, f"1/{REDUCTION} of the resolution"),
    "noisy": (_noisy, f"noise of deviation {NOISE}"),
    "masked": (_masked, f"{MASKED_SHARE:.0%} masked"),
}

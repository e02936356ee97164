"""A trained model that translates images: how they are read, and how the answers become images."""

import dataclasses
import os
import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.data import decode, encoding, shaping
from kgan.data.planes import Planes
from kgan.data.preparation import to_domain
from kgan.data.transform.derived_pairs import make_input
from kgan.generation.answers import AnswerFiles
from kgan.generation.own_size import OwnSize
from kgan.models.base.translation import TranslationModel
from kgan.plots import grids
from kgan.runs import checkpoint as files
from kgan.runs.folder import open_run
from kgan.runs.restore import chosen_checkpoint, describe_checkpoint, load_run
from kgan.utils.errors import UserError

BATCH = 8
SAME_SHAPE = 0.02  # share by which the ratio of the sides may differ


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An image that is ready to be translated.

    Args:
        values: float32 [H, W, C] in [-1, 1].
        alpha: the transparency of the file, of the size of the values, of mode L, or of mode F in
            0 … 255; None: it is opaque.
        profile: its ICC profile; None: it has none.
        other_shape: whether the file has another ratio of width and height than the training.
        target: of an input that was computed from an image: that image, as `values`.

    Example:
        >>> Prepared(np.zeros([2, 2, 1], np.float32)).other_shape
        False
    """

    values: np.ndarray
    alpha: Image.Image | None = None
    profile: bytes | None = None
    other_shape: bool = False
    target: np.ndarray | None = None


class Translator:
    """A run's model in one direction.

    Args:
        run: the run folder.
        direction: `AtoB` or `BtoA`, for a model that translates in both directions.
        seed: of the live dropout: another seed gives another translation.
        checkpoint: `auto`, `best` or `last`.
        made_inputs: whether the images are inputs already where a run of `--pairs` computes its
            inputs from images.
        own_size: whether images are translated at their own size, not at that of the training.
        tile: see `OwnSize`.
        label_maps: see `kgan.runs.data.whole_spec`.

    Example:
        >>> Translator("runs/00001-none")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        kgan.utils.errors.UserError: --run=runs/00001-none: contains no flags.cfg; ...
    """

    def __init__(
        self,
        run: str,
        direction: str | None = None,
        seed: int = 0,
        checkpoint: str = "auto",
        made_inputs: bool = False,
        own_size: bool = False,
        tile: int = 512,
        label_maps: bool | None = None,
    ):
        opened = open_run(run)
        path = chosen_checkpoint(opened, checkpoint)
        model = load_run(run, checkpoint, label_maps)
        if not isinstance(model, TranslationModel):
            raise UserError(f"--input: {run} generates from seeds; use --seeds=0-63")
        if direction not in model.directions:
            raise UserError(
                f"--direction={direction}: {run} translates in one direction only; remove "
                "--direction"
            )
        pairs = opened.settings().data.pairs
        if made_inputs and pairs is None:
            raise UserError(
                "--made_inputs: the inputs of this run are not computed from images; remove it"
            )
        self.run = run
        self.seed = seed
        self.pairs = None if made_inputs else pairs
        self.default_name = f"translated-{direction}" if direction else "translated"
        self.direction = model.directions[direction]
        self.shape = model.reading(self.direction)
        self.writing = model.writing(self.direction)
        self.files = AnswerFiles(self.writing)
        self.trained_size = self.shape.size
        self.own_size = None
        if own_size:
            if self.direction.network is None:
                raise UserError(f"--output_size=input: {run} has no network for other sizes")
            self.own_size = OwnSize(self.direction.network, tile)
            self.shape = dataclasses.replace(self.shape, size=None)
        self.batch_size = 1 if own_size else BATCH
        self.description = describe_checkpoint(run, checkpoint)
        self.identity = {
            "run": os.path.realpath(run),
            "checkpoint": path.name,
            "weights": files.metadata(path)["sha256"],
            "direction": direction,
            "seed": seed,
            "made_inputs": made_inputs,
            "output_size": "input" if own_size else "trained",
        }

    def read(self, data: bytes, label: str, name: str) -> Prepared:
        """Decodes an image as it was for training, and computes the input from it where it was.

        Args:
            data: the bytes of a file.
            label: the image's name in messages.
            name: the image's own name; noise and masks depend on it.
        """
        deep = shaping.is_deep(self.shape)
        image = decode.decode(data, label, self.shape.smallest, deep=deep)
        return self.prepare(image, label, name)

    def prepare(self, image: Image.Image | Planes, label: str, name: str) -> Prepared:
        """Prepares a decoded image; see `read`."""
        array, target = shaping.shape_image(image, label, self.shape), None
        if self.pairs is not None:
            target = to_domain(array, self.shape)
            key = [self.seed, zlib.crc32(name.encode(errors="surrogateescape"))]
            array = make_input(array, self.pairs, np.random.default_rng(key))
        own = _alpha(image) if self.shape.channels < 4 else None
        alpha = None if own is None else shaping.to_size(own, self.shape)
        height, width = self.trained_size
        (wide, high), profile = image.size, image.info.get("icc_profile")
        other_shape = abs(wide * height / (high * width) - 1) > SAME_SHAPE
        return Prepared(to_domain(array, self.shape), alpha, profile, other_shape, target)

    def prepare_example(self, image: np.ndarray, target: np.ndarray | None) -> Prepared:
        """Prepares an image as a data set has it, with its target where there is one."""
        known = None if target is None else to_domain(target, self.writing)
        return Prepared(to_domain(image, self.shape), target=known)

    def translate(self, images: Sequence[Prepared]) -> Sequence[np.ndarray]:
        """Translates images; returns an answer for each, float32 [H, W, C] in [-1, 1]."""
        if self.own_size is not None:
            return [self.own_size.translate(image.values, self.seed) for image in images]
        return self.direction.translate(tf.stack([image.values for image in images]), self.seed)

    def shown(self, prepared: Prepared, answer: np.ndarray) -> dict[str, Image.Image]:
        """Returns `input`, `output` and, where it is known, `target` as images for people."""
        found = {
            "input": (prepared.values, self.shape),
            "output": (answer, self.writing),
            "target": (prepared.target, self.shape if self.pairs else self.writing),
        }
        return {
            kind: grids.to_image(encoding.shown(values, preparation))
            for kind, (values, preparation) in found.items()
            if values is not None
        }


def _alpha(image: Image.Image | Planes) -> Image.Image | None:
    """Returns the alpha channel of an image, see `Prepared`; None where all of it is opaque."""
    if isinstance(image, Planes):
        if len(image.planes) < 4:
            return None
        levels = np.asarray(image.planes[-1], np.float32)
        own = Image.fromarray(levels * np.float32(255 / (image.white or 1)))
    elif image.has_transparency_data:
        own = image.convert("RGBA").getchannel("A")
    else:
        return None
    return None if own.getextrema()[0] >= 255 else own

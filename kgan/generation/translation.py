"""Translations of folders of images."""

import collections
import pathlib

import tensorflow as tf

from kgan.data.dataset import ImageFormat
from kgan.data.folder.reading import open_images
from kgan.data.pipeline import to_domain
from kgan.generation.saving import output_path, save_png
from kgan.models.base.translation import TranslationModel
from kgan.plots import grids
from kgan.runs.folder import open_run
from kgan.runs.restore import load_run
from kgan.utils import progress
from kgan.utils.errors import UserError

BATCH = 8


def translate_folder(
    run: str,
    images: str,
    direction: str | None = None,
    seed: int = 0,
    out: str | None = None,
    checkpoint: str = "auto",
) -> pathlib.Path:
    """Translates every image of a folder or zip into a PNG file of the same name.

    Args:
        images: folder or zip of images of any size.
        direction: `AtoB` or `BtoA`, for a model that translates in both directions.
        seed: seed of the live dropout: another seed gives another translation.
        out: the folder to write to; None: `translated` in the run.
    """
    opened = open_run(run)
    model = load_run(run, checkpoint)
    if not isinstance(model, TranslationModel):
        raise UserError(f"--input={images}: {run} generates from seeds; use --seeds=0-63")
    if direction not in model.directions:
        raise UserError(
            f"--direction={direction}: {run} translates in one direction only; remove --direction"
        )
    translator = model.directions[direction]
    spec, shape = opened.spec(), model.reading(translator)
    # A run of an earlier version does not say whether its inputs are label maps.
    nearest = None if spec.kind == "paired" and spec.label_maps is None else shape.nearest
    image_format = ImageFormat(shape.size, shape.size, shape.channels, shape.fit)
    palette = opened.settings().data.palette
    source = open_images(images, image_format, nearest=nearest, palette=palette)
    names = _png_names(source.names)
    folder = output_path(run, out, f"translated-{direction}" if direction else "translated")
    for start in progress.bar(range(0, len(source), BATCH), unit="batch", delay=2):
        indices = range(start, min(start + BATCH, len(source)))
        # One by one: some images of a folder may have 16 bits.
        batch = tf.stack([to_domain(source.read(index)["image"]) for index in indices])
        for index, image in zip(indices, translator.translate(batch, seed), strict=True):
            save_png(grids.to_image(image), folder / names[index])
    return folder


def _png_names(names):
    """Returns the names with the suffix .png; `a.jpg.png` where `a.jpg` and `a.png` would clash."""
    short = [str(pathlib.PurePosixPath(name).with_suffix(".png")) for name in names]
    counts = collections.Counter(short)
    return [s if counts[s] == 1 else f"{name}.png" for s, name in zip(short, names, strict=True)]

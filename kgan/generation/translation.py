"""Translation of folders of images."""

import collections
import pathlib
import types

import numpy as np
import tensorflow as tf

from kgan.cli import settings
from kgan.data.dataset import ImageFormat
from kgan.data.folder.reading import open_images
from kgan.data.pipeline import to_domain
from kgan.generation.saving import save_png
from kgan.plots import grids
from kgan.runs.folder import open_run
from kgan.runs.restore import load_run
from kgan.utils import progress
from kgan.utils.errors import UserError

TRANSLATION_BATCH = 8


def translate_folder(given: types.SimpleNamespace) -> pathlib.Path:
    """Translates every image of a folder or zip into PNGs of the same names.

    Args:
        given: flags `run`, `checkpoint`, `input`, `direction`, `out`, `seed`.

    Raises:
        UserError: when the run's model does not translate, or not in this direction, or a
            image cannot be read.
    """
    run = open_run(given.run)
    model = load_run(given.run, given.checkpoint)
    ways = getattr(model, "ways", None)
    if ways is None:
        raise UserError(f"--input={given.input}: {run.folder} draws from seeds; give --seeds=0-63")
    if given.direction not in ways:
        raise UserError(
            f"--direction={given.direction}: {run.folder} translates one way only; leave it out"
        )
    way = ways[given.direction]
    height, width, channels = way.image_shape
    resolved = run.settings()
    wanted = ImageFormat((height, width), (height, width), channels, resolved.fit)
    palette = settings.parse_palette(resolved.palette)
    as_in_pairs = run.spec().kind == "paired"
    source = open_images(given.input, wanted, as_in_pairs=as_in_pairs, palette=palette)
    names = _png_names(source.names)
    direction = f"-{given.direction}" if given.direction else ""
    out = pathlib.Path(given.out or f"{run.folder}/translated{direction}")
    for start in progress.bar(range(0, len(source), TRANSLATION_BATCH), unit="batch", delay=2):
        indices = range(start, min(start + TRANSLATION_BATCH, len(source)))
        batch = to_domain(tf.constant(np.stack([source.read(i)["image"] for i in indices])))
        for index, answer in zip(indices, way.translate(batch, given.seed), strict=True):
            save_png(grids.to_image(answer), out / names[index])
    return out


def _png_names(names):
    """Gives each image's name the suffix .png; where `a.jpg` and `a.png` would meet, adds it."""
    short = [str(pathlib.PurePosixPath(name).with_suffix(".png")) for name in names]
    times = collections.Counter(short)
    return [s if times[s] == 1 else f"{name}.png" for s, name in zip(short, names, strict=True)]

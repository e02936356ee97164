"""Images generated from seeds, from labels and from latents between two seeds."""

import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from kgan.data.preparation import Preparation
from kgan.generation import video
from kgan.generation.answers import AnswerFiles
from kgan.generation.saving import KINDS, encode, output_place, write_new
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.plots import grids, scatter
from kgan.runs.restore import load_run
from kgan.utils.errors import UserError

BATCH = 64
IMAGES = tuple(KINDS)
ANIMATIONS = (".gif", ".mp4")
SEEDS_PER_LABEL = 10  # in the grid of all labels


def generate_seeds(
    run: str,
    seeds: Sequence[int],
    label: Sequence[str] | None = None,
    out: str | None = None,
    checkpoint: str = "auto",
) -> pathlib.Path:
    """Generates an image for each seed; without a label, a conditional model one for each label.

    Args:
        seeds: a seed always gives the same image, whatever the other seeds are.
        label: what a conditional model generates: one class, or attributes. None: a
            grid with a row for each, of the first ten seeds.
        out: a file for a grid or the image of one seed, else a folder for single images; None: a
            PNG file in the run.
    """
    model = _load(run, checkpoint)
    rows = _conditions(model, label)
    if rows is not None and label is None:
        place = output_place(run, out, "labels.png", IMAGES, "single images need a --label")
        seeds = seeds[:SEEDS_PER_LABEL]
        images = model.label_grid(rows, seeds)
        grid = images.reshape(len(rows), len(seeds), *images.shape[1:])
        return _write(grids.image_grid(grid), *place, out)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    latents = [model.latents_from_seeds(batch) for batch in batches]
    images = np.concatenate([_generate(model, batch, rows) for batch in latents])
    if images.ndim == 2:
        place = output_place(run, out, "seeds.png", IMAGES, "points are plotted together")
        return _write(scatter.plot_points(None, images), *place, out)
    path, suffix = output_place(run, out, "seeds.png", IMAGES)
    if suffix and len(images) > 1:
        return _write(grids.image_grid(grids.nearly_square(images)), path, suffix, out)
    # Single images have the levels that the training data had.
    files = AnswerFiles(model.writing or Preparation(channels=images.shape[-1]))
    if suffix:
        return write_new(path, files.encode(images[0], suffix), named=out is not None)
    for seed, image in zip(seeds, images, strict=True):
        place = path / f"seed-{seed:06d}{files.suffix}"
        write_new(place, files.encode(image, files.suffix), named=out is not None)
    return path


def interpolate(
    run: str,
    seeds: Sequence[int],
    frames: int = 10,
    label: Sequence[str] | None = None,
    out: str | None = None,
    checkpoint: str = "auto",
    fps: int = 10,
) -> pathlib.Path:
    """Generates α z₁ + (1 − α) z₂ for α from 1 to 0 in equal steps, in one row for each label.

    Of more than two seeds each one leads to the next. An animation shows the images one after the
    other.

    The line is straight, as in the course's DCGAN practical (docs/course.md). Vectors between two
    normal vectors are shorter than both, so images in the middle have less contrast.

    Args:
        seeds: of z₁, z₂, …; at least two.
        frames: number of images from one seed to the next, both included, at least 2.
        label: see `generate_seeds`.
        out: an image file, or a .gif or .mp4 file for an animation; None: a PNG file in the run.
        fps: images of an animation per second.
    """
    model = _load(run, checkpoint)
    rows = _conditions(model, label)
    default = f"interpolation-{'-'.join(map(str, seeds))}.png"
    kinds = (*IMAGES, *ANIMATIONS)
    path, suffix = output_place(run, out, default, kinds, "the images are shown in one row")
    latents = _between(np.asarray(model.latents_from_seeds(seeds)), frames)
    batches = [latents[start : start + BATCH] for start in range(0, len(latents), BATCH)]
    conditions = [None] if rows is None else rows[:, np.newaxis]
    grid = np.stack(
        [
            np.concatenate([_generate(model, b, condition) for b in batches])
            for condition in conditions
        ]
    )
    if grid.ndim == 3:
        raise UserError(f"--run={run}: generates points, not images; use --seeds=")
    if suffix in ANIMATIONS:
        shown = (grids.image_column(grid[:, place]) for place in range(len(latents)))
        content = video.animate(map(np.asarray, shown), suffix, fps, f"--out={out}")
        return write_new(path, content, named=True)
    return _write(grids.image_grid(grid), path, suffix, out)


def _between(ends, frames):
    """Returns latents on the lines from each end to the next; inner ends are there once."""
    alpha = np.linspace(1, 0, frames)[:, np.newaxis]
    lines = [alpha * a + (1 - alpha) * b for a, b in itertools.pairwise(ends)]
    joined = [lines[0], *(line[1:] for line in lines[1:])]
    return np.concatenate(joined).astype(np.float32)


def _write(image, path, suffix, out):
    return write_new(path, encode(image, suffix), named=out is not None)


def _load(run, checkpoint):
    model = load_run(run, checkpoint)
    if not isinstance(model, LatentModel):
        raise UserError(f"--run={run}: translates images; give a folder as --input=")
    return model


def _conditions(model, label):
    """Returns the conditions, float32 [rows, K]; None for an unconditional model."""
    if not isinstance(model, ConditionalModel):
        if label is not None:
            raise UserError(
                f"--label={','.join(label)}: this model is unconditional; remove --label"
            )
        return None
    if label is None:
        return model.preview_conditions()
    return model.condition_of(label)[np.newaxis]


def _generate(model, latents, condition):
    """Generates images from latents [B, N], all of the same condition [1, K] or of none."""
    given = [] if condition is None else [np.tile(condition, (len(latents), 1))]
    return model.generate(latents, *given)

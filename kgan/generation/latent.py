"""Images generated from seeds, from labels and from latents between two seeds."""

import pathlib
from collections.abc import Sequence

import numpy as np

from kgan.generation.saving import output_path, save_png
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.plots import grids, scatter
from kgan.runs.restore import load_run
from kgan.utils.errors import UserError

BATCH = 64
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
        out: a PNG file for a grid, else a folder for single images; None: a PNG file in the run.
    """
    model = _load(run, checkpoint)
    rows = _conditions(model, label)
    if rows is not None and label is None:
        reason = "single images need a --label"
        path = output_path(run, out, "labels.png", reason)
        seeds = seeds[:SEEDS_PER_LABEL]
        images = model.label_grid(rows, seeds)
        grid = images.reshape(len(rows), len(seeds), *images.shape[1:])
        return save_png(grids.image_grid(grid), path)
    batches = [seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH)]
    latents = [model.latents_from_seeds(batch) for batch in batches]
    images = np.concatenate([_generate(model, batch, rows) for batch in latents])
    if images.ndim == 2:
        path = output_path(run, out, "seeds.png", "points are plotted together")
        return save_png(scatter.plot_points(None, images), path)
    path = output_path(run, out, "seeds.png")
    if path.suffix == ".png":
        return save_png(grids.image_grid(grids.nearly_square(images)), path)
    for seed, image in zip(seeds, images, strict=True):
        save_png(grids.to_image(image), path / f"seed-{seed:06d}.png")
    return path


def interpolate(
    run: str,
    first: int,
    last: int,
    frames: int = 10,
    label: Sequence[str] | None = None,
    out: str | None = None,
    checkpoint: str = "auto",
) -> pathlib.Path:
    """Generates α z₁ + (1 − α) z₂ for α from 1 to 0 in equal steps, in one row for each label.

    The line is straight, as in the course's DCGAN practical (docs/course.md). Vectors between two
    normal vectors are shorter than both, so images in the middle have less contrast.

    Args:
        first: the seed of z₁.
        last: the seed of z₂.
        frames: number of images in a row, at least 2.
        label: see `generate_seeds`.
        out: a PNG file; None: in the run.
    """
    model = _load(run, checkpoint)
    rows = _conditions(model, label)
    start, end = np.asarray(model.latents_from_seeds([first, last]))
    alpha = np.linspace(1, 0, frames)[:, np.newaxis]
    latents = (alpha * start + (1 - alpha) * end).astype(np.float32)
    conditions = [None] if rows is None else rows[:, np.newaxis]
    grid = np.stack([_generate(model, latents, condition) for condition in conditions])
    if grid.ndim == 3:
        raise UserError(f"--run={run}: generates points, not images; use --seeds=")
    path = output_path(run, out, f"interpolation-{first}-{last}.png")
    return save_png(grids.image_grid(grid), path)


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

"""Images generated from seeds, labels and interpolations."""

import math
import pathlib
import types
from collections.abc import Sequence

import numpy as np

from kgan.generation.saving import save_png
from kgan.plots import grids, scatter
from kgan.runs.restore import load_run
from kgan.utils.errors import UserError

BATCH = 64
ROW = 10  # images of each condition, where no label is asked for


def generate_seeds(given: types.SimpleNamespace, seeds: Sequence[int]) -> pathlib.Path:
    """Draws one image a seed; a grid, or single files where `--out` is no PNG.

    Args:
        given: flags `run`, `checkpoint`, `out`.
        seeds: which images; a seed gives its image whatever stands beside it.

    Raises:
        UserError: when the run's model does not draw from seeds.
    """
    model = _latent_model(given)
    conditions = _conditions(model, given)
    if conditions is not None and given.label is None:
        return _draw_each(model, conditions, seeds, given)
    drawn = np.concatenate(
        [
            _drawn(model, seeds[start : start + BATCH], conditions)
            for start in range(0, len(seeds), BATCH)
        ]
    )
    out = pathlib.Path(given.out or pathlib.Path(given.run) / "seeds.png")
    if out.suffix == ".png":
        points = drawn.ndim == 2
        return save_png(
            scatter.plot_points(None, drawn) if points else grids.image_grid(_rows(drawn)), out
        )
    if drawn.ndim == 2:
        raise UserError(f"--out={out}: points are drawn together, in a .png")
    for seed, image in zip(seeds, drawn, strict=True):
        save_png(grids.to_image(image), out / f"seed-{seed:06d}.png")
    return out


def interpolate(given: types.SimpleNamespace, first: int, last: int) -> pathlib.Path:
    """Draws α z₁ + (1 − α) z₂ for α from 1 to 0 in equal steps, in one row.

    The line is straight, as in the course (`004`, section 1.2). Points between two normal
    vectors are shorter than either, so the middle is duller than both ends.
    """
    model = _latent_model(given)
    start, end = np.asarray(model.latents_from_seeds([first, last]))
    shares = np.linspace(1, 0, given.frames)[:, np.newaxis]
    between = (shares * start + (1 - shares) * end).astype(np.float32)
    conditions = _conditions(model, given)
    if conditions is None:
        drawn = model.generate(between)[np.newaxis]
        if drawn.ndim == 3:
            raise UserError(f"--run={given.run}: draws points; right would be --seeds=")
    else:
        rows = [model.generate(between, np.tile(row, (len(between), 1))) for row in conditions]
        drawn = np.stack(rows)
    out = pathlib.Path(given.out or pathlib.Path(given.run) / f"interpolation-{first}-{last}.png")
    return save_png(grids.image_grid(drawn), out)


def _conditions(model, given):
    """Gives what a conditional model is asked for, float32 [R, K]; None for the other models."""
    if not hasattr(model, "condition_from_text"):
        if given.label is not None:
            raise UserError(f"--label={given.label}: {given.run} was not told what it draws")
        return None
    if given.label is None:
        return model.shown_rows()
    return model.condition_from_text(given.label)[np.newaxis]


def _drawn(model, seeds, conditions):
    latents = model.latents_from_seeds(seeds)
    if conditions is None:
        return model.generate(latents)
    return model.generate(latents, np.tile(conditions[0], (len(seeds), 1)))


def _draw_each(model, conditions, seeds, given):
    """Draws a row a condition, with the first ten seeds in each."""
    seeds = list(seeds)[:ROW]
    drawn = model.label_grid(conditions, seeds)
    out = pathlib.Path(given.out or pathlib.Path(given.run) / "labels.png")
    if out.suffix != ".png":
        raise UserError(f"--out={out}: single images need a --label; a grid of all is a .png")
    return save_png(
        grids.image_grid(drawn.reshape(len(conditions), len(seeds), *drawn.shape[1:])), out
    )


def _latent_model(given):
    model = load_run(given.run, given.checkpoint)
    if not hasattr(model, "latents_from_seeds"):
        raise UserError(f"--run={given.run}: translates images; give a folder as --input=")
    return model


def _rows(drawn):
    """Arranges N images in a nearly square grid; white fills the last row."""
    columns = math.ceil(math.sqrt(len(drawn)))
    rows = math.ceil(len(drawn) / columns)
    full = np.ones((rows * columns, *drawn.shape[1:]), np.float32)
    full[: len(drawn)] = drawn
    return full.reshape(rows, columns, *drawn.shape[1:])

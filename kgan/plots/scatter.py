"""Scatter plots of real and generated points of the plane, over a map of scores."""

import io
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

INCHES, DPI = 5, 100
RESOLUTION = 80  # of the score map, in each direction
MARGIN = 0.25  # of the real points' extent, on each side
SHOWN = 2500  # maximum number of real and of generated points


def plot_points(
    real: np.ndarray | None,
    generated: np.ndarray,
    scores: Callable[[np.ndarray], np.ndarray] | None = None,
    title: str = "",
    label: str = "discriminator's score, high = real",
) -> Image.Image:
    """Plots generated points over real ones, over a map of the model's scores.

    Args:
        real: float [N, 2], of which the first 2,500 are shown. None: the generated points give the
            axes' limits.
        generated: float [M, 2], of which the first 2,500 are shown.
        scores: computes scores [B] of points float32 [B, 2]; None: no map.
        title: title of the plot.
        label: label of the map's colour bar.

    Returns:
        RGB. The limits are those of the real points with a margin, the same for all plots of a
        run. The title gives the share of generated points outside of them.
    """
    framed = generated if real is None else real
    low, high = framed.min(), framed.max()
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    figure = Figure(figsize=(INCHES, INCHES), layout="constrained")
    axes = figure.add_subplot()
    if scores is not None:
        line = np.linspace(low, high, RESOLUTION, dtype=np.float32)
        points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        score_map = np.asarray(scores(points)).reshape(RESOLUTION, RESOLUTION)
        filled = axes.contourf(line, line, score_map, levels=20, cmap="RdBu_r", alpha=0.5)
        figure.colorbar(filled, ax=axes, label=label, shrink=0.8)
    if real is not None:
        axes.scatter(*real[:SHOWN].T, s=3, color="0.35", linewidths=0, label="real")
    axes.scatter(*generated[:SHOWN].T, s=3, color="tab:green", linewidths=0, label="generated")
    outside = ((generated < low) | (generated > high)).any(axis=1).mean()
    if outside >= 0.0005:  # is shown as 0.1 % or more
        title = f"{title}, {outside:.1%} outside".removeprefix(", ")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=title)
    axes.legend(loc="upper right", markerscale=4, fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return Image.open(file).convert("RGB")


def plot_model(model, real: np.ndarray) -> Image.Image:
    """Plots the points that a model generates from fixed seeds over its scores.

    Args:
        model: a `LatentModel` of points float32 [B, 2].
        real: float [N, 2].
    """
    generated = model.generate(model.latents_from_seeds(np.arange(SHOWN)))
    title = f"step {model.completed_steps:,}"
    return plot_points(real, generated, model.score_map, title, model.score_map_label)

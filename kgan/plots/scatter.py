"""Points of the plane, as a person looks at them: real ones, generated ones, and a surface."""

import io
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

INCHES, DOTS = 5, 100
SURFACE = 80  # places each way at which D is asked
MARGIN = 0.25  # of the real points' extent, on each side
SHOWN = 2500  # points of each kind


def plot_points(
    real: np.ndarray | None,
    generated: np.ndarray,
    scores: Callable[[np.ndarray], np.ndarray] | None = None,
    title: str = "",
    label: str = "D's score, high is real",
) -> Image.Image:
    """Draws generated points over real ones, over a surface: what the model thinks of places.

    Args:
        real: float [N, 2]; of many the first are shown. None: the frame is that of the others.
        generated: float [M, 2].
        scores: from points float32 [B, 2] to the surface's heights [B]; None: no surface.
        title: above the image.
        label: of the surface.

    Returns:
        RGB; the frame is that of the real points with a margin, so that images of one run can
        be laid side by side. Points outside are counted in the title.
    """
    framed = generated if real is None else real
    low, high = framed.min(), framed.max()
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    figure = Figure(figsize=(INCHES, INCHES), layout="constrained")
    axes = figure.add_subplot()
    if scores is not None:
        line = np.linspace(low, high, SURFACE, dtype=np.float32)
        places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        surface = np.asarray(scores(places)).reshape(SURFACE, SURFACE)
        drawn = axes.contourf(line, line, surface, levels=20, cmap="RdBu_r", alpha=0.5)
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.8)
    if real is not None:
        axes.scatter(*real[:SHOWN].T, s=3, color="0.35", linewidths=0, label="real")
    axes.scatter(*generated[:SHOWN].T, s=3, color="tab:green", linewidths=0, label="generated")
    outside = ((generated < low) | (generated > high)).any(axis=1).mean()
    if outside >= 0.0005:  # what 0.1 % is rounded from
        title = f"{title}, {outside:.1%} outside".removeprefix(", ")
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=title)
    axes.legend(loc="upper right", markerscale=4, fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS)
    return Image.open(file).convert("RGB")


def plot_model(model, real: np.ndarray) -> Image.Image:
    """Draws what a model of points generates from fixed seeds, and what it thinks of places.

    Args:
        model: a `DrawingModel` of points float32 [B, 2], which has a `surface` and a
            `surface_label`.
        real: float [N, 2].
    """
    generated = model.generate(model.latents_from_seeds(np.arange(SHOWN)))
    title = f"step {model.completed_steps:,}"
    return plot_points(real, generated, model.surface, title, model.surface_label)

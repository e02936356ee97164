"""Figures of docs/results.md: the game of two numbers, the best discriminator, and triplets.

    python -m tools.results_figures                                  # a minute on one core
    python -m tools.results_figures --run=RUN [--direction=AtoB]     # seconds

Without --run it writes docs/vector_field.png and docs/best_discriminator.png, theory next to what
kgan's own losses and optimisers do, and prints the numbers that docs/results.md names. With a run
of CycleGAN it writes docs/mnist_usps_mnist.png: 6 x 3 images, real, translated and translated back.
"""

import json
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import kgan
from kgan.cli import entry
from kgan.data import pipeline
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.networks import mlp
from kgan.plots import grids
from kgan.runs.data import open_data
from kgan.runs.folder import open_run
from tools import command

ROWS = 6
BACK = {"AtoB": "BtoA", "BtoA": "AtoB"}
STEP, STEPS = 0.15, 300
GRID = np.linspace(-6, 6, 601).astype(np.float32)
TRAINING_STEPS = 3000


def field(theta, phi):
    """Computes the updates of both players if G returns the one point θ and D returns φ · x.

    All real examples are at 0. With logits φ · 0 and φ · θ the objective is
    V(θ, φ) = log σ(0) + log(1 − σ(φ θ)); D climbs it, G descends it.
    """
    slope = 1 / (1 + np.exp(-theta * phi))
    return slope * phi, -slope * theta


def path(simultaneous: bool, step: float = STEP, steps: int = STEPS) -> np.ndarray:
    """Returns the path from (θ, φ) = (1, 0); float [steps + 1, 2]."""
    theta, phi, points = 1.0, 0.0, [(1.0, 0.0)]
    for _ in range(steps):
        if simultaneous:
            of_theta, of_phi = field(theta, phi)
            theta, phi = theta + step * of_theta, phi + step * of_phi
        else:
            phi = phi + step * field(theta, phi)[1]
            theta = theta + step * field(theta, phi)[0]
        points.append((theta, phi))
    return np.array(points)


def plot_field() -> dict:
    """Plots the vector field with three paths; returns how far from 0 each ends."""
    theta, phi = np.meshgrid(np.linspace(-2, 2, 21), np.linspace(-2, 2, 21))
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.quiver(theta, phi, *field(theta, phi), color="0.65", width=0.003)
    ends = {}
    paths = {
        "alternating": path(False),
        "simultaneous": path(True),
        "simultaneous, step / 20": path(True, STEP / 20, STEPS * 20),
    }
    for (name, points), colour in zip(
        paths.items(), ("tab:blue", "tab:red", "tab:green"), strict=True
    ):
        axes.plot(*points.T, color=colour, label=name, linewidth=1.4)
        axes.plot(*points[-1], "o", color=colour)
        ends[name] = float(np.hypot(*points[-1]))
    axes.plot(0, 0, "k+", markersize=12, label="equilibrium")
    axes.set(
        xlabel="θ, the generated point",
        ylabel="φ, the slope of D",
        xlim=(-2, 2),
        ylim=(-2, 2),
        title="The field rotates: following it does not lead to its centre",
    )
    axes.legend(loc="upper right")
    figure.savefig(command.DOCS / "vector_field.png", dpi=110)
    return ends


def normal(mean, spread):
    density = np.exp(-0.5 * ((GRID - mean) / spread) ** 2)
    return (density / density.sum()).astype(np.float32)


def best_discriminator(real, generated, seed: int = 0) -> tuple[np.ndarray, float]:
    """Trains kgan's fully connected discriminator on two densities, weighted, without sampling.

    Returns:
        D(x) on the grid and the objective E[log D(x)] + E[log(1 − D(G(z)))] that it reaches.
    """
    loss = ADVERSARIAL_LOSSES["bce"]
    network = mlp.discriminator((1, 1, 1), (64, 64), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, TRAINING_STEPS)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)
    points = tf.reshape(tf.constant(GRID / 3), [-1, 1, 1, 1])

    def cost():
        logits = network(points, training=True)
        return tf.reduce_sum(
            real * loss.discriminator_real(logits) + generated * loss.discriminator_fake(logits)
        )

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = cost()
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)

    for _ in range(TRAINING_STEPS):
        step()
    scored = tf.sigmoid(network(points))[:, 0].numpy()
    return scored, -float(cost())


def plot_discriminators() -> dict:
    """Plots the trained D over p / (p + q) for two pairs of densities; returns the distances."""
    cases = {
        "apart": (normal(-1, 1), normal(1.5, 0.7)),
        "equal": (normal(0, 1), normal(0, 1)),
    }
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    found = {}
    for axes, (name, (real, generated)) in zip(both, cases.items(), strict=True):
        scored, value = best_discriminator(real, generated)
        ideal = real / (real + generated + 1e-30)
        mass = (real + generated) / 2
        reached = real * np.log(ideal + 1e-30) + generated * np.log(1 - ideal + 1e-30)
        found[name] = {
            "mean_distance_to_p_over_p_plus_q": float((mass * np.abs(scored - ideal)).sum()),
            "objective": value,
            "best_objective": float(reached.sum()),
        }
        peak = max(real.max(), generated.max())
        axes.fill_between(GRID, real / peak, alpha=0.25, label="p, real")
        axes.fill_between(GRID, generated / peak, alpha=0.25, label="q, generated")
        axes.plot(GRID, ideal, "k--", label="p / (p + q)")
        axes.plot(GRID, scored, color="tab:red", label="trained D")
        axes.set(
            xlabel="x", ylim=(-0.03, 1.08), title=f"objective {value:.4f}, best {reached.sum():.4f}"
        )
    both[0].legend(loc="center right")
    figure.savefig(command.DOCS / "best_discriminator.png", dpi=110)
    return found


def save_triplets(folder: str, direction: str) -> None:
    """Saves a sample of the images of the test part, with both translations."""
    model, run = kgan.load(folder), open_run(folder)
    dataset, _ = open_data(run.settings())
    source = dataset.parts[f"test_{direction[0].lower()}"]
    real = pipeline.examples(source, ("image",), ROWS)["image"]
    translated = model.directions[direction].translate(real)
    back = model.directions[BACK[direction]].translate(translated)
    rows = np.stack([real, translated, back], axis=1)
    sheet = grids.image_grid(rows, ("real", direction[-1], "and back"))
    sheet.save(command.DOCS / "mnist_usps_mnist.png", optimize=True)


def main(arguments: Sequence[str]) -> None:
    """Writes the figures of theory, or those of a run."""
    given = command.parse("results_figures", arguments, run=str, direction="AtoB")
    if given.run:
        save_triplets(given.run, given.direction)
        return
    found = {"field": plot_field(), "discriminator": plot_discriminators()}
    print(json.dumps({**found, "minus_ln_4": -float(np.log(4))}, indent=2))


if __name__ == "__main__":
    entry.run(main)

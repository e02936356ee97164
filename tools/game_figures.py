"""Draws what theory says of the game, beside what kgan's own losses and optimisers do.

    python tools/game_figures.py

Writes docs/vector_field.png (`002`, figure 4.1) and docs/best_discriminator.png (`003`, IV), and
prints the numbers that docs/results.md names. A minute on one core.
"""

import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from kgan.losses import ADVERSARIAL_LOSSES
from kgan.networks import mlp

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS = ROOT / "docs"
STEP, STEPS = 0.15, 300
GRID = np.linspace(-6, 6, 601).astype(np.float32)
TRAINING_STEPS = 3000


# The game of two numbers.


def field(theta, phi):
    """Gives how both players move where G draws the one point θ and D says φ · x.

    Real examples all lie at 0. With logits φ · 0 and φ · θ the objective is
    V(θ, φ) = log σ(0) + log(1 − σ(φ θ)); D climbs it, G descends it.
    """
    slope = 1 / (1 + np.exp(-theta * phi))
    return slope * phi, -slope * theta


def path(simultaneous: bool, step: float = STEP, steps: int = STEPS) -> np.ndarray:
    """Plays from (θ, φ) = (1, 0); float [steps + 1, 2]."""
    theta, phi, places = 1.0, 0.0, [(1.0, 0.0)]
    for _ in range(steps):
        if simultaneous:
            move, turn = field(theta, phi)
            theta, phi = theta + step * move, phi + step * turn
        else:
            phi = phi + step * field(theta, phi)[1]
            theta = theta + step * field(theta, phi)[0]
        places.append((theta, phi))
    return np.array(places)


def draw_field() -> dict:
    """Draws the vector field with three ways through it; returns how far from 0 each ends."""
    theta, phi = np.meshgrid(np.linspace(-2, 2, 21), np.linspace(-2, 2, 21))
    fig, axes = plt.subplots(figsize=(6, 5.6), layout="constrained")
    axes.quiver(theta, phi, *field(theta, phi), color="0.65", width=0.003)
    ends = {}
    ways = {
        "one after the other": path(False),
        "both at once": path(True),
        "both at once, step / 20": path(True, STEP / 20, STEPS * 20),
    }
    for (name, places), colour in zip(
        ways.items(), ("tab:blue", "tab:red", "tab:green"), strict=True
    ):
        axes.plot(*places.T, color=colour, label=name, linewidth=1.4)
        axes.plot(*places[-1], "o", color=colour)
        ends[name] = float(np.hypot(*places[-1]))
    axes.plot(0, 0, "k+", markersize=12, label="where both are at rest")
    axes.set(
        xlabel="θ, where G draws",
        ylabel="φ, the slope of D",
        xlim=(-2, 2),
        ylim=(-2, 2),
        title="The field turns: following it does not lead to its centre",
    )
    axes.legend(loc="upper right")
    fig.savefig(DOCS / "vector_field.png", dpi=110)
    return ends


# The best discriminator.


def normal(mean, spread):
    density = np.exp(-0.5 * ((GRID - mean) / spread) ** 2)
    return (density / density.sum()).astype(np.float32)


def best_discriminator(real, generated, seed: int = 0) -> tuple[np.ndarray, float]:
    """Trains kgan's fully connected D on two densities, exactly weighted; no sampling.

    Returns:
        D(x) on the grid and the objective E[log D(x)] + E[log(1 − D(G(z)))] that it reaches.
    """
    loss = ADVERSARIAL_LOSSES["bce"]
    network = mlp.discriminator((1, 1, 1), (64, 64), seed=seed)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, TRAINING_STEPS)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)
    points = tf.reshape(tf.constant(GRID / 3), [-1, 1, 1, 1])

    def paid():
        logits = network(points, training=True)
        return tf.reduce_sum(
            real * loss.discriminator_real(logits) + generated * loss.discriminator_fake(logits)
        )

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = paid()
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)

    for _ in range(TRAINING_STEPS):
        step()
    judged = tf.sigmoid(network(points))[:, 0].numpy()
    return judged, -float(paid())


def draw_discriminators() -> dict:
    """Draws the trained D over p / (p + q) for two pairs of densities; returns the distances."""
    cases = {
        "apart": (normal(-1, 1), normal(1.5, 0.7)),
        "equal": (normal(0, 1), normal(0, 1)),
    }
    fig, both = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
    found = {}
    for axes, (name, (real, generated)) in zip(both, cases.items(), strict=True):
        judged, value = best_discriminator(real, generated)
        ideal = real / (real + generated + 1e-30)
        mass = (real + generated) / 2
        reached = real * np.log(ideal + 1e-30) + generated * np.log(1 - ideal + 1e-30)
        found[name] = {
            "mean_distance_to_p_over_p_plus_q": float((mass * np.abs(judged - ideal)).sum()),
            "objective": value,
            "best_objective": float(reached.sum()),
        }
        peak = max(real.max(), generated.max())
        axes.fill_between(GRID, real / peak, alpha=0.25, label="p, real")
        axes.fill_between(GRID, generated / peak, alpha=0.25, label="q, generated")
        axes.plot(GRID, ideal, "k--", label="p / (p + q)")
        axes.plot(GRID, judged, color="tab:red", label="trained D")
        axes.set(
            xlabel="x", ylim=(-0.03, 1.08), title=f"objective {value:.4f}, best {reached.sum():.4f}"
        )
    both[0].legend(loc="center right")
    fig.savefig(DOCS / "best_discriminator.png", dpi=110)
    return found


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "field": draw_field(),
                "discriminator": draw_discriminators(),
                "minus_ln_4": -float(np.log(4)),
            },
            indent=2,
        )
    )

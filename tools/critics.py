"""WGAN-GP's critic against Wasserstein distances that are known in closed form: docs/critics.md.

    python -m tools.critics [--seeds=3] [--steps=1000]

The critic alone is trained between two fixed distributions: shifted Gaussians in 2 and 16
dimensions, whose distance is the length of the shift, and parallel lines. It then scores 10,000
points that it has not seen, and 1,000 whose exact distance is computed by optimal assignment. Eight
minutes on 3 cores.
"""

import statistics
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan.cli import entry
from kgan.metrics import wasserstein
from kgan.models.wgan_gp import WGANGP
from kgan.networks import mlp
from kgan.utils import progress
from tools import command, comparison, known_distances

BATCH, CRITIC, UPDATES = 256, (128, 128), 5
LAMBDA = 10
SEEN, MATCHED = 10_000, 1000
FIXED = 100_000  # points that the critic is trained on
COLUMNS = (
    "distributions", "closed form", "estimate, by seed", "error", "1 + W / 2λ", "mean slope",
    "estimate over mean slope, by seed", "error", "largest slope",
    f"exact distance of {MATCHED:,} points", "the critic's estimate of the same",
)  # fmt: skip


def problems() -> dict:
    """Returns by name the closed form, and a function from count and seed to samples of both."""

    def gaussians(dimensions, length):
        # The shift is the same along all axes.
        shift = np.full(dimensions, length / np.sqrt(dimensions))
        return length, lambda count, seed: known_distances.sample_shifted_gaussians(
            count, shift, seed
        )

    return {
        "Gaussians in 2-D, 1 apart": gaussians(2, 1.0),
        "Gaussians in 2-D, 3 apart": gaussians(2, 3.0),
        "Gaussians in 16-D, 3 apart": gaussians(16, 3.0),
        "parallel lines, 0.5 apart": (
            known_distances.between_parallel_lines(0.5),
            lambda count, seed: known_distances.sample_parallel_lines(count, 0.5, seed),
        ),
    }


def trained_critic(real: np.ndarray, other: np.ndarray, steps: int, seed: int) -> keras.Model:
    """Trains a critic between two sets of points, float32 [N, D].

    The generator returns points of the other set: a latent is the number of a point.
    """
    dimensions = real.shape[1]
    number = keras.Input((1,), name="latent")
    points = tf.constant(other)

    class LookUp(keras.layers.Layer):
        def call(self, inputs):
            # Latents are uniform in (-1, 1).
            indices = tf.cast((inputs[:, 0] + 1) / 2 * len(other), tf.int32)
            return tf.gather(points, tf.clip_by_value(indices, 0, len(other) - 1))

        def compute_output_shape(self, input_shape):
            return (input_shape[0], dimensions)

    generator = keras.Model(number, LookUp()(number), name="generator")
    critic = mlp.discriminator((dimensions,), CRITIC, seed=seed)
    model = WGANGP(
        generator,
        critic,
        n_critic=UPDATES,
        critic_warmup=steps,
        latent_distribution="uniform",
        penalty_weight=LAMBDA,
        seed=seed,
    )
    adam = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}
    model.compile(
        g_optimizer=keras.optimizers.Adam(**adam), d_optimizer=keras.optimizers.Adam(**adam)
    )
    batches = tf.data.Dataset.from_tensor_slices(real).shuffle(len(real), seed=seed).repeat()
    model.fit(batches.batch(BATCH), epochs=1, steps_per_epoch=steps, verbose=0)
    return critic


def measure(critic: keras.Model, sample, seed: int) -> tuple[float, ...]:
    """Returns estimate, mean and largest slope, and exact distance and estimate of few points."""
    new, few = sample(SEEN, 2000 + seed), sample(MATCHED, 3000 + seed)
    slopes = wasserstein.lipschitz_estimate(critic, *new, 5000, seed)
    return (
        wasserstein.critic_estimate(critic, *new),
        slopes.mean_gradient,
        max(slopes.largest_gradient, slopes.largest_quotient),
        wasserstein.exact(*few),
        wasserstein.critic_estimate(critic, *few),
    )


def table_row(name: str, distance: float, found: Sequence[tuple[float, ...]]) -> str:
    """Writes a line from what was measured with each seed."""
    estimates, slopes, *others = zip(*found, strict=True)
    divided = [estimate / slope for estimate, slope in zip(estimates, slopes, strict=True)]

    def by_seed(values):
        error = statistics.mean(abs(value / distance - 1) for value in values)
        return ", ".join(f"{value:.3f}" for value in values), f"{error:.1%}"

    factor = f"{1 + distance / 2 / LAMBDA:.3f}"
    means = [f"{statistics.mean(values):.3f}" for values in (slopes, *others)]
    estimate, own = by_seed(estimates), by_seed(divided)
    return command.row(name, f"{distance:.3f}", *estimate, factor, means[0], *own, *means[1:])


def main(arguments: Sequence[str]) -> None:
    """Trains and measures all critics and writes the page."""
    given = command.parse("critics", arguments, seeds=3, steps=1000)
    table, seconds = command.columns(*COLUMNS), []
    with progress.bar(total=len(problems()) * given.seeds, unit="critic") as bar:
        for name, (distance, sample) in problems().items():
            found = []
            for seed in range(given.seeds):
                began = time.monotonic()
                critic = trained_critic(*sample(FIXED, 1000 + seed), given.steps, seed)
                seconds.append(time.monotonic() - began)
                found.append(measure(critic, sample, seed))
                bar.update()
            table += table_row(name, distance, found)
    summary = (
        f"{given.seeds} seeds, {given.steps * UPDATES:,} critic updates each, "
        f"{statistics.mean(seconds):.0f} s per critic on average on {comparison.CORES} cores.\n\n"
    )
    command.write("critics", summary, table)
    print(table, end="")


if __name__ == "__main__":
    entry.run(main)

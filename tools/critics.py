"""Holds WGAN-GP's critic against Wasserstein distances that are known in closed form.

    python tools/critics.py [--seeds=3] [--steps=1000]

The critic alone is trained between two fixed distributions, without a generator that moves:
shifted Gaussians in 2 and 16 dimensions, whose distance is the length of the shift, and parallel
lines. Each critic is asked about 10,000 points that it has not seen, and about 1,000 whose exact
distance is computed by optimal assignment. Writes docs/critics.md.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kgan.metrics import wasserstein
from kgan.models.wgan_gp import WGANGP
from kgan.networks import mlp
from kgan.utils import progress

BATCH, CRITIC, UPDATES = 256, (128, 128), 5
LAMBDA = 10
SEEN, MATCHED = 10_000, 1000
FIXED = 100_000  # points that the critic is trained on
HEAD = """# The critic's estimate beside the distance itself

Made by `python tools/critics.py`: the critic of WGAN-GP ({hidden} ReLU units, λ {weight}, Adam 1e-4 of
β 0 and 0.9, batch {batch}), trained alone for {updates:,} updates between two fixed distributions,
{seeds} seeds, {seconds:.0f} s each on {cores} cores. The estimate is that of {seen:,} fresh points.

Its penalty λ (‖∇D‖ − 1)² holds slopes near 1 and not at 1: between two sets at distance W a critic
of slope s gains s W − λ (s − 1)², most at s = 1 + W / 2λ. So the estimate is too high by that
factor, and divided by the critic's own mean slope it is not. Slopes are those on lines between the
two sets; the largest found on 5,000 of them is a lower bound of the Lipschitz constant. Off by is
the mean over seeds of the distance from the closed form. The exact distance is that of {matched:,}
points of each set, which in many dimensions is far above that of the distributions.

| distributions | closed form | estimate, by seed | off by | 1 + W / 2λ | mean slope | estimate over mean slope, by seed | off by | largest slope | exact distance of {matched:,} points | the critic's estimate of the same |
|---|---|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501


def shift(dimensions: int, length: float) -> np.ndarray:
    """Gives a shift of a length, the same along all axes."""
    return np.full(dimensions, length / np.sqrt(dimensions))


def problems():
    """Gives by name the closed form and what draws both sets from a count and a seed."""
    return {
        "Gaussians in 2-D, 1 apart": (
            1.0,
            lambda n, seed: wasserstein.sample_shifted_gaussians(n, shift(2, 1.0), seed),
        ),
        "Gaussians in 2-D, 3 apart": (
            3.0,
            lambda n, seed: wasserstein.sample_shifted_gaussians(n, shift(2, 3.0), seed),
        ),
        "Gaussians in 16-D, 3 apart": (
            3.0,
            lambda n, seed: wasserstein.sample_shifted_gaussians(n, shift(16, 3.0), seed),
        ),
        "parallel lines, 0.5 apart": (
            wasserstein.between_parallel_lines(0.5),
            lambda n, seed: wasserstein.sample_parallel_lines(n, 0.5, seed),
        ),
    }


def trained_critic(real: np.ndarray, other: np.ndarray, steps: int, seed: int) -> keras.Model:
    """Trains a critic between two sets of points, float32 [N, D].

    What stands in for the generator looks the other set up: a latent is the number of a point.
    """
    dimensions = real.shape[1]
    number = keras.Input((1,), name="latent")
    points = tf.constant(other)

    class LookUp(keras.layers.Layer):
        def call(self, inputs):
            # Latents are uniform in (-1, 1).
            places = tf.cast((inputs[:, 0] + 1) / 2 * len(other), tf.int32)
            return tf.gather(points, tf.clip_by_value(places, 0, len(other) - 1))

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


def _by_seed(values) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _off(values, distance: float) -> float:
    return statistics.mean(abs(value / distance - 1) for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000, help="of five updates each")
    given = parser.parse_args()
    rows, seconds = [], []
    bar = progress.bar(total=len(problems()) * given.seeds, unit="critic")
    for name, (distance, draw) in problems().items():
        found = []
        for seed in range(given.seeds):
            began = time.monotonic()
            critic = trained_critic(*draw(FIXED, 1000 + seed), given.steps, seed)
            seconds.append(time.monotonic() - began)
            fresh, few = draw(SEEN, 2000 + seed), draw(MATCHED, 3000 + seed)
            slopes = wasserstein.lipschitz_estimate(critic, *fresh, 5000, seed)
            found.append(
                (
                    wasserstein.critic_estimate(critic, *fresh),
                    slopes.mean_gradient,
                    max(slopes.largest_gradient, slopes.largest_quotient),
                    wasserstein.exact(*few),
                    wasserstein.critic_estimate(critic, *few),
                )
            )
            bar.update()
        estimates, slopes, *others = zip(*found, strict=True)
        evened = [e / slope for e, slope in zip(estimates, slopes, strict=True)]
        values = [
            name,
            f"{distance:.3f}",
            _by_seed(estimates),
            f"{_off(estimates, distance):.1%}",
            f"{1 + distance / 2 / LAMBDA:.3f}",
            f"{statistics.mean(slopes):.3f}",
            _by_seed(evened),
            f"{_off(evened, distance):.1%}",
            *(f"{statistics.mean(o):.3f}" for o in others),
        ]
        rows.append(f"| {' | '.join(values)} |\n")
    bar.close()
    head = HEAD.format(
        hidden="-".join(map(str, CRITIC)),
        batch=BATCH,
        weight=LAMBDA,
        updates=given.steps * UPDATES,
        seeds=given.seeds,
        seconds=statistics.mean(seconds),
        seen=SEEN,
        matched=MATCHED,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    (ROOT / "docs" / "critics.md").write_text(head + "".join(rows))
    print("".join(rows), end="")


if __name__ == "__main__":
    main()

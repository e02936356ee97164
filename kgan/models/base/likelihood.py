"""What the schemes share that are trained by maximum likelihood: one aim, and one optimiser.

What such a model draws beside an example (noise of the posterior, of the binarisation, of the
dequantisation) is named with its shape in `needs`. In training it is a function of the run's seed,
of the step and of the example's place in the global batch; in measuring of the example's number in
its part alone, so that every run is measured on the same draws.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from absl import flags

from kgan import optimizers, randomness
from kgan.models.base.latent import DrawingModel
from kgan.models.base.model import OnePlayerModel

# What its schemes have alike; `--batch_size` is the papers'.
DEFAULTS = {"dataset": "digits", "batch_size": 100, "beta_1": 0.9, "g_optimizer": "adam"}
# Folded into the seeds of draws in training and of draws in measuring.
DRAWS, MEASURED = 300_000, 400_000
# Flags of every run that are of no use without a second player.
WITHOUT = ("d_lr", "d_optimizer", "d_options")


class DensityModel(DrawingModel, OnePlayerModel):
    """Trains a density by its negative logarithm, or a bound of it, in nats an example.

    A scheme defines `needs` and `losses`.
    """

    logged = ("loss",)
    validation_measure = "val_loss"
    # Of the training part, where a data set has no validation part: likelihoods overfit.
    held_out_share = 0.05

    def needs(self) -> Mapping[str, tuple[str, Sequence[int]]]:
        """Tells what an example needs of random numbers: by name `normal` or `uniform`, shape."""
        raise NotImplementedError

    def losses(self, images, draws, training=True) -> tuple[tf.Tensor, dict]:
        """Computes the negative log-likelihood, or a bound: float32 [B], and what is logged of it.

        Args:
            images: float32 [B, H, W, C] in [-1, 1], or points [B, D].
            draws: float32 [B, ...] by the names of `needs`.
            training: whether statistics are those of the batch, and weights those of the optimiser
                and not their averages.
        """
        raise NotImplementedError

    def train_step(self, data):
        """Takes pictures float32 [B, H, W, C] in [-1, 1]."""
        return self.results(self.update("g", self.losses, data, self.step_draws(data)))

    def step_draws(self, images) -> dict[str, tf.Tensor]:
        """Draws what this step's examples on this replica need."""
        drawn = {}
        for number, (name, (kind, shape)) in enumerate(sorted(self.needs().items())):
            seed = randomness.fold(self.random_seed(), self.step, DRAWS + number)
            drawn[name] = randomness.replica_rows(
                lambda count, kind=kind, shape=shape, seed=seed: _draw(kind, [count, *shape], seed),
                tf.shape(images)[0],
            )
        return drawn

    def fixed_draws(self, numbers, needs=None) -> dict[str, tf.Tensor]:
        """Draws what examples need that are measured, the same for every run.

        Args:
            numbers: int32 [B], each example's place in its part.
            needs: default: what `needs` gives.
        """
        drawn = {}
        for number, (name, (kind, shape)) in enumerate(sorted((needs or self.needs()).items())):
            seeds = tf.stack([numbers, tf.fill(tf.shape(numbers), MEASURED + number)], axis=1)
            drawn[name] = randomness.rows_from_seeds(
                lambda seed, kind=kind, shape=shape: _draw(kind, shape, seed), seeds
            )
        return drawn

    def network(self, name: str, training: bool):
        """Gives a network, for measuring with the averaged weights that `take_averages` took."""
        own = self.networks[name]
        return own if training else self._copies.networks.get(name, own)

    def take_averages(self) -> None:
        """Brings what is measured up to date, where averages of weights are kept."""
        for name in self.networks:
            self.averaged(name)

    @tf.function(reduce_retracing=True)
    def _measured(self, images, numbers):
        losses, log = self.losses(images, self.fixed_draws(numbers), training=False)
        return {**log, "loss": losses}

    def validate(self, batches) -> dict[str, float]:
        """Computes the mean loss over examples with fixed draws; the lowest is the best model.

        Args:
            batches: tuples of images, in their order.
        """
        self.take_averages()
        found: dict[str, list] = {}
        first = 0
        for (images,) in batches:
            numbers = tf.range(first, first + len(images), dtype=tf.int32)
            for name, values in self._measured(tf.constant(images), numbers).items():
                found.setdefault(name, []).append(np.asarray(values, np.float64))
            first += len(images)
        return {f"val_{name}": float(np.concatenate(v).mean()) for name, v in found.items()}


def _draw(kind, shape, seed):
    if kind == "normal":
        return tf.random.stateless_normal(shape, seed)
    return tf.random.stateless_uniform(shape, seed)


def without_second_player(flag_values: flags.FlagValues) -> None:
    """Takes away the flags of every run that say something of a discriminator."""
    for name in WITHOUT:
        delattr(flag_values, name)


def compiled(model: DensityModel, settings, **adam_options) -> DensityModel:
    """Gives a model the optimiser that settings name; `adam_options`, see `optimizers.players`."""
    model.compile(**optimizers.players(settings, ("g",), **adam_options))
    return model

"""Base of models that are trained by maximum likelihood, with a single optimizer.

The noise that such a model samples for an example (of the posterior, of the binarisation, of the
dequantisation) is declared with its shape in `noise_shapes`. In training it is a function of the
run's seed, of the step and of the example's place in the global batch; in measuring it is a
function of the example's number in its part alone, so that every run is measured on the same
samples.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.models.base.latent import LatentModel
from kgan.models.base.own_data import OwnData

# Folded into the seeds of samples in training and of samples in measuring.
TRAINING, MEASURING = 300_000, 400_000
EVALUATION_BATCH = 4096  # examples of an evaluation are numbered by batch


def _sample_rows(model, kind, shape, seed, count):
    return model.sample_noise(kind, [count, *shape], seed)


class LikelihoodModel(LatentModel):
    """Trains a density by its negative logarithm, or a bound of it, in nats per example.

    A model defines `noise_shapes` and `losses`, and either `log_densities` or `log_weights`.

    Class attributes:
        is_exact: whether `log_densities` computes the likelihood; else `log_weights` bounds it.

    Example:
        >>> from kgan.models.flow import Flow
        >>> from kgan.networks.coupling import CouplingFlow
        >>> model = Flow(CouplingFlow((2,), 1, [4]))
        >>> model.is_exact, list(model.players)
        (True, ['g'])
    """

    defaults = {"dataset": "digits", "batch_size": 100, "beta_1": 0.9, "g_optimizer": "adam"}
    player_names = ("g",)
    logged = ("loss",)
    validation_measure = "val_loss"
    # Of the training part, where a data set has no validation part: likelihoods overfit.
    held_out_share = 0.05
    own_data = OwnData(8, 32, multiple=4, updates=(3_000, 50_000))
    is_exact = False

    def noise_shapes(self) -> Mapping[str, tuple[str, Sequence[int]]]:
        """Returns the noise that an example needs: by name, its distribution and its shape."""
        raise NotImplementedError

    def losses(self, images, noise, training=True) -> tuple[tf.Tensor, dict]:
        """Computes the negative log-likelihood, or a bound: float32 [B], and what is logged.

        Args:
            images: float32 [B, H, W, C] in [-1, 1], or points [B, D].
            noise: float32 [B, ...] by the names of `noise_shapes`.
            training: whether statistics are those of the batch, and weights those of the optimizer
                and not their averages.
        """
        raise NotImplementedError

    def log_densities(self, images, numbers) -> dict[str, np.ndarray]:
        """Computes the exact log-likelihood of examples, float64 [B] by name of the unit.

        It takes the weights that `update_averages` averaged, which is called before.

        Args:
            images: float32 [B, H, W, C] in [-1, 1], or points [B, D].
            numbers: int32 [B], each example's place in its part.
        """
        raise NotImplementedError

    def log_weights(self, images, numbers, samples: int) -> tf.Tensor:
        """Computes ln p(x, zₖ) − ln q(zₖ|x), float32 [B, K], for K `samples` of the latent.

        It takes the weights that `update_averages` averaged, which is called before.

        Args:
            images: float32 [B, H, W, C] in [-1, 1].
            numbers: int32 [B], each example's place in its part.
            samples: K.
        """
        raise NotImplementedError

    def train_step(self, data):
        """Takes images float32 [B, H, W, C] in [-1, 1]."""
        (images,) = parts = self.batch(data)
        log = self.update("g", self.losses, images, self.step_noise(images))
        return self.results(log, parts=parts)

    def test_losses(self, images):
        first = tf.cast(self.count, tf.int32) * EVALUATION_BATCH
        numbers = first + tf.range(tf.shape(images)[0])
        return [self.losses(images, self.fixed_noise(numbers), training=False)[1]]

    def step_noise(self, images) -> dict[str, tf.Tensor]:
        """Samples the noise of this step's examples on this replica."""
        sampled = {}
        for number, (name, (kind, shape)) in enumerate(sorted(self.noise_shapes().items())):
            seed = self.random_seed(self.step, TRAINING + number)
            sample = functools.partial(_sample_rows, self, kind, shape, seed)
            sampled[name] = randomness.replica_rows(sample, tf.shape(images)[0])
        return sampled

    def fixed_noise(self, numbers, shapes=None) -> dict[str, tf.Tensor]:
        """Samples the noise of examples that are measured, the same for every run.

        Args:
            numbers: int32 [B], each example's place in its part.
            shapes: default: what `noise_shapes` returns.
        """
        sampled = {}
        shapes = shapes or self.noise_shapes()
        for number, (name, (kind, shape)) in enumerate(sorted(shapes.items())):
            seeds = tf.stack([numbers, tf.fill(tf.shape(numbers), MEASURING + number)], axis=1)
            sample = functools.partial(self.sample_noise, kind, shape)
            sampled[name] = randomness.rows_from_seeds(sample, seeds)
        return sampled

    def network(self, name: str, training: bool):
        """Returns a network, for measuring with the weights that `update_averages` averaged."""
        own = self.networks[name]
        return own if training else self._copies.networks.get(name, own)

    def update_averages(self) -> None:
        """Copies the averages of weights, where they are kept, to the networks that measure."""
        for name in self.networks:
            self.averaged(name)

    @tf.function(reduce_retracing=True)
    def measured_losses(self, images, numbers):
        """Computes losses and what is logged, with fixed noise, after `update_averages`."""
        losses, log = self.losses(images, self.fixed_noise(numbers), training=False)
        return {**log, "loss": losses}

    def validate(self, batches) -> dict[str, float]:
        """Computes the mean loss over examples with fixed noise; the lowest is the best model.

        Args:
            batches: tuples of images, in their order.
        """
        self.update_averages()
        found: dict[str, list] = {}
        first = 0
        for (images,) in batches:
            numbers = tf.range(first, first + len(images), dtype=tf.int32)
            for name, values in self.measured_losses(tf.constant(images), numbers).items():
                found.setdefault(name, []).append(np.asarray(values, np.float64))
            first += len(images)
        return {f"val_{name}": float(np.concatenate(v).mean()) for name, v in found.items()}

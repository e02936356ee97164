"""VAE: an encoder and a decoder that bring the evidence lower bound of the likelihood up.

The loss is −ELBO = E_q(z|x)[−ln p(x|z)] + KL(q(z|x) ‖ N(0, I)), in nats per image (Kingma and
Welling 2014, equation 3), with q(z|x) = N(μ(x), diag σ²(x)), z = μ + σ ε, and
KL = ½ Σ (μ² + σ² − ln σ² − 1) in closed form (their appendix B). With --importance_samples=K above
1 it is −ln (1/K) Σₖ p(x, zₖ)/q(zₖ|x), a tighter bound (Burda et al. 2016, equation 8; IWAE).

Pixels are Bernoulli: an image's intensities in [0, 1] are the probabilities of its bits, which are
sampled again in each step and fixed for what is measured (Salakhutdinov and Murray 2008).
Generated images show the decoder's probabilities.

Slips in the course documents: one gives p(x|z) as a Gaussian, whose −ln p has a constant that it
leaves out; for bits there is none.

Differs from the paper: nothing; two hidden layers, as in the second paper.
"""

import math

import keras
import tensorflow as tf
from keras import layers
from keras.initializers import GlorotUniform

from kgan.models.base.flags import choice, integer, latent_size, layer_units
from kgan.models.base.likelihood import LikelihoodModel
from kgan.networks.blocks import Seeded
from kgan.utils.errors import ArgumentError


@keras.saving.register_keras_serializable("kgan")
class VAE(LikelihoodModel):
    """Variational autoencoder with Bernoulli pixels.

    Args:
        encoder: bits float32 [B, H, W, C], 0 or 1 → means and log-variances of z, [B, 2 L].
        decoder: latent float32 [B, L] → logits of the bits [B, H, W, C].
        importance_samples: K, of z for each image in a step.
        seed: see `Model`.

    Example:
        >>> encoder = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(6)])
        >>> reshape = layers.Reshape((2, 2, 1))
        >>> decoder = keras.Sequential([keras.Input((3,)), layers.Dense(4), reshape])
        >>> model = VAE(encoder, decoder)
        >>> model.generate(model.latents_from_seeds([0])).shape
        (1, 2, 2, 1)
    """

    network_names = ("encoder", "decoder")
    own_arguments = (
        integer(
            "importance_samples",
            1,
            (1, 1000),
            "Samples of the latent per image in a step; above 1 the bound is tighter (IWAE).",
        ),
    )
    network_flags = (
        latent_size(50),
        layer_units(
            "hidden",
            [200, 200],
            "Units of a hidden layer of the encoder, and in reverse order of the decoder",
        ),
        choice("activation", "tanh", ("tanh", "relu"), "Activation of the hidden layers."),
    )
    defaults = {**LikelihoodModel.defaults, "image_size": "28", "epochs": 300, "g_lr": 1e-3}
    logged = ("loss", "reconstruction", "kl")
    generating_network = "decoder"

    @classmethod
    def build_networks(cls, flags, spec):
        if len(spec.shape) != 3:
            raise ArgumentError(
                "dataset", "contains points; a VAE needs images, whose pixels are bits"
            )
        seed, size = flags.seed, flags.latent_size
        bits = keras.Input(spec.shape, name="bits")
        units = layers.Flatten(name="flatten")(bits)
        units = _hidden(units, flags.hidden, flags.activation, Seeded(seed, 0, GlorotUniform))
        last = {"dtype": "float32", **Seeded(seed, 400, GlorotUniform)("posterior")}
        encoder = keras.Model(bits, layers.Dense(2 * size, **last)(units), name="encoder")
        latent = keras.Input((size,), name="latent")
        named = Seeded(seed, 500, GlorotUniform)
        units = _hidden(latent, flags.hidden[::-1], flags.activation, named)
        last = {"dtype": "float32", **Seeded(seed, 900, GlorotUniform)("to_logits")}
        logits = layers.Dense(math.prod(spec.shape), **last)(units)
        logits = layers.Reshape(spec.shape, name="logits", dtype="float32")(logits)
        return encoder, keras.Model(latent, logits, name="decoder")

    def noise_shapes(self, samples: int | None = None):
        shape = [samples or self.importance_samples, self.latent_size]
        return {"bits": ("uniform", self.image_shape), "noise": ("normal", shape)}

    def images_of(self, network, latents, training=False):
        logits = tf.cast(network(latents, training=training), tf.float32)
        return 2.0 * tf.sigmoid(logits) - 1.0

    def terms(self, images, noise_of, training=True) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Computes what both bounds are made of.

        Args:
            images: float32 [B, H, W, C] in [-1, 1].
            noise_of: `bits` [B, H, W, C] in [0, 1), `noise` [B, K, L].
            training: see `losses`.

        Returns:
            ln p(x|zₖ) and ln p(zₖ) − ln q(zₖ|x), float32 [B, K], and the KL divergence, [B].
        """
        bits = tf.cast(noise_of["bits"] < (images + 1.0) / 2.0, tf.float32)
        posterior = self.network("encoder", training)(bits, training=training)
        mean, log_variance = tf.split(posterior, 2, axis=1)
        noise = noise_of["noise"]
        latents = mean[:, tf.newaxis] + tf.exp(0.5 * log_variance)[:, tf.newaxis] * noise
        logits = self.network("decoder", training)(
            tf.reshape(latents, [-1, self.latent_size]), training=training
        )
        logits = tf.reshape(logits, [-1, noise.shape[1], math.prod(self.image_shape)])
        flat = tf.reshape(bits, [-1, 1, logits.shape[2]])
        conditional = tf.reduce_sum(flat * logits - tf.nn.softplus(logits), axis=2)
        # The constants of the two normal densities, D/2 ln 2π, cancel.
        prior_over_posterior = 0.5 * tf.reduce_sum(
            noise**2 + log_variance[:, tf.newaxis] - latents**2, axis=2
        )
        divergence = 0.5 * tf.reduce_sum(
            mean**2 + tf.exp(log_variance) - log_variance - 1.0, axis=1
        )
        return conditional, prior_over_posterior, divergence

    def losses(self, images, noise_of, training=True):
        conditional, prior_over_posterior, divergence = self.terms(images, noise_of, training)
        reconstruction = -tf.reduce_mean(conditional, axis=1)
        losses = reconstruction + divergence
        if self.importance_samples > 1:
            log_weights = conditional + prior_over_posterior
            losses = math.log(self.importance_samples) - tf.reduce_logsumexp(log_weights, axis=1)
        return losses, {"loss": losses, "reconstruction": reconstruction, "kl": divergence}

    @tf.function(reduce_retracing=True)
    def log_weights(self, images, numbers, samples: int) -> tf.Tensor:
        noise_of = self.fixed_noise(numbers, self.noise_shapes(samples))
        conditional, prior_over_posterior, _ = self.terms(images, noise_of, training=False)
        return conditional + prior_over_posterior


def _hidden(units, sizes, activation, named):
    for number, size in enumerate(sizes):
        units = layers.Dense(size, activation, **named(f"hidden_{number}"))(units)
    return units

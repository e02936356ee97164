"""Flow: an invertible network of affine coupling layers, trained on its exact log-likelihood.

The loss is −ln p(x) = ½ ‖h(x)‖² + D/2 ln 2π − ln |det J_h(x)| in nats, the change of variables
with a normal prior (Dinh et al. 2017, equations 2 and 4 to 8). Its parts are logged as
`loss_prior`, which alone would pull everything to zero, and `loss_determinant`, which prevents it.

An image's levels 0 … 255 are dequantised by uniform noise, x = (level + u) / 256, and taken to
y = logit(λ + (1 − 2λ) x), λ = 1e-6 (Papamakarios et al. 2017, appendix E.2; --logit_margin). Nats
are those of y, as in published tables; bits per dimension are those of the levels. Points
of the plane are left as they are.

Slips in the course documents: one leaves out the ½ of ‖h‖², with which the prior would have the
variance ½, and the constant D/2 ln 2π.

Differs from the paper: fully connected couplings, as in the second paper, and no second scale;
Adam's ε is 1e-5.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from kgan.metrics import likelihood
from kgan.models.base.flags import integer, layer_units, number
from kgan.models.base.likelihood import LikelihoodModel
from kgan.models.base.own_data import OwnData
from kgan.networks.coupling import CouplingFlow

LEVELS = 256
LOWEST_SHOWN = -20.0  # nats of a point of the plane


@keras.saving.register_keras_serializable("kgan")
class Flow(LikelihoodModel):
    """Normalising flow of affine coupling layers.

    Args:
        flow: `CouplingFlow` of the logits of images [B, H, W, C], or of points [B, D].
        logit_margin: λ, in (0, ½).
        seed: see `Model`.

    Example:
        >>> model = Flow(CouplingFlow((2,), 2, [8]))
        >>> model.compile(g_optimizer="adam")
        >>> model.generate(model.latents_from_seeds(range(3))).shape
        (3, 2)
    """

    network_names = ("flow",)
    own_arguments = (
        number(
            "logit_margin", 1e-6, (1e-7, 0.4), "Distance of pixels from 0 and 1 before the logit."
        ),
    )
    network_flags = (
        integer("couplings", 5, (1, 100), "Coupling layers, each after a normalisation."),
        layer_units("hidden", [512, 512], "Units of a hidden layer in a coupling"),
    )
    own_data = OwnData(8, 16, multiple=4, updates=(3_000, 50_000))
    defaults = {**LikelihoodModel.defaults, "image_size": "8", "epochs": 50, "g_lr": 5e-4}
    # Normalised data are best shifted by 0, so that some gradients are 0 at the start but for
    # rounding; the usual 1e-8 would make full steps of that, on two replicas others than on one.
    adam_options = {"epsilon": 1e-5}
    logged = ("loss", "loss_prior", "loss_determinant")
    generating_network = "flow"
    score_map_label = "ln p, nats"
    is_exact = True

    @classmethod
    def build_networks(cls, flags, spec):
        common = {"seed": flags.seed, "synchronized": flags.synchronized}
        return [CouplingFlow(spec.shape, flags.couplings, flags.hidden, name="flow", **common)]

    @property
    def image_shape(self):
        return self.flow.shape

    @property
    def latent_size(self):
        return math.prod(self.flow.shape)

    def noise_shapes(self):
        return {} if self.generates_points else {"dequantisation": ("uniform", self.image_shape)}

    def dequantised(self, images, noise_of) -> tf.Tensor:
        """Computes (level + u) / 256 of images in [-1, 1]; float32 in (0, 1)."""
        levels = tf.round((images + 1.0) * (LEVELS - 1) / 2.0)
        return (levels + noise_of["dequantisation"]) / LEVELS

    def to_logits(self, images) -> tf.Tensor:
        """Maps images in [0, 1] to logit space."""
        margin = self.logit_margin
        # Both logarithms see the number whose digits float32 has: near 1 these are those of 1 − x.
        low, high = margin + (1 - 2 * margin) * images, margin + (1 - 2 * margin) * (1 - images)
        return tf.math.log(low) - tf.math.log(high)

    def images_of(self, network, latents, training=False):
        values = network.inverse(latents)
        if self.generates_points:
            return values
        margin = self.logit_margin
        images = (tf.sigmoid(values) - margin) / (1 - 2 * margin)
        # The middle of a level is what it is rounded to.
        levels = tf.clip_by_value(images * LEVELS - 0.5, 0.0, LEVELS - 1)
        return levels * 2.0 / (LEVELS - 1) - 1.0

    def losses(self, images, noise_of, training=True):
        values = (
            images if self.generates_points else self.to_logits(self.dequantised(images, noise_of))
        )
        latents, log_determinant = self.network("flow", training)(values, training=training)
        prior = 0.5 * tf.reduce_sum(latents**2, axis=1)
        prior += 0.5 * self.latent_size * math.log(2 * math.pi)
        losses = prior - log_determinant
        return losses, {"loss": losses, "loss_prior": prior, "loss_determinant": -log_determinant}

    def log_densities(self, images, numbers) -> dict[str, np.ndarray]:
        """Computes `log_likelihood_nats` of points, or of images two values.

        These are `log_likelihood_logit_nats` and `bits_per_dimension`; see `LikelihoodModel`.
        """
        nats = -np.asarray(self.measured_losses(images, numbers)["loss"], np.float64)
        if self.generates_points:
            return {"log_likelihood_nats": nats}
        unit = np.asarray(self.dequantised(images, self.fixed_noise(numbers)))
        in_unit = nats + likelihood.logit_log_slopes(unit, self.logit_margin)
        bits = likelihood.bits_per_dimension(in_unit, self.latent_size, LEVELS)
        return {"log_likelihood_logit_nats": nats, "bits_per_dimension": bits}

    def score_map(self, points):
        self.update_averages()
        numbers = tf.range(len(points), dtype=tf.int32)
        found = self.log_densities(tf.constant(points), numbers)["log_likelihood_nats"]
        # It falls without end.
        return np.maximum(found, LOWEST_SHOWN)

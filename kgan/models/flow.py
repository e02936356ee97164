"""Flow: an invertible network of affine coupling layers, trained on its exact log-likelihood.

The loss is −ln p(x) = ½ ‖h(x)‖² + D/2 ln 2π − ln |det J_h(x)| in nats, the change of variables
with a normal prior (Dinh et al. 2017, equations 2 and 4 to 8; `003`, part II). Its parts are
logged as `loss_prior`, which alone would draw everything to zero, and `loss_determinant`, which
keeps it from that.

An image's levels 0 … 255 are dequantised by uniform noise, x = (level + u) / 256, and taken to
y = logit(λ + (1 − 2λ) x), λ = 1e-6 (Papamakarios et al. 2017, appendix E.2; --logit_margin). Nats
are those of y, as published tables have them; bits per dimension are those of the levels. Points
of the plane are left as they are.

Slips in the course documents: `003` leaves out the ½ of ‖h‖², with which the prior would have the
variance ½, and the constant D/2 ln 2π.

Differs from the paper: fully connected couplings, as in the second paper, and no second scale;
Adam's ε is 1e-5.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from kgan.metrics import likelihood
from kgan.models.base import likelihood as base_likelihood
from kgan.models.base.likelihood import DensityModel
from kgan.networks.coupling import CouplingFlow

LEVELS = 256
# Adam's ε. Normalised data are best shifted by 0, so that some gradients are 0 at the start but for
# rounding; the usual 1e-8 would make full steps of that, on two replicas others than on one.
EPSILON = 1e-5
LOWEST_SHOWN = -20.0  # nats of a point of the plane
DEFAULTS = {**base_likelihood.DEFAULTS, "image_size": "8", "epochs": 50, "g_lr": 5e-4}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds, and takes away those of a second player."""
    base_likelihood.without_second_player(flag_values)
    flags.DEFINE_integer(
        "couplings",
        5,
        "Coupling layers, each with a normalisation ahead of it.",
        1,
        100,
        flag_values=flag_values,
    )
    flags.DEFINE_multi_integer(
        "hidden",
        [512, 512],
        "Units of a hidden layer of a coupling's network, once a layer.",
        1,
        65_536,
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "logit_margin",
        1e-6,
        "How far from 0 and 1 pixels are kept ahead of the logit.",
        1e-7,
        0.4,
        flag_values=flag_values,
    )


@keras.saving.register_keras_serializable("kgan")
class Flow(DensityModel):
    """Trains an invertible network.

    Args:
        flow: `CouplingFlow` of images' logits [B, H, W, C], or of points [B, D].
        logit_margin: λ, in (0, ½).
        **kwargs: see `TrainableModel`.
    """

    logged = ("loss", "loss_prior", "loss_determinant")
    drawing_network = "flow"
    surface_label = "ln p, nats"

    def __init__(self, flow: CouplingFlow, logit_margin: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        self.flow = flow
        self.logit_margin = logit_margin

    def get_config(self):
        return {**super().get_config(), "logit_margin": self.logit_margin}

    @property
    def networks(self):
        return {"flow": self.flow}

    @property
    def image_shape(self):
        return self.flow.shape

    @property
    def latent_size(self):
        return math.prod(self.flow.shape)

    @property
    def draws_points(self) -> bool:
        """Whether x are points, which are no images and have neither levels nor logits."""
        return len(self.image_shape) != 3

    def needs(self):
        return {} if self.draws_points else {"dequantisation": ("uniform", self.image_shape)}

    def dequantised(self, images, draws) -> tf.Tensor:
        """Gives (level + u) / 256 of images in [-1, 1]; float32 in (0, 1)."""
        levels = tf.round((images + 1.0) * (LEVELS - 1) / 2.0)
        return (levels + draws["dequantisation"]) / LEVELS

    def to_logits(self, images) -> tf.Tensor:
        """Takes images in [0, 1] to logit space."""
        margin = self.logit_margin
        # Both logarithms see the number whose digits float32 has: near 1 these are those of 1 − x.
        low, high = margin + (1 - 2 * margin) * images, margin + (1 - 2 * margin) * (1 - images)
        return tf.math.log(low) - tf.math.log(high)

    def images_of(self, network, latents):
        values = network.inverse(latents)
        if self.draws_points:
            return values
        margin = self.logit_margin
        images = (tf.sigmoid(values) - margin) / (1 - 2 * margin)
        # The middle of a level is what it is rounded to.
        levels = tf.clip_by_value(images * LEVELS - 0.5, 0.0, LEVELS - 1)
        return levels * 2.0 / (LEVELS - 1) - 1.0

    def losses(self, images, draws, training=True):
        values = images if self.draws_points else self.to_logits(self.dequantised(images, draws))
        latents, log_determinant = self.network("flow", training)(values, training=training)
        prior = 0.5 * tf.reduce_sum(latents**2, axis=1)
        prior += 0.5 * self.latent_size * math.log(2 * math.pi)
        losses = prior - log_determinant
        return losses, {"loss": losses, "loss_prior": prior, "loss_determinant": -log_determinant}

    def log_densities(self, images, numbers) -> dict[str, np.ndarray]:
        """Computes what is exactly known of examples; call `take_averages` before.

        Args:
            images: float32 [B, H, W, C] in [-1, 1], or points [B, D].
            numbers: int32 [B], each example's place in its part, of which its dequantisation comes.

        Returns:
            float64 [B] by name: `log_likelihood_nats` of points; `log_likelihood_logit_nats` and
            `bits_per_dimension` of images.
        """
        nats = -np.asarray(self._measured(images, numbers)["loss"], np.float64)
        if self.draws_points:
            return {"log_likelihood_nats": nats}
        unit = np.asarray(self.dequantised(images, self.fixed_draws(numbers)))
        in_unit = nats + likelihood.logit_log_slopes(unit, self.logit_margin)
        bits = likelihood.bits_per_dimension(in_unit, self.latent_size, LEVELS)
        return {"log_likelihood_logit_nats": nats, "bits_per_dimension": bits}

    def surface(self, places) -> np.ndarray:
        """Gives ln p of points float32 [B, 2], cut off below, where it falls without end."""
        self.take_averages()
        numbers = tf.range(len(places), dtype=tf.int32)
        found = self.log_densities(tf.constant(places), numbers)["log_likelihood_nats"]
        return np.maximum(found, LOWEST_SHOWN)


MODEL = Flow


def build(settings, spec) -> Flow:
    """Wires network, scheme and optimiser from settings."""
    flow = CouplingFlow(
        spec.shape,
        settings.couplings,
        settings.hidden,
        seed=settings.seed,
        synchronized=bool(settings.sync_batch_norm),
        name="flow",
    )
    model = Flow(flow, settings.logit_margin, seed=settings.seed)
    return base_likelihood.compiled(model, settings, epsilon=EPSILON)

"""DCGAN: a convolutional generator against a convolutional discriminator.

D minimises E[−log D(x)] + E[−log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1); G minimises
E[−log D(G(z))], its non-saturating form. Networks: Radford et al. 2016 as `kgan.networks.dcgan`
has them, N(0, 0.02) weights, Adam 2e-4 with β1 0.5, batch 128, z ~ N(0, I) of 100 numbers.

Slips in the course documents: one of them gives the generator leaky ReLUs, the other (and the
paper) ReLUs; ReLU is used.

Differs from the paper: see the networks; z is normal instead of uniform, as in the course.
"""

import keras
import tensorflow as tf
from absl import flags

from kgan import optimizers
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.networks import dcgan as networks
from kgan.schemes.base_latent import LatentModel

DEFAULTS = {
    "dataset": "digits", "image_size": "32", "batch_size": 128, "epochs": 150,
    "g_optimizer": "adam", "d_optimizer": "adam", "g_lr": 2e-4, "d_lr": 2e-4, "beta_1": 0.5,
}  # fmt: skip


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    flags.DEFINE_integer(
        "latent_size", 100, "Length of the noise vector.", 1, 65_536, flag_values=flag_values
    )
    flags.DEFINE_integer(
        "width", 32, "Channels next to the picture; they double inwards.", 1, 4096,
        flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "gan_loss", "bce", ["bce", "minimax", "least_squares"],
        "bce: G maximises log D(G(z)). minimax: G minimises log(1 - D(G(z))), which saturates.",
        flag_values=flag_values,
    )  # fmt: skip


@keras.saving.register_keras_serializable("kgan")
class DCGAN(LatentModel):
    """Trains one step of D on real and generated pictures, then one of G on fresh latents.

    Args:
        generator: latent float32 [B, latent_size] → picture float32 [B, H, W, C] in [-1, 1].
        discriminator: picture → logit float32 [B, 1].
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`.
        seed: of the latents.
    """

    discriminator_won_below = 0.01

    def __init__(self, generator, discriminator, gan_loss: str = "bce", **kwargs):
        super().__init__(generator, discriminator, **kwargs)
        self.gan_loss = gan_loss
        self.loss_parts = ADVERSARIAL_LOSSES[gan_loss]

    def train_step(self, data):
        """Takes pictures float32 [B, H, W, C] in [-1, 1]."""
        d_log = self.discriminator_step(data)
        g_log = self.generator_step(tf.shape(data)[0])
        return self.results(d_log, g_log)

    def get_config(self):
        return {**super().get_config(), "gan_loss": self.gan_loss}


MODEL = DCGAN


def build(settings, spec) -> DCGAN:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        settings: the resolved flags as attributes.
        spec: `kgan.data.collection.Spec` of the pictures.
    """
    shape = (*spec.size, spec.channels)
    common = {"base_width": settings.width, "synchronized": settings.sync_batch_norm}
    model = DCGAN(
        networks.generator(shape, settings.latent_size, seed=settings.seed, **common),
        networks.discriminator(shape, seed=settings.seed, **common),
        gan_loss=settings.gan_loss,
        seed=settings.seed,
    )
    model.compile(**optimizers.players(settings))
    return model

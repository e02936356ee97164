"""SN-GAN: residual players, spectral normalisation, and a discriminator that projects on the class.

D minimises E[max(0, 1 − D(x, y))] + E[max(0, 1 + D(G(z, y), y))], G minimises −E[D(G(z, y), y)]
(Miyato et al. 2018, equations 16 and 17); D(x, y) = ψ(φ(x)) + yᵀ V φ(x) (Miyato and Koyama 2018,
equation 3). Adam 2e-4 with β 0 and 0.9, five updates of D for each of G, batch 64. The baseline for
conditional images that other work is compared with.

Differs from the papers: widths of 64 in place of 256 and 128, so that a CPU gets somewhere.
"""

import keras
from absl import flags

from kgan.models.base import conditional as base_conditional
from kgan.models.base.conditional import ConditionalModel
from kgan.networks import sn_resnet

DEFAULTS = {
    **base_conditional.defaults(),
    "gan_loss": "hinge",
    "d_updates": 5,
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 64,
    "epochs": 100,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta_1": 0.0,
    "beta_2": 0.9,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    base_conditional.define_flags(flag_values, latent_size=128, g_width=64, d_width=64)


@keras.saving.register_keras_serializable("kgan")
class SNGAN(ConditionalModel):
    """Trains residual players on images and their classes with the hinge loss.

    Args:
        generator: [latent float32 [B, N], condition float32 [B, K]] → image in [-1, 1].
        discriminator: [image, condition] → score float32 [B, 1].
        **kwargs: see `ConditionalModel`.
    """

    def __init__(
        self, generator, discriminator, *, gan_loss: str = "hinge", d_updates: int = 5, **kwargs
    ):
        super().__init__(generator, discriminator, gan_loss=gan_loss, d_updates=d_updates, **kwargs)


MODEL = SNGAN


def build(settings, spec) -> SNGAN:
    """Wires networks, scheme and optimisers from settings, see `base_conditional.build`."""
    return base_conditional.build(
        SNGAN, settings, spec, sn_resnet.generator, sn_resnet.discriminator
    )

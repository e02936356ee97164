"""LSGAN: DCGAN's networks, with squared distances in place of the cross-entropy.

D minimises E[(D(x) − 1)²] + E[D(G(z))²], G minimises E[(D(G(z)) − 1)²] (Mao et al. 2017, equation
9 with a = 0, b = c = 1, without its ½; `001`, which has the same). A score far on the right side
of the boundary is pulled back, too, so that the gradient of G does not vanish.

Differs from the paper: the networks are DCGAN's of the course; the paper's are wider.
"""

import keras
from absl import flags

from kgan.models.base import flags as latent_flags
from kgan.models.base.adversarial import LatentModel

FIXED = ("gan_loss",)
DEFAULTS = {
    **latent_flags.defaults(FIXED),
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 128,
    "epochs": 150,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    latent_flags.define_flags(flag_values, FIXED)


@keras.saving.register_keras_serializable("kgan")
class LSGAN(LatentModel):
    """Trains D and G with least squares.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        discriminator: image → score float32 [B, 1].
        **kwargs: see `LatentModel`.
    """

    def __init__(self, generator, discriminator, *, gan_loss: str = "least_squares", **kwargs):
        super().__init__(generator, discriminator, gan_loss=gan_loss, **kwargs)


MODEL = LSGAN


def build(settings, spec) -> LSGAN:
    """Wires networks, scheme and optimisers from settings, see `base_latent_settings.build`."""
    return latent_flags.build(LSGAN, settings, spec)

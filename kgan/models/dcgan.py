"""DCGAN: a convolutional generator against a convolutional discriminator.

D minimises E[−log D(x)] + E[−log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1); G minimises
E[−log D(G(z))], its non-saturating form. Networks: Radford et al. 2016 as `kgan.networks.dcgan`
has them, N(0, 0.02) weights, Adam 2e-4 with β1 0.5, batch 128, z ~ N(0, I) of 100 numbers.

Slips in the course documents: one of them gives the generator leaky ReLUs, the other (and the
paper) ReLUs; ReLU is used.

Differs from the paper: see the networks; z is normal instead of uniform, as in the course.
"""

import keras
from absl import flags

from kgan.models.base import flags as latent_flags
from kgan.models.base.adversarial import LatentModel

DEFAULTS = {
    **latent_flags.defaults(),
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
    latent_flags.define_flags(flag_values)


@keras.saving.register_keras_serializable("kgan")
class DCGAN(LatentModel):
    """Trains one step of D on real and generated images, then one of G on fresh latents.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        discriminator: image → logit float32 [B, 1].
        **kwargs: see `LatentModel`.
    """


MODEL = DCGAN


def build(settings, spec) -> DCGAN:
    """Wires networks, scheme and optimisers from settings, see `base_latent_settings.build`."""
    return latent_flags.build(DCGAN, settings, spec)

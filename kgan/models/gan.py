"""GAN: the first one, of fully connected networks (100-300-784 and its mirror, 784-300-1).

D minimises E[−log D(x)] + E[−log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1; `004`,
equation 5). G minimises E[−log D(G(z))], the non-saturating form, or with --gan_loss=minimax the
"true" loss E[log(1 − D(G(z)))], which saturates. --simultaneous moves both players from the same
point, as the theory of `002` (section 4.1) has it, in place of one after the other.

Networks: `002`, chapter 2: ReLU in the hidden layers, tanh at the end of G, images in [-1, 1].

Slips in the course documents: `002` writes the step as W + η ∂E/∂W; it descends.

Differs from the paper: no maxout, no dropout; Adam instead of momentum alone.
"""

import keras
from absl import flags

from kgan.models.base import flags as latent_flags
from kgan.models.base.adversarial import LatentModel

DEFAULTS = {
    **latent_flags.defaults(),
    "network": "mlp",
    "dataset": "digits",
    "image_size": "28",
    "batch_size": 64,
    "epochs": 300,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    latent_flags.define_flags(flag_values)


@keras.saving.register_keras_serializable("kgan")
class GAN(LatentModel):
    """Trains one step of D on real and generated images, then one of G on fresh latents.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        discriminator: image → logit float32 [B, 1].
        **kwargs: see `LatentModel`.
    """


MODEL = GAN


def build(settings, spec) -> GAN:
    """Wires networks, scheme and optimisers from settings, see `base_latent_settings.build`."""
    return latent_flags.build(GAN, settings, spec)

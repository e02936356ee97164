"""WGAN: a critic with clipped weights estimates the Wasserstein distance that G brings down.

The critic maximises E[f(x)] − E[f(G(z))] over weights in [−c, c], n_critic times on fresh batches
for each update of G, which minimises −E[f(G(z))] (Arjovsky et al. 2017, algorithm 1): RMSprop
5e-5, c = 0.01, batch 64, n_critic = 5. The difference itself is logged as `wasserstein`: K times
the distance, with a K that the clip fixes and nobody knows.

Slips in the course documents: the loop t = 0, …, n_critic there makes one pass more than n_critic;
n_critic passes are made. One gives the step as 0.0005; the paper has 0.00005.

Differs from the paper: the networks are the course's DCGAN or an MLP.
"""

import keras
from absl import flags

from kgan.layers import clip_weights
from kgan.models.base import critic
from kgan.models.base import flags as latent_flags
from kgan.models.base.critic import CriticModel

DEFAULTS = {
    **latent_flags.defaults(critic.FIXED),
    "g_hidden": [512, 512, 512],
    "d_hidden": [512, 512, 512],
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 64,
    "epochs": 600,
    "g_optimizer": "rmsprop",
    "d_optimizer": "rmsprop",
    "g_lr": 5e-5,
    "d_lr": 5e-5,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    critic.define_flags(flag_values)
    flags.DEFINE_float(
        "clip",
        0.01,
        "The critic's weights stay in [-clip, clip].",
        1e-8,
        1000,
        flag_values=flag_values,
    )


@keras.saving.register_keras_serializable("kgan")
class WGAN(CriticModel):
    """Trains the critic on `n_critic` fresh batches, clipped after each, then G once.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        critic: image → unbounded score float32 [B, 1]; it is given the weight constraint.
        n_critic: updates of the critic in one step.
        clip: c of the paper, positive.
        **kwargs: see `LatentModel`.
    """

    def __init__(self, generator, critic, n_critic: int = 5, clip: float = 0.01, **kwargs):
        super().__init__(generator, critic, n_critic, **kwargs)
        self.clip = clip
        clip_weights(critic, clip)

    def get_config(self):
        return {**super().get_config(), "clip": self.clip}


MODEL = WGAN


def build(settings, spec) -> WGAN:
    """Wires networks, scheme and optimisers from settings, see `base_latent_settings.build`."""
    return latent_flags.build(WGAN, settings, spec, n_critic=settings.n_critic, clip=settings.clip)

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

from kgan import optimizers
from kgan.constraints import clip_weights
from kgan.schemes import base_latent
from kgan.schemes.base_latent import LatentModel

FIXED = ("gan_loss", "d_updates")
DEFAULTS = {
    **base_latent.defaults(FIXED),
    "g_hidden": [512, 512, 512], "d_hidden": [512, 512, 512],
    "dataset": "digits", "image_size": "32", "batch_size": 64, "epochs": 600,
    "g_optimizer": "rmsprop", "d_optimizer": "rmsprop", "g_lr": 5e-5, "d_lr": 5e-5,
}  # fmt: skip


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    base_latent.define_network_flags(flag_values)
    base_latent.define_game_flags(flag_values, FIXED)
    flags.DEFINE_integer(
        "n_critic", 5, "Updates of the critic for each of the generator.", 1, 1000,
        flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_float(
        "clip",
        0.01,
        "The critic's weights stay in [-clip, clip].",
        1e-8,
        1000,
        flag_values=flag_values,
    )


@keras.saving.register_keras_serializable("kgan")
class WGAN(LatentModel):
    """Trains the critic on `n_critic` fresh batches, clipped after each, then G once.

    Args:
        generator: latent float32 [B, latent_size] → picture float32 [B, H, W, C] in [-1, 1].
        critic: picture → unbounded score float32 [B, 1]; it is given the weight constraint.
        n_critic: updates of the critic in one step.
        clip: c of the paper, positive.
        **kwargs: see `LatentModel`.
    """

    def __init__(
        self, generator, critic, n_critic: int = 5, clip: float = 0.01, *,
        gan_loss: str = "wasserstein", **kwargs,
    ):  # fmt: skip
        super().__init__(generator, critic, gan_loss=gan_loss, d_updates=n_critic, **kwargs)
        self.clip = clip
        clip_weights(critic, clip)

    @property
    def n_critic(self):
        return self.d_updates

    def get_config(self):
        config = super().get_config()
        config["critic"] = config.pop("discriminator")
        config["n_critic"] = config.pop("d_updates")
        return {**config, "clip": self.clip}


MODEL = WGAN


def build(settings, spec) -> WGAN:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        settings: the resolved flags as attributes.
        spec: `kgan.data.collection.Spec` of the pictures.
    """
    model = WGAN(
        *base_latent.build_networks(settings, spec), n_critic=settings.n_critic,
        clip=settings.clip, seed=settings.seed, **base_latent.game(settings),
    )  # fmt: skip
    model.compile(**optimizers.players(settings))
    return model

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
import tensorflow as tf
from absl import flags

from kgan import optimizers
from kgan.constraints import clip_weights
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.networks import dcgan, mlp
from kgan.schemes.base_latent import LatentModel

DEFAULTS = {
    "dataset": "digits", "image_size": "32", "batch_size": 64, "epochs": 600,
    "g_optimizer": "rmsprop", "d_optimizer": "rmsprop", "g_lr": 5e-5, "d_lr": 5e-5, "beta_1": 0.5,
}  # fmt: skip


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""

    def integer(name, default, about, high):
        flags.DEFINE_integer(name, default, about, 1, high, flag_values=flag_values)

    integer("latent_size", 100, "Length of the noise vector.", 65_536)
    integer("n_critic", 5, "Updates of the critic for each of the generator.", 1000)
    flags.DEFINE_float(
        "clip",
        0.01,
        "The critic's weights stay in [-clip, clip].",
        1e-8,
        1000,
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "network", "dcgan", ["dcgan", "mlp"], "Which networks both players are.",
        flag_values=flag_values,
    )  # fmt: skip
    integer("width", 32, "Channels next to the picture, for --network=dcgan.", 4096)
    flags.DEFINE_multi_integer(
        "g_hidden", [512, 512, 512], "Units of a hidden layer of G, once a layer, for "
        "--network=mlp.", 1, 65_536, flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_multi_integer(
        "d_hidden", [512, 512, 512], "The same for the critic.", 1, 65_536, flag_values=flag_values
    )


@keras.saving.register_keras_serializable("kgan")
class WGAN(LatentModel):
    """Trains the critic on `n_critic` fresh batches, clipped after each, then G once.

    Args:
        generator: latent float32 [B, latent_size] → picture float32 [B, H, W, C] in [-1, 1].
        critic: picture → unbounded score float32 [B, 1]; it is given the weight constraint.
        n_critic: updates of the critic in one step.
        clip: c of the paper, positive.
        seed: of the latents.
    """

    logged = (*LatentModel.logged, "wasserstein")

    def __init__(self, generator, critic, n_critic: int = 5, clip: float = 0.01, **kwargs):
        super().__init__(generator, critic, **kwargs)
        self.n_critic = n_critic
        self.clip = clip
        self.loss_parts = ADVERSARIAL_LOSSES["wasserstein"]
        clip_weights(critic, clip)

    @property
    def batches_per_step(self):
        return self.n_critic

    def train_step(self, data):
        """Takes a tuple of n_critic batches of pictures float32 [B, H, W, C] in [-1, 1]."""
        batches = self.step_batches(data)
        # Keras applies the clip right after each update.
        logs = [self.discriminator_step(pictures, n) for n, pictures in enumerate(batches)]
        logs.append(self.generator_step(tf.shape(batches[0])[0]))
        return self.results(*logs)

    def discriminator_loss(self, pictures, latents):
        """Estimates minus the distance; it is logged with its own sign too."""
        losses, log = super().discriminator_loss(pictures, latents)
        return losses, {**log, "wasserstein": -losses}

    def get_config(self):
        config = super().get_config()
        config["critic"] = config.pop("discriminator")
        return {**config, "n_critic": self.n_critic, "clip": self.clip}


MODEL = WGAN


def build(settings, spec) -> WGAN:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        settings: the resolved flags as attributes.
        spec: `kgan.data.collection.Spec` of the pictures.
    """
    shape = (*spec.size, spec.channels)
    if settings.network == "mlp":
        generator = mlp.generator(
            shape, settings.latent_size, settings.g_hidden, seed=settings.seed
        )
        critic = mlp.discriminator(shape, settings.d_hidden, seed=settings.seed)
    else:
        common = {"base_width": settings.width, "synchronized": settings.sync_batch_norm}
        generator = dcgan.generator(shape, settings.latent_size, seed=settings.seed, **common)
        critic = dcgan.discriminator(shape, seed=settings.seed, **common)
    model = WGAN(
        generator, critic, n_critic=settings.n_critic, clip=settings.clip, seed=settings.seed
    )
    model.compile(**optimizers.players(settings))
    return model

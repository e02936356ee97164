"""What the schemes share that have a critic: an estimate of the Wasserstein distance."""

import keras
from absl import flags

from kgan.models.base import flags as latent_flags
from kgan.models.base.adversarial import LatentModel

FIXED = ("gan_loss", "d_updates")  # what makes it a critic is not left open


def define_flags(flag_values: flags.FlagValues, without=()) -> None:
    """Defines the flags of networks and game, with `--n_critic` in the place of `--d_updates`.

    Args:
        flag_values: where to.
        without: flags that a scheme does not leave open beside `FIXED`.
    """
    latent_flags.define_flags(flag_values, (*FIXED, *without))
    flags.DEFINE_integer(
        "n_critic",
        5,
        "Updates of the critic for each of the generator.",
        1,
        1000,
        flag_values=flag_values,
    )


class CriticModel(LatentModel):
    """Trains a critic `n_critic` times on fresh batches, then the generator.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        critic: image → unbounded score float32 [B, 1].
        n_critic: updates of the critic in one step.
        **kwargs: see `LatentModel`.
    """

    def __init__(
        self,
        generator: keras.Model,
        critic: keras.Model,
        n_critic: int = 5,
        *,
        gan_loss: str = "wasserstein",
        **kwargs,
    ):
        super().__init__(generator, critic, gan_loss=gan_loss, d_updates=n_critic, **kwargs)

    @property
    def n_critic(self) -> int:
        """The papers' name of `d_updates`."""
        return self.d_updates

    def get_config(self):
        config = super().get_config()
        config["critic"] = config.pop("discriminator")
        config["n_critic"] = config.pop("d_updates")
        return config

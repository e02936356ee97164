"""Conditional DCGAN: convolutional players that are both told which digit is meant.

min over G, max over D of E[log D(x | y)] + E[log(1 − D(G(z | y) | y))] (Mirza and Osindero 2014,
equation 2), G in its non-saturating form. y is a one-hot vector; each player has a branch for it
(`004`, section 2.2, figure 7). --nocondition_discriminator leaves D without y (question 11): G
then has no reason to heed y.

Slips in the course documents: the one-hot example of `004` shows nine entries for ten classes.

Differs from the paper: its networks are fully connected; those here are the course's.
"""

import keras
from absl import flags

from kgan.models.base import conditional as base_conditional
from kgan.models.base.conditional import ConditionalModel
from kgan.networks import conditional

DEFAULTS = {
    **base_conditional.defaults(),
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 128,
    "epochs": 100,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    base_conditional.define_flags(flag_values, latent_size=100, g_width=128, d_width=64)


@keras.saving.register_keras_serializable("kgan")
class ConditionalDCGAN(ConditionalModel):
    """Trains convolutional players on images and their classes.

    Args:
        generator: [latent float32 [B, N], condition float32 [B, K]] → image in [-1, 1].
        discriminator: [image, condition] → logit float32 [B, 1].
        **kwargs: see `ConditionalModel`.
    """


MODEL = ConditionalDCGAN


def build(settings, spec) -> ConditionalDCGAN:
    """Wires networks, scheme and optimisers from settings, see `base_conditional.build`."""
    return base_conditional.build(
        ConditionalDCGAN,
        settings,
        spec,
        conditional.convolutional_generator,
        conditional.convolutional_discriminator,
    )

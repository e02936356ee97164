"""WGAN: a critic with clipped weights estimates the Wasserstein distance that G brings down.

The critic maximises E[f(x)] − E[f(G(z))] over weights in [−c, c], n_critic times on fresh batches
for each update of G, which minimises −E[f(G(z))] (Arjovsky et al. 2017, algorithm 1): RMSprop
5e-5, c = 0.01, batch 64, n_critic = 5. The difference itself is logged as `wasserstein`: K times
the distance, with a K that the clip fixes and nobody knows.

Slips in the course documents: the loop t = 0, …, n_critic in one of them makes one pass more than
n_critic; n_critic passes are made. Another gives the learning rate as 0.0005; the
paper has 0.00005.

Differs from the paper: the networks are the course's DCGAN or an MLP.
"""

import keras

from kgan.layers import clip_weights
from kgan.models.base.arguments import both_players
from kgan.models.base.critic import CriticModel
from kgan.models.base.flags import number
from kgan.models.base.training_flags import DCGAN_DEFAULTS


@keras.saving.register_keras_serializable("kgan")
class WGAN(CriticModel):
    """Wasserstein GAN with clipped weights.

    Args:
        critic: is given the weight constraint.
        clip: c of the paper, positive.
        **arguments: see `CriticModel`.

    Example:
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((4, 4, 1), 3, [8]), mlp.discriminator((4, 4, 1), [8])
        >>> model = WGAN(*networks, n_critic=2, clip=0.05)
        >>> model.compile(g_optimizer="rmsprop", d_optimizer="rmsprop")
        >>> model.batches_per_step
        2
    """

    own_arguments = (
        number("clip", 0.01, (1e-8, 1000), "The critic's weights stay in [-clip, clip]."),
    )
    defaults = (
        DCGAN_DEFAULTS
        | both_players("rmsprop", 5e-5)
        | dict(g_hidden=[512] * 3, d_hidden=[512] * 3, batch_size=64, epochs=600)
    )

    def complete(self, found=None):
        super().complete(found)
        clip_weights(self.discriminator, self.clip)

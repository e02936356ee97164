"""SN-GAN: residual players, spectral normalisation, and a discriminator that projects on the class.

D minimises E[max(0, 1 − D(x, y))] + E[max(0, 1 + D(G(z, y), y))], G minimises −E[D(G(z, y), y)]
(Miyato et al. 2018, equations 16 and 17); D(x, y) = ψ(φ(x)) + yᵀ V φ(x) (Miyato and Koyama 2018,
equation 3). Adam 2e-4 with β 0 and 0.9, rates that fall linearly from the first step to 0 at the
last, five updates of D for each of G, batches of 64 for D and of 128 for G: the configuration of
the authors' code for CIFAR-10. The usual baseline for conditional image generation.

Differs from the papers: widths of 64 in place of 256 and 128, to be trained on a CPU. G is updated
after D's five updates, not before them. Generated images have the conditions of the real batch,
each twice for G; the authors sample classes uniformly, which attributes do not allow. The networks:
see `kgan.networks.sn_resnet`.
"""

import keras

from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent_networks import NETWORK_VERSION
from kgan.models.base.training_flags import DCGAN_DEFAULTS
from kgan.networks import sn_resnet


@keras.saving.register_keras_serializable("kgan")
class SNGAN(ConditionalModel):
    """Conditional residual GAN with spectral normalisation and hinge loss.

    Arguments are those of `ConditionalModel`.

    Example:
        >>> generator = sn_resnet.generator((16, 16, 1), 10, 8, 4)
        >>> model = SNGAN(generator, sn_resnet.discriminator((16, 16, 1), 10, 4))
        >>> model.gan_loss, model.batches_per_step
        ('hinge', 5)
    """

    network_builders = (sn_resnet.generator, sn_resnet.discriminator)
    network_flags = (*ConditionalModel.network_flags, NETWORK_VERSION)
    network_options = ("network_version",)
    defaults = (
        DCGAN_DEFAULTS
        | dict(gan_loss="hinge", d_updates=5, latent_size=128, g_width=64, d_width=64)
        | dict(batch_size=64, g_batch_factor=2, epochs=100, beta_1=0.0, beta_2=0.9)
        | dict(lr_schedule="linear", lr_decay_from=0.0)
    )

"""SN-GAN: residual players, spectral normalisation, and a discriminator that projects on the class.

D minimises E[max(0, 1 − D(x, y))] + E[max(0, 1 + D(G(z, y), y))], G minimises −E[D(G(z, y), y)]
(Miyato et al. 2018, equations 16 and 17); D(x, y) = ψ(φ(x)) + yᵀ V φ(x) (Miyato and Koyama 2018,
equation 3). Adam 2e-4 with β 0 and 0.9, five updates of D for each of G, batch 64. The usual
baseline for conditional image generation.

Differs from the papers: widths of 64 in place of 256 and 128, to be trained on a CPU.
"""

import keras

from kgan.models.base.adversarial import DCGAN_DEFAULTS
from kgan.models.base.conditional import ConditionalModel
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
    defaults = (
        DCGAN_DEFAULTS
        | dict(gan_loss="hinge", d_updates=5, latent_size=128, g_width=64, d_width=64)
        | dict(batch_size=64, epochs=100, beta_1=0.0, beta_2=0.9)
    )

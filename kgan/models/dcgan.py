"""DCGAN: a convolutional generator against a convolutional discriminator.

D minimises E[−log D(x)] + E[−log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1); G minimises
E[−log D(G(z))], its non-saturating form. Networks: Radford et al. 2016 as `kgan.networks.dcgan`
has them, N(0, 0.02) weights, Adam 2e-4 with β1 0.5, batch 128, z ~ N(0, I) of 100 numbers.

Slips in the course documents: one of them gives the generator leaky ReLUs, the other (and the
paper) ReLUs; ReLU is used.

Differs from the paper: see the networks; z is normal instead of uniform, as in the course.
"""

import keras

from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.training_flags import DCGAN_DEFAULTS


@keras.saving.register_keras_serializable("kgan")
class DCGAN(AdversarialModel):
    """Deep convolutional GAN.

    Arguments are those of `AdversarialModel`.

    Example:
        >>> from kgan.networks import dcgan
        >>> shape = (16, 16, 1)
        >>> model = DCGAN(dcgan.generator(shape, 8, 4), dcgan.discriminator(shape, 4))
        >>> model.compile(g_optimizer="adam", d_optimizer="adam")
        >>> model.generate(model.latents_from_seeds([0])).shape
        (1, 16, 16, 1)
    """

    defaults = DCGAN_DEFAULTS

"""Conditional GAN: fully connected players that both get the class.

min over G, max over D of E[log D(x | y)] + E[log(1 − D(G(z | y) | y))] (Mirza and Osindero 2014,
equation 2), G in its non-saturating form. Networks of the course's practical on conditional GANs
(docs/course.md) at 32x32 pixels.

Slips in the course documents: the one-hot example there shows nine entries for ten classes.

Differs from the paper: ReLU and batch normalisation in place of maxout and dropout; Adam.
"""

import keras

from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.training_flags import DCGAN_DEFAULTS
from kgan.networks import conditional


@keras.saving.register_keras_serializable("kgan")
class ConditionalGAN(ConditionalModel):
    """Fully connected conditional GAN.

    Arguments are those of `ConditionalModel`.

    Example:
        >>> generator = conditional.dense_generator((32, 32, 1), 10, 8, 4)
        >>> discriminator = conditional.dense_discriminator((32, 32, 1), 10, 4)
        >>> model = ConditionalGAN(generator, discriminator)
        >>> int(model.condition_of(["7"]).argmax())
        7
    """

    network_builders = (conditional.dense_generator, conditional.dense_discriminator)
    defaults = DCGAN_DEFAULTS | dict(g_width=256, d_width=1024, epochs=200)

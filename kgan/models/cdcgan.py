"""Conditional DCGAN: convolutional players that both get the class.

min over G, max over D of E[log D(x | y)] + E[log(1 − D(G(z | y) | y))] (Mirza and Osindero 2014,
equation 2), G in its non-saturating form. y is a one-hot vector; each player has a branch for it,
as in the course's practical on conditional GANs (docs/course.md). --nocondition_discriminator
leaves D without y: G then has no reason to match it.

Slips in the course documents: the one-hot example there shows nine entries for ten classes.

Differs from the paper: its networks are fully connected; those here are the course's.
"""

import keras

from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.training_flags import DCGAN_DEFAULTS
from kgan.networks import conditional


@keras.saving.register_keras_serializable("kgan")
class ConditionalDCGAN(ConditionalModel):
    """Convolutional conditional GAN.

    Arguments are those of `ConditionalModel`.

    Example:
        >>> generator = conditional.convolutional_generator((32, 32, 1), 3, 8, 4)
        >>> discriminator = conditional.convolutional_discriminator((32, 32, 1), 3, 4)
        >>> names = ("cat", "dog", "cow")
        >>> model = ConditionalDCGAN(generator, discriminator, class_names=names)
        >>> model.condition_of(["dog"]).tolist()
        [0.0, 1.0, 0.0]
    """

    network_builders = (
        conditional.convolutional_generator,
        conditional.convolutional_discriminator,
    )
    defaults = DCGAN_DEFAULTS | dict(epochs=100)

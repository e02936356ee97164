"""LSGAN: DCGAN's networks, with squared distances in place of the cross-entropy.

D minimises E[(D(x) − 1)²] + E[D(G(z))²], G minimises E[(D(G(z)) − 1)²] (Mao et al. 2017, equation
9 with a = 0, b = c = 1, without its ½). A score far on the right side of the boundary is pulled
back, too, so that the gradient of G does not vanish.

Differs from the paper: the networks are DCGAN's of the course; the paper's are wider.
"""

import keras

from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.training_flags import DCGAN_DEFAULTS


@keras.saving.register_keras_serializable("kgan")
class LSGAN(AdversarialModel):
    """Least-squares GAN.

    Arguments are those of `AdversarialModel`.

    Example:
        >>> from kgan.networks import mlp
        >>> model = LSGAN(mlp.generator((4, 4, 1), 3, [8]), mlp.discriminator((4, 4, 1), [8]))
        >>> model.gan_loss
        'least_squares'
    """

    fixed = {"gan_loss": "least_squares"}
    defaults = DCGAN_DEFAULTS

"""GAN: the original one, of fully connected networks (100-300-784 and its mirror, 784-300-1).

D minimises E[−log D(x)] + E[−log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1). G minimises
E[−log D(G(z))], the non-saturating form, or with --gan_loss=minimax the original loss
E[log(1 − D(G(z)))], which saturates. --simultaneous computes both gradients before either player is
updated, as the theory has it, in place of one player after the other.

Networks: those of the course's chapter on GANs (docs/course.md): ReLU in the hidden layers, tanh at
the end of G, images in [-1, 1].

Slips in the course documents: one writes the update as W + η ∂E/∂W; it descends.

Differs from the paper: no maxout, no dropout; Adam instead of momentum alone.
"""

import keras

from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.own_data import OwnData
from kgan.models.base.training_flags import DCGAN_DEFAULTS


@keras.saving.register_keras_serializable("kgan")
class GAN(AdversarialModel):
    """Fully connected GAN.

    Arguments are those of `AdversarialModel`.

    Example:
        >>> from kgan.networks import mlp
        >>> model = GAN(mlp.generator((4, 4, 1), 3, [8]), mlp.discriminator((4, 4, 1), [8]))
        >>> model.compile(g_optimizer="adam", d_optimizer="adam")
        >>> model.generate(model.latents_from_seeds([0, 1])).shape
        (2, 4, 4, 1)
    """

    own_data = OwnData(8, 32, multiple=4)  # perceptrons take any size
    defaults = DCGAN_DEFAULTS | dict(network="mlp", image_size="28", batch_size=64, epochs=300)

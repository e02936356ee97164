"""WGAN-GP: a critic kept at slope 1 by a penalty on its gradient, in place of clipped weights.

The critic minimises E[f(G(z))] − E[f(x)] + λ E[(‖∇f(x̂)‖ − 1)²] with x̂ = ε x + (1 − ε) G(z) and ε
uniform in [0, 1), one for each example (Gulrajani et al. 2017, equation 3 and algorithm 1): λ = 10,
n_critic = 5, Adam 1e-4 with β 0 and 0.9, batch 64. Its difference E[f(x)] − E[f(G(z))], logged as
`wasserstein`, estimates not an unknown multiple of the distance W but a known one: the penalty
allows a slope of 1 + W / 2λ, where s W − λ (s − 1)² is greatest (docs/critics.md has it measured).

Networks: DCGAN's of the course, with layer normalisation in the critic, over all pixels and
channels of an image, a gain and a bias per channel, as in the authors' code. Batch normalisation
would make the penalty on one example depend on the others (section 4 of the paper).

Differs from the paper: the networks; 1e-12 is added under the root of the norm, whose gradient at
0 is not a number.
"""

import keras

from kgan.models.base.arguments import both_players
from kgan.models.base.critic import CriticModel
from kgan.models.base.training_flags import DCGAN_DEFAULTS


@keras.saving.register_keras_serializable("kgan")
class WGANGP(CriticModel):
    """Wasserstein GAN with a gradient penalty.

    Args:
        critic: no layer of it may mix the examples of a batch.
        **arguments: see `CriticModel`.

    Example:
        >>> from kgan.networks import mlp
        >>> model = WGANGP(mlp.generator((4, 4, 1), 3, [8]), mlp.discriminator((4, 4, 1), [8]))
        >>> model.n_critic, model.penalty_weight
        (5, 10.0)
    """

    fixed = {**CriticModel.fixed, "penalty": "unit_slope"}
    defaults = (
        DCGAN_DEFAULTS
        | both_players("adam", 1e-4)
        | dict(d_norm="layer", batch_size=64, epochs=300, beta_1=0.0, beta_2=0.9)
    )

"""WGAN-GP: a critic kept at slope 1 by a penalty on its gradient, in place of clipped weights.

The critic minimises E[f(G(z))] − E[f(x)] + λ E[(‖∇f(x̂)‖ − 1)²] with x̂ = ε x + (1 − ε) G(z) and ε
uniform in [0, 1), one for each example (Gulrajani et al. 2017, equation 3 and algorithm 1): λ = 10,
n_critic = 5, Adam 1e-4 with β 0 and 0.9, batch 64. Its difference E[f(x)] − E[f(G(z))], logged as
`wasserstein`, estimates not an unknown multiple of the distance W but a known one: the penalty
allows a slope of 1 + W / 2λ, where s W − λ (s − 1)² is greatest (docs/critics.md has it measured).

Networks: DCGAN's of the course, with layer normalisation in the critic: batch normalisation would
make the penalty on one example depend on the others (section 4 of the paper).

Differs from the paper: the networks; 1e-12 is added under the root of the norm, whose gradient at
0 is not a number.
"""

import keras
from absl import flags

from kgan.models.base import critic
from kgan.models.base import flags as latent_flags
from kgan.models.base.critic import CriticModel

FIXED = ("penalty",)
DEFAULTS = {
    **latent_flags.defaults((*critic.FIXED, *FIXED)),
    "d_norm": "layer",
    "dataset": "digits",
    "image_size": "32",
    "batch_size": 64,
    "epochs": 300,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 1e-4,
    "d_lr": 1e-4,
    "beta_1": 0.0,
    "beta_2": 0.9,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    critic.define_flags(flag_values, FIXED)


@keras.saving.register_keras_serializable("kgan")
class WGANGP(CriticModel):
    """Trains the critic on `n_critic` fresh batches with a gradient penalty, then G once.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        critic: image → unbounded score float32 [B, 1]; no layer of it may mix the examples of
            a batch.
        n_critic: updates of the critic in one step.
        **kwargs: see `LatentModel`.
    """

    def __init__(
        self, generator, critic, n_critic: int = 5, *, penalty: str = "unit_slope", **kwargs
    ):
        super().__init__(generator, critic, n_critic, penalty=penalty, **kwargs)


MODEL = WGANGP


def build(settings, spec) -> WGANGP:
    """Wires networks, scheme and optimisers from settings, see `base_latent_settings.build`."""
    return latent_flags.build(WGANGP, settings, spec, n_critic=settings.n_critic)

"""Base of models with a critic: an estimate of the Wasserstein distance."""

from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.flags import integer


class CriticModel(AdversarialModel):
    """Trains a critic `n_critic` times on new batches, then the generator.

    Args:
        generator: latent float32 [B, latent_size] → image float32 [B, H, W, C] in [-1, 1].
        critic: image → unbounded score float32 [B, 1].
        n_critic: updates of the critic in one step.
        **arguments: see `AdversarialModel`.

    Example:
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> CriticModel(*networks, n_critic=3).logged[-1]
        'wasserstein'
    """

    renamed = {
        **AdversarialModel.renamed,
        "discriminator": "critic",
        "d_updates": "n_critic",
    }
    fixed = {"gan_loss": "wasserstein"}
    own_arguments = (
        integer("n_critic", 5, (1, 1000), "Critic updates for each generator update."),
    )

    @property
    def n_critic(self) -> int:
        """The papers' name of `d_updates`."""
        return self.d_updates

"""What the schemes share that draw pictures from a latent vector."""

import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.losses import AdversarialLoss
from kgan.schemes.base import AdversarialModel
from kgan.signatures import Signature, encode_png

# What a random number is for; folded into its seed so that no two uses share numbers.
GENERATOR_LATENTS = 0
DISCRIMINATOR_LATENTS = 1  # + the number of the critic's batch within the step
PREVIEW_PICTURES = 64


class LatentModel(AdversarialModel):
    """Draws z ~ N(0, I) in training and pictures from seeds afterwards.

    A scheme sets `loss_parts` and says in `train_step` in which order the players are updated.

    Args:
        generator: latent float32 [B, latent_size] → picture [B, H, W, C].
        discriminator: picture → logit or score [B, 1].
        seed: see `TrainableModel`.
    """

    data_kind = "images"
    preview_columns = ()
    logged = ("g_loss", "d_loss", "d_loss_real", "d_loss_fake", "d_score_real", "d_score_fake")
    loss_parts: AdversarialLoss

    @property
    def latent_size(self) -> int:
        """Length of the latent vector."""
        return self.generator.input_shape[-1]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.generator.output_shape[1:]

    def latents(self, local_batch, purpose: int) -> tf.Tensor:
        """Draws this step's latents for this replica's examples; float32 [B, latent_size]."""
        seed = randomness.fold(self.random_seed(), self.step, purpose)
        return randomness.replica_rows(
            lambda count: tf.random.stateless_normal([count, self.latent_size], seed), local_batch
        )

    def discriminator_step(self, pictures, number: int = 0) -> dict:
        """Updates D alone on pictures float32 [B, H, W, C]; `number` counts within one step."""
        latents = self.latents(tf.shape(pictures)[0], DISCRIMINATOR_LATENTS + number)
        return self.update("d", self.discriminator_loss, pictures, latents)

    def generator_step(self, local_batch) -> dict:
        """Updates G alone on fresh latents."""
        return self.update("g", self.generator_loss, self.latents(local_batch, GENERATOR_LATENTS))

    def discriminator_loss(self, pictures, latents) -> tuple[tf.Tensor, dict]:
        """Compares real with generated pictures; float32 [B] and what is logged of it."""
        fakes = tf.stop_gradient(self.generator(latents, training=True))
        real_scores = self.discriminator(pictures, training=True)
        fake_scores = self.discriminator(fakes, training=True)
        real_loss = self.loss_parts.discriminator_real(real_scores)
        fake_loss = self.loss_parts.discriminator_fake(fake_scores)
        return real_loss + fake_loss, {
            "d_loss": real_loss + fake_loss, "d_loss_real": real_loss, "d_loss_fake": fake_loss,
            "d_score_real": real_scores, "d_score_fake": fake_scores,
        }  # fmt: skip

    def generator_loss(self, latents) -> tuple[tf.Tensor, dict]:
        """Judges generated pictures; float32 [B] and what is logged of it."""
        fakes = self.generator(latents, training=True)
        losses = self.loss_parts.generator(self.discriminator(fakes, training=True))
        return losses, {"g_loss": losses}

    def latents_from_seeds(self, numbers) -> tf.Tensor:
        """Draws one latent a number, whatever stands beside it; int [B] → float32 [B, size]."""
        return randomness.rows_from_seeds(
            lambda seed: tf.random.stateless_normal([self.latent_size], seed),
            randomness.seeds_from_numbers(numbers),
        )

    def generate(self, latents) -> np.ndarray:
        """Draws pictures from latents, with frozen batch statistics; float32 [B, H, W, C]."""
        return np.asarray(self.generator(latents, training=False))

    def preview(self, examples=None) -> np.ndarray:
        """Draws the same 64 latents each time, as 8 rows of 8: float32 [8, 8, H, W, C]."""
        pictures = self.generate(self.latents_from_seeds(np.arange(PREVIEW_PICTURES)))
        return pictures.reshape(8, 8, *self.picture_shape)

    def diversity(self):
        """Computes the mean over pixels of the standard deviation over 64 fixed latents."""
        pictures = self.generate(self.latents_from_seeds(np.arange(PREVIEW_PICTURES)))
        return float(pictures.astype(np.float64).std(axis=0).mean())

    def signatures(self):
        latent_spec = tf.TensorSpec([None, self.latent_size], tf.float32)
        count_spec = tf.TensorSpec([], tf.int32)

        def from_latents(latents):
            return {"pictures": self.generator(latents, training=False)}

        def from_seeds(seeds):
            return from_latents(self.latents_from_seeds(seeds))

        def from_count(count, seed):
            return from_seeds(seed + tf.range(count))

        def png_from_seeds(seeds):
            return {"png_bytes": encode_png(from_seeds(seeds)["pictures"])}

        picture = "x".join(map(str, self.picture_shape))
        frozen = "Batch statistics are frozen; there is no dropout."
        seeds_spec = tf.TensorSpec([None], tf.int32)
        return {
            "serving_default": Signature(
                from_latents, {"latents": latent_spec},
                f"latents float32 [B, {self.latent_size}], drawn from N(0, I) -> "
                f"pictures float32 [B, {picture}] in [-1, 1]. {frozen}",
            ),
            "from_count": Signature(
                from_count, {"count": count_spec, "seed": count_spec},
                "count and seed, int32 scalars -> pictures of the seeds seed, seed + 1, ..., "
                f"float32 [count, {picture}] in [-1, 1]. {frozen}",
            ),
            "from_seeds": Signature(
                from_seeds, {"seeds": seeds_spec},
                f"seeds int32 [B], one a picture -> pictures float32 [B, {picture}] in [-1, 1]; "
                f"a seed gives its picture whatever stands beside it. {frozen}",
            ),
            "png_from_seeds": Signature(
                png_from_seeds, {"seeds": seeds_spec},
                f"seeds int32 [B] -> png_bytes string [B], PNG files. {frozen}",
            ),
        }  # fmt: skip

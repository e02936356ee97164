"""Base of models whose generator takes a latent vector and competes with a discriminator.

A model is a choice of networks, of a loss and of how the two players are trained. All three are
arguments here, so that label smoothing, packing, penalties, several updates of one player and the
like work with every model that they fit.
"""

import numpy as np
import tensorflow as tf

from kgan import augmentations, losses, randomness
from kgan.models.base import batches, schedule, shapes
from kgan.models.base.latent import LatentModel
from kgan.models.base.latent_networks import NETWORK_FLAGS, NETWORKS, warn_of_batch_statistics
from kgan.models.base.packing import pack, repeat_packs
from kgan.models.base.training_flags import TRAINING_FLAGS
from kgan.utils.errors import ArgumentError

# What a random number is for; folded into its seed so that no two uses share numbers. To the last
# three the number of the batch within the step is added.
GENERATOR_LATENTS = 0
DISCRIMINATOR_LATENTS = 1
MORE_GENERATOR_LATENTS = 100_000
# Updates of evaluation are numbered from here.
EVALUATION = 50_000
NOISE = 200_000


class AdversarialModel(LatentModel):
    """Trains a generator of latents against a discriminator.

    A step updates the discriminator `d_updates` times, each time on a new batch, then the generator
    `g_updates` times, unless `critic_warmup` or `critic_schedule` leave the generator out.

    Args:
        generator: latent float32 [B, N] → image float32 [B, H, W, C] in [-1, 1].
        discriminator: image, or `packing` of them joined by channel → logit or score [B, 1].
        latent_size: N, of a generator that does not begin with `keras.Input`.
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`, or a Keras loss, or a function of
            labels (1: real) and logits.
        seed: see `Model`.
        **arguments: see `TRAINING_FLAGS`.

    Raises:
        ArgumentError: when an argument has a wrong value or does not go with another.

    Example:
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = AdversarialModel(*networks, gan_loss="hinge", d_updates=2)
        >>> model.compile(g_optimizer="adam", d_optimizer="adam")
        >>> model.batches_per_step
        2
    """

    network_names = ("generator", "discriminator")
    data_arguments = {**LatentModel.data_arguments, "latent_size": None}
    renamed = {"given_latent_size": "latent_size"}
    own_arguments = TRAINING_FLAGS
    network_flags = NETWORK_FLAGS
    score_map_label = "discriminator score, high is real"

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        if self.simultaneous and (self.d_updates, self.g_updates) != (1, 1):
            raise ArgumentError("simultaneous", "needs d_updates=1 and g_updates=1")
        self.augmentations = augmentations.parse(self.augment)
        if self.augmentations and self.generates_points:
            raise ArgumentError("augment", "changes images; points are left as they are")
        updates = schedule.CRITIC_UPDATES
        if self.critic_schedule and updates % self.d_updates:
            raise ArgumentError("critic_schedule", f"needs d_updates that divide {updates}")
        if self.penalty_weight is None:
            self.penalty_weight = losses.PENALTY_WEIGHTS[self.penalty]
        self.loss_parts = losses.adversarial(self.gan_loss).with_real_label(self.real_label)

    @property
    def logged(self):
        names = ["g_loss", "d_loss", "d_loss_real", "d_loss_fake", "d_score_real", "d_score_fake"]
        names += ["d_penalty"] if self.penalty != "none" else []
        return tuple(names + (["wasserstein"] if self.gan_loss == "wasserstein" else []))

    @property
    def batches_per_step(self):
        return self.d_updates

    @property
    def divisor(self):
        return super().divisor * self.packing

    @property
    def discriminator_won_below(self):
        return self.loss_parts.won_below

    # Networks

    def complete(self, found=None):
        if not shapes.is_built(self.generator):
            shapes.call_with_zeros(self.generator, (self.latent_size,), *self.condition_shapes)
        if not shapes.is_built(self.discriminator):
            *sides, channels = self.image_shape
            seen = (*sides, channels * self.packing)
            given = [(k * self.packing,) for (k,) in self.discriminator_condition_shapes]
            shapes.call_with_zeros(self.discriminator, seen, *given)
        super().complete(found)

    @property
    def discriminator_condition_shapes(self) -> list[tuple[int]]:
        """Shapes of what the discriminator takes beside images."""
        return self.condition_shapes

    @classmethod
    def build_networks(cls, flags, spec):
        seen = (*spec.shape[:-1], spec.channels * flags.packing)
        return NETWORKS[flags.network](flags, spec.shape, seen)

    @classmethod
    def from_settings(cls, settings, spec):
        part = settings.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
        part //= settings.accumulate
        if part % settings.values["packing"]:
            raise ArgumentError(
                "packing", f"must divide the {part} images that the discriminator gets at once"
            )
        return super().from_settings(settings, spec)

    # Which players are updated in a step

    @property
    def has_kinds(self):
        return bool(self.critic_warmup or self.critic_schedule)

    def step_kind(self, step: int) -> bool:
        """Returns whether a step updates the generator: not in the warm-up, for example."""
        step -= self.critic_warmup
        if step < 0 or not self.critic_schedule:
            return step >= 0
        return schedule.updates_generator(step, self.d_updates)

    def make_train_function(self, force=False):
        if self.penalty != "none" and self.train_function is None:
            warn_of_batch_statistics(self.penalty, self.discriminator)
        return super().make_train_function(force)

    # Random numbers

    def latents(self, local_batch, purpose: int) -> tf.Tensor:
        """Samples this step's latents for this replica's examples; float32 [B, latent_size]."""
        seed = self.random_seed(self.step, purpose)
        return randomness.replica_rows(
            lambda count: self.sample_latents([count, self.latent_size], seed), local_batch
        )

    def noise(self, images, purpose: int) -> dict[str, tf.Tensor]:
        """Samples what else is random in an update, as far as it is needed, one row per example.

        Returns:
            `shares` and `noise` for the penalty, `flips` [B, 2] for labels, `augmentations`
            [B, 2, n] for what the discriminator gets of real and generated images.
        """
        shapes = {}
        if self.augmentations:
            shapes["augmentations"] = [2, augmentations.noise_size(self.augmentations)]
        if self.flip_labels:
            shapes["flips"] = [2]
        if self.penalty == "dragan":
            shapes["noise"] = images.shape[1:].as_list()
        if self.penalty in ("unit_slope", "dragan"):
            shapes["shares"] = []

        def sample(number: int, name: str) -> tf.Tensor:
            seed = self.random_seed(self.step, NOISE + purpose, number)
            kind = "normal" if name == "noise" else "uniform"
            return randomness.replica_rows(
                lambda count: self.sample_noise(kind, [count, *shapes[name]], seed),
                tf.shape(images)[0],
            )

        return {name: sample(number, name) for number, name in enumerate(shapes)}

    # A step

    def unpack(self, batch) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Splits a batch into images and the conditions of both players."""
        images, *others = self.batch(batch)
        return images, self.conditions_of(*others)

    def step_batches(self, data) -> tuple:
        """Returns the batches of one step as a tuple, also where there is only one."""
        data = batches.unwrapped(data)
        return tuple(map(self.batch, data if self.batches_per_step > 1 else (data,)))

    def train_step(self, data):
        """Takes images float32 [B, H, W, C] in [-1, 1], or a tuple of `d_updates` batches."""
        step = self.step_batches(data)
        generator_is_updated = self.kind
        if self.simultaneous and generator_is_updated:
            return self.results(*self.update_simultaneously(step[0]), parts=step[0])
        # Keras applies a weight constraint right after each update.
        logs = [self.discriminator_step(batch, n) for n, batch in enumerate(step)]
        if generator_is_updated:
            for n in range(self.g_updates):
                logs.append(self.generator_step(step[n % len(step)], n))
        else:
            # The generator's loss, for the log: a mean of nothing would be NaN.
            logs.append(self.generator_loss(*self.generator_inputs(step[0]))[1])
        return self.results(*logs, parts=step[0])

    def test_losses(self, *parts):
        # Other numbers for each batch of an evaluation, the same in the next one.
        number = EVALUATION + tf.cast(self.count, tf.int32)
        return (
            self.discriminator_loss(*self.discriminator_inputs(parts, number))[1],
            self.generator_loss(*self.generator_inputs(parts, number))[1],
        )

    def discriminator_step(self, batch, number: int = 0) -> dict:
        """Updates the discriminator on a batch; `number` counts within one step."""
        return self.update("d", self.discriminator_loss, *self.discriminator_inputs(batch, number))

    def generator_step(self, batch, number: int = 0) -> dict:
        """Updates the generator on new latents: `g_batch_factor` for each example of the batch."""
        return self.update("g", self.generator_loss, *self.generator_inputs(batch, number))

    def update_simultaneously(self, batch) -> list[dict]:
        """Updates both players by gradients that are computed before either is updated."""
        d_inputs, g_inputs = self.discriminator_inputs(batch), self.generator_inputs(batch)
        d_gradients, d_log = self.compute_gradients("d", self.discriminator_loss, *d_inputs)
        g_gradients, g_log = self.compute_gradients("g", self.generator_loss, *g_inputs)
        self.apply_gradients("d", d_gradients)
        self.apply_gradients("g", g_gradients)
        return [d_log, g_log]

    def discriminator_inputs(self, batch, number: int = 0) -> tuple:
        """Returns images, conditions, latents and noise for an update of the discriminator."""
        images, conditions = self.unpack(batch)
        latents = self.latents(tf.shape(images)[0], DISCRIMINATOR_LATENTS + number)
        return images, conditions, latents, self.noise(images, 2 * number)

    def generator_inputs(self, batch, number: int = 0) -> tuple:
        """Returns images, conditions, latents and noise for an update of the generator."""
        images, conditions = self.unpack(batch)
        images, *conditions = (
            repeat_packs(values, self.packing, self.g_batch_factor)
            for values in (images, *conditions)
        )
        first = isinstance(number, int) and number == 0
        purpose = GENERATOR_LATENTS if first else MORE_GENERATOR_LATENTS + number
        latents = self.latents(tf.shape(images)[0], purpose)
        return images, tuple(conditions), latents, self.noise(images, 2 * number + 1)

    def discriminator_loss(self, images, conditions, latents, noise) -> tuple[tf.Tensor, dict]:
        """Compares real with generated images; float32 [B / packing] and what is logged."""
        fakes = tf.stop_gradient(self.generated(latents, conditions))
        # Scores and penalty are of the same augmented images.
        images, fakes = self.augmented(images, noise, 0), self.augmented(fakes, noise, 1)
        real_scores, fake_scores = self.scores(images, conditions), self.scores(fakes, conditions)
        real, fake = self.compared(real_scores, fake_scores)
        real_losses = self.loss_parts.discriminator_real(real)
        fake_losses = self.loss_parts.discriminator_fake(fake)
        if self.flip_labels:
            # One label for all images that are classified together.
            flipped = noise["flips"][:: self.packing] < self.flip_labels
            as_fake = self.loss_parts.discriminator_fake(real)
            as_real = self.loss_parts.discriminator_real(fake)
            real_losses = tf.where(flipped[:, 0], as_fake, real_losses)
            fake_losses = tf.where(flipped[:, 1], as_real, fake_losses)
        total = real_losses + fake_losses
        log = {"d_loss_real": real_losses, "d_loss_fake": fake_losses}
        log |= {"d_score_real": real_scores, "d_score_fake": fake_scores}
        if self.gan_loss == "wasserstein":
            log["wasserstein"] = -total
        if self.penalty != "none":
            log["d_penalty"] = self.gradient_penalty(images, fakes, conditions, noise)
            total = total + self.penalty_weight * log["d_penalty"]
        return total, {"d_loss": total, **log}

    def compared(self, real_scores, fake_scores) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the losses are computed from: the scores of an example by itself."""
        return real_scores, fake_scores

    def generator_loss(self, images, conditions, latents, noise) -> tuple[tf.Tensor, dict]:
        """Computes the generator's loss; float32 [B / packing] and what is logged."""
        fakes = self.generated(latents, conditions)
        total = self.loss_parts.generator(self.scores(self.augmented(fakes, noise, 1), conditions))
        return total, {"g_loss": total}

    def gradient_penalty(self, images, fakes, conditions, noise) -> tf.Tensor:
        """Computes the penalty of the discriminator's gradient; float32 [B / packing].

        The gradient is with respect to the images that the discriminator gets, which are augmented
        (`augment`): as in `ns_r1_DiffAugment`, with which Zhao et al. 2020 trained StyleGAN2.
        """
        packed = {"noise": self.pack(noise["noise"])} if "noise" in noise else {}
        shares = {"shares": noise["shares"][:: self.packing]} if "shares" in noise else {}
        given = tuple(map(self.pack, conditions))
        points = self.pack(images), self.pack(fakes), {**packed, **shares}
        return losses.penalty(self.penalty, lambda p: self.discriminate(p, given), *points)

    def generated(self, latents, conditions) -> tf.Tensor:
        """Calls the generator as training does, or evaluation."""
        return self.images_of(self.generator, latents, *conditions, training=self.networks_train)

    def augmented(self, images, noise, side: int) -> tf.Tensor:
        """Augments real (side 0) or generated (side 1) images for the discriminator."""
        if not self.augmentations:
            return images
        return augmentations.augment(images, self.augmentations, noise["augmentations"][:, side])

    def scores(self, images, conditions) -> tf.Tensor:
        """Computes the discriminator's scores of images, which are packed before."""
        return self.discriminate(self.pack(images), tuple(map(self.pack, conditions)))

    def discriminate(self, images, conditions) -> tf.Tensor:
        """Calls the discriminator as training does, or evaluation, on packed images."""
        given = [images, *conditions] if conditions else images
        return tf.cast(self.discriminator(given, training=self.networks_train), tf.float32)

    def pack(self, values: tf.Tensor) -> tf.Tensor:
        """Joins neighbours by the last axis: [B, ..., C] → [B / packing, ..., packing · C]."""
        return pack(values, self.packing)

    def diversity(self):
        """Computes the mean over pixels of the standard deviation over 64 fixed latents."""
        return float(self.preview_images().astype(np.float64).std(axis=0).mean())

    def score_map(self, points):
        # Packs of one point each.
        packed = np.tile(points, (1, self.packing))
        return np.asarray(self.discriminator(packed, training=False))[:, 0]

"""What the schemes share whose generator draws images from a latent vector, against a critic.

A scheme is a choice of networks, of a loss and of how the game is played. All three are arguments
here, so that what the course tries out on one scheme (soft labels, packing, penalties, more updates
of one player, …) works with every one that it fits. `base_latent_settings.py` makes flags of them.
"""

import inspect

import numpy as np
import tensorflow as tf

from kgan import augmentations, losses, randomness
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.models.base.latent import DrawingModel
from kgan.models.base.model import AdversarialModel

# What a random number is for; folded into its seed so that no two uses share numbers. To the last
# three the number of the batch within the step is added.
GENERATOR_LATENTS = 0
DISCRIMINATOR_LATENTS = 1
MORE_GENERATOR_LATENTS = 100_000
CHANCES = 200_000
# Updates of the critic ahead of one of G, and when, in the code of the WGAN paper.
SCHEDULE_CRITIC, SCHEDULE_FIRST, SCHEDULE_EVERY = 100, 25, 500


class LatentModel(DrawingModel, AdversarialModel):
    """Draws latents in training, and images from seeds afterwards.

    A step updates D `d_updates` times, each time on a fresh batch, then G `g_updates` times.

    Args:
        generator: latent float32 [B, N] → image float32 [B, H, W, C] in [-1, 1].
        discriminator: image, or `packing` of them joined by channel → logit or score [B, 1].
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`.
        d_updates: updates of D in a step, and how many batches a step takes.
        g_updates: updates of G in a step.
        simultaneous: both players move from the same point: their gradients are computed before
            either is updated (`002`, section 4.1). Needs one update each.
        real_label: in (0, 1], what D aims at for real images; see
            `AdversarialLoss.with_real_label`.
        flip_labels: in [0, 1], the share of examples whose label D is told wrongly.
        packing: D sees so many images at once (Lin et al. 2018). They are neighbours in the
            batch of one replica.
        penalty: a key of `kgan.losses.PENALTY_WEIGHTS`, added to D's loss.
        penalty_weight: None takes the paper's.
        augment: names of `kgan.augmentations`, with commas; what D sees is changed by them.
        latent_distribution: `normal` N(0, I) or `uniform` U(-1, 1).
        critic_warmup: the first so many steps update D alone.
        critic_schedule: the WGAN authors' schedule, see `updates_generator`; `d_updates` must
            divide its 100.
        seed: see `TrainableModel`.

    Raises:
        ValueError: begins with the argument that is wrong.
    """

    surface_label = "D's score, high is real"

    def __init__(
        self,
        generator,
        discriminator,
        *,
        gan_loss: str = "bce",
        d_updates: int = 1,
        g_updates: int = 1,
        simultaneous: bool = False,
        real_label: float = 1.0,
        flip_labels: float = 0.0,
        packing: int = 1,
        penalty: str = "none",
        penalty_weight: float | None = None,
        augment: str = "",
        latent_distribution: str = "normal",
        critic_warmup: int = 0,
        critic_schedule: bool = False,
        **kwargs,
    ):
        logged = ["g_loss", "d_loss", "d_loss_real", "d_loss_fake", "d_score_real", "d_score_fake"]
        logged += ["d_penalty"] if penalty != "none" else []
        logged += ["wasserstein"] if gan_loss == "wasserstein" else []
        super().__init__(generator, discriminator, logged=logged, **kwargs)
        if simultaneous and (d_updates, g_updates) != (1, 1):
            raise ValueError("`simultaneous` needs d_updates=1 and g_updates=1")
        if augment and len(generator.output_shape) != 4:
            raise ValueError("`augment` changes images; points are left as they are")
        if critic_schedule and SCHEDULE_CRITIC % d_updates:
            raise ValueError(f"`critic_schedule` needs d_updates that divide {SCHEDULE_CRITIC}")
        self.gan_loss = gan_loss
        self.d_updates = d_updates
        self.g_updates = g_updates
        self.simultaneous = simultaneous
        self.real_label = real_label
        self.flip_labels = flip_labels
        self.packing = packing
        self.penalty = penalty
        self.penalty_weight = (
            losses.PENALTY_WEIGHTS[penalty] if penalty_weight is None else penalty_weight
        )
        self.augment = augment
        self.latent_distribution = latent_distribution
        self.critic_warmup = critic_warmup
        self.critic_schedule = critic_schedule
        self.loss_parts = ADVERSARIAL_LOSSES[gan_loss].with_real_label(real_label)
        self.changes = augmentations.parse(augment)

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in GAME}}

    @property
    def batches_per_step(self):
        return self.d_updates

    @property
    def discriminator_won_below(self):
        return self.loss_parts.won_below

    # Which players move in a step.

    @property
    def has_phases(self):
        return bool(self.critic_warmup or self.critic_schedule)

    def updates_generator(self, step: int) -> bool:
        """Says whether a step updates G, too: not in the warm-up, and not while D gets ahead.

        With `critic_schedule` the updates number 0 to 24 and 500, 1000, … of G come after 100
        updates of D, that is after 100 / d_updates steps; all others after one step.
        """
        step -= self.critic_warmup
        if step < 0 or not self.critic_schedule:
            return step >= 0
        long = SCHEDULE_CRITIC // self.d_updates  # steps ahead of such an update of G
        if step < SCHEDULE_FIRST * long:
            return step % long == long - 1
        # As if the first rounds were whole ones: of every 500 updates the first one takes long.
        rounds = SCHEDULE_EVERY - 1 + long
        place = (step - SCHEDULE_FIRST * long + (SCHEDULE_FIRST - 1) + long) % rounds
        return place >= long - 1

    # What is random.

    def latents(self, local_batch, purpose: int) -> tf.Tensor:
        """Draws this step's latents for this replica's examples; float32 [B, latent_size]."""
        seed = randomness.fold(self.random_seed(), self.step, purpose)
        return randomness.replica_rows(
            lambda count: self.draw_latents([count, self.latent_size], seed), local_batch
        )

    def chances(self, images, purpose: int) -> dict[str, tf.Tensor]:
        """Draws what else is random in an update, as far as this game needs it, one row an example.

        Returns:
            `shares` and `noise` for the penalty, `flips` [B, 2] for labels, `changes` [B, 2, n] for
            what D sees of real and generated images.
        """
        shapes = {}
        if self.penalty in ("unit_slope", "dragan"):
            shapes["shares"] = []
        if self.penalty == "dragan":
            shapes["noise"] = images.shape[1:].as_list()
        if self.flip_labels:
            shapes["flips"] = [2]
        if self.changes:
            shapes["changes"] = [2, augmentations.noise_size(self.changes)]
        drawn = {}
        for number, (name, shape) in enumerate(sorted(shapes.items())):
            seed = randomness.fold(self.random_seed(), self.step, CHANCES + purpose, number)
            draw = tf.random.stateless_normal if name == "noise" else tf.random.stateless_uniform
            drawn[name] = randomness.replica_rows(
                lambda count, draw=draw, shape=shape, seed=seed: draw([count, *shape], seed),
                tf.shape(images)[0],
            )
        return drawn

    # A step.

    def unpack(self, batch) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
        """Parts a batch into images and what both players are told besides; override for that."""
        return batch, ()

    def train_step(self, data):
        """Takes pictures float32 [B, H, W, C] in [-1, 1], or a tuple of `d_updates` batches."""
        batches = self.step_batches(data)
        if self.simultaneous:
            return self.results(*self._move_together(batches[0]))
        # Keras applies a weight constraint right after each update.
        logs = [self.discriminator_step(batch, n) for n, batch in enumerate(batches)]
        if self.generator_moves:
            logs += [
                self.generator_step(batches[n % len(batches)], n) for n in range(self.g_updates)
            ]
        else:
            # What G would pay, for the log: a mean of nothing is not a number, and an alarm.
            logs.append(self.generator_loss(*self._generator_batch(batches[0], 0))[1])
        return self.results(*logs)

    def discriminator_step(self, batch, number: int = 0) -> dict:
        """Updates D alone on a batch of images; `number` counts within one step."""
        return self.update("d", self.discriminator_loss, *self._discriminator_batch(batch, number))

    def generator_step(self, batch, number: int = 0) -> dict:
        """Updates G alone on fresh latents, as many as the batch has examples."""
        return self.update("g", self.generator_loss, *self._generator_batch(batch, number))

    def _move_together(self, batch):
        moves = [
            ("d", self.discriminator_loss, self._discriminator_batch(batch, 0)),
            ("g", self.generator_loss, self._generator_batch(batch, 0)),
        ]
        found = [self.look(player, loss, *batch) for player, loss, batch in moves]
        for (player, _, _), (gradients, _) in zip(moves, found, strict=True):
            self.apply_gradients(player, gradients)
        return [log for _, log in found]

    def _discriminator_batch(self, batch, number):
        images, conditions = self.unpack(batch)
        latents = self.latents(tf.shape(images)[0], DISCRIMINATOR_LATENTS + number)
        return images, conditions, latents, self.chances(images, 2 * number)

    def _generator_batch(self, batch, number):
        images, conditions = self.unpack(batch)
        purpose = GENERATOR_LATENTS if number == 0 else MORE_GENERATOR_LATENTS + number
        latents = self.latents(tf.shape(images)[0], purpose)
        return conditions, latents, self.chances(images, 2 * number + 1)

    def discriminator_loss(self, images, conditions, latents, chances) -> tuple[tf.Tensor, dict]:
        """Compares real with generated images; float32 [B / packing] and what is logged of it."""
        fakes = tf.stop_gradient(self.draw_images(latents, conditions))
        real_scores = self.judge(images, conditions, self._changes(chances, 0))
        fake_scores = self.judge(fakes, conditions, self._changes(chances, 1))
        real_losses = self.loss_parts.discriminator_real(real_scores)
        fake_losses = self.loss_parts.discriminator_fake(fake_scores)
        if self.flip_labels:
            # One lie for all images that are seen together.
            lies = chances["flips"][:: self.packing] < self.flip_labels
            as_fake = self.loss_parts.discriminator_fake(real_scores)
            as_real = self.loss_parts.discriminator_real(fake_scores)
            real_losses = tf.where(lies[:, 0], as_fake, real_losses)
            fake_losses = tf.where(lies[:, 1], as_real, fake_losses)
        losses = real_losses + fake_losses
        log = {
            "d_loss_real": real_losses,
            "d_loss_fake": fake_losses,
            "d_score_real": real_scores,
            "d_score_fake": fake_scores,
        }
        if self.gan_loss == "wasserstein":
            log["wasserstein"] = -losses
        if self.penalty != "none":
            log["d_penalty"] = self._penalty(images, fakes, conditions, chances)
            losses = losses + self.penalty_weight * log["d_penalty"]
        return losses, {"d_loss": losses, **log}

    def _penalty(self, images, fakes, conditions, chances):
        packed = {name: self.pack(value) for name, value in chances.items() if name == "noise"}
        shares = {n: v[:: self.packing] for n, v in chances.items() if n == "shares"}
        told = tuple(map(self.pack, conditions))
        return losses.penalty(
            self.penalty,
            lambda points: self.discriminate(points, told),
            self.pack(images),
            self.pack(fakes),
            {**packed, **shares},
        )

    def _changes(self, chances, side):
        return chances["changes"][:, side] if self.changes else None

    def generator_loss(self, conditions, latents, chances) -> tuple[tf.Tensor, dict]:
        """Judges generated images; float32 [B / packing] and what is logged of it."""
        fakes = self.draw_images(latents, conditions)
        losses = self.loss_parts.generator(self.judge(fakes, conditions, self._changes(chances, 1)))
        return losses, {"g_loss": losses}

    def draw_images(self, latents, conditions) -> tf.Tensor:
        """Calls G as training does."""
        return self.generator([latents, *conditions] if conditions else latents, training=True)

    def judge(self, images, conditions, changes=None) -> tf.Tensor:
        """Gives D's scores of images, changed and packed as D sees them."""
        if changes is not None:
            images = augmentations.augment(images, self.changes, changes)
        return self.discriminate(self.pack(images), tuple(map(self.pack, conditions)))

    def discriminate(self, images, conditions) -> tf.Tensor:
        """Calls D as training does, on images that are packed already."""
        given = [images, *conditions] if conditions else images
        return self.discriminator(given, training=True)

    def pack(self, values: tf.Tensor) -> tf.Tensor:
        """Joins neighbours by the last axis: [B, ..., C] → [B / packing, ..., packing · C]."""
        if self.packing == 1:
            return values
        shape = values.shape[1:].as_list()
        values = tf.reshape(values, [-1, self.packing, *shape])
        axes = list(range(values.shape.rank))
        values = tf.transpose(values, [0, *axes[2:-1], 1, axes[-1]])
        return tf.reshape(values, [-1, *shape[:-1], self.packing * shape[-1]])

    # Images.

    def diversity(self):
        """Computes the mean over pixels of the standard deviation over 64 fixed latents."""
        return float(self.preview_images().astype(np.float64).std(axis=0).mean())

    def surface(self, places) -> np.ndarray:
        """Gives D's scores of points float32 [B, 2]; of packs it is asked about packs of one."""
        packed = np.tile(places, (1, self.packing))
        return np.asarray(self.discriminator(packed, training=False))[:, 0]


# The arguments that say how the game is played, with their defaults.
GAME = {
    name: argument.default
    for name, argument in inspect.signature(LatentModel.__init__).parameters.items()
    if argument.kind is argument.KEYWORD_ONLY
}

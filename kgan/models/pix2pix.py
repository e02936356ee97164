"""pix2pix: translates images after aligned pairs, with a conditional GAN and an L1 term.

D minimises ½ (E[−log D(x, y)] + E[−log(1 − D(x, G(x)))]); G minimises
E[−log D(x, G(x))] + λ E[|y − G(x)|₁], λ = 100 (Isola et al. 2017, equations 1 to 4). U-Net
against a 70x70 PatchGAN, Adam 2e-4 with β1 0.5, batch 1, N(0, 0.02) weights, jitter 286 → 256
and mirroring. Dropout and batch statistics stay live at inference.

Slips in the course documents: one adds λ|x − G(z)| to D's objective, it belongs to G's; in the
other the objective is garbled: the conditional GAN plus L1 is meant. The least squares of the first
is `--gan_loss=least_squares`, its multi-scale version `--scales=2` or 3.

Differs from the paper: at inference statistics are taken over each image alone also where the
batch is larger than 1, and dropout comes from a seed, so that an answer can be repeated.
"""

import keras
import tensorflow as tf

from kgan import randomness
from kgan.losses import absolute_error, adversarial, mean_over_scales, per_example_mean
from kgan.models.base import shapes
from kgan.models.base.flags import choice, integer, number, weight
from kgan.models.base.own_data import OwnData
from kgan.models.base.paired import PairedModel
from kgan.models.base.translation import TRANSLATION_DEFAULTS, patchgan_flags, translation_loss
from kgan.networks import patchgan, unet
from kgan.serving.signatures import Signature


@keras.saving.register_keras_serializable("kgan")
class Pix2Pix(PairedModel):
    """Image-to-image translation learned from aligned pairs.

    Args:
        generator: (image float32 [B, H, W, C], seeds int32 [B, 2]) → float32 [B, H, W, C'], or
            without the seeds.
        discriminator: (image, answer) → logits float32 [B, h, w, 1], or a list of such, one
            for each scale, over which losses are averaged. A network with a single input, as a
            `Sequential` is, gets both joined by channel.
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`, or a Keras loss.
        l1_weight: λ, not negative.
        seed: of the dropout masks.

    Example:
        >>> import numpy as np
        >>> generator = unet.generator((32, 32, 1), 3, base_width=2)
        >>> model = Pix2Pix(generator, patchgan.discriminator([(32, 32, 1), (32, 32, 3)], 2, 1))
        >>> model.compile(g_optimizer="adam", d_optimizer="adam")
        >>> model.translate(np.zeros([2, 32, 32, 1], np.float32)).shape
        (2, 32, 32, 3)
    """

    network_names = ("generator", "discriminator")
    own_arguments = (
        translation_loss("bce"),
        weight("l1_weight", 100.0, "Weight of the L1 term; 0 leaves it out."),
    )
    network_flags = (
        integer("width", 64, (1, 4096), "Channels of the first maps of both networks."),
        *patchgan_flags("pair"),
        choice(
            "upsample",
            "transpose",
            ("transpose", "resize"),
            "Upsampling in the decoder. transpose: transposed convolutions, as in the paper; "
            "resize: no checkerboard artifacts.",
        ),
        number(
            "dropout",
            0.5,
            (0, 0.95),
            "Dropout rate in the decoder's first three blocks, active at inference, too.",
        ),
    )
    defaults = TRANSLATION_DEFAULTS | dict(dataset="facades", image_size="128", jitter=286 / 256)
    own_data = OwnData(64, 256, multiple=32, epochs=200, updates=(20_000, 80_000))
    inference = (
        "Dropout and normalisation are live, from the seed and from each image alone: the same "
        "image and seed always give the same answer, whatever the other images are."
    )
    logged = (
        *("g_loss", "g_loss_adv", "g_loss_l1"),
        *("d_loss", "d_loss_real", "d_loss_fake", "d_score_real", "d_score_fake"),
    )
    discriminator_won_below = 0.01

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        self.loss_parts = adversarial(self.gan_loss)

    @classmethod
    def build_networks(cls, flags, spec):
        given, answer = (*spec.size, spec.input_channels), (*spec.size, spec.channels)
        own = {"upsample": flags.upsample, "dropout": flags.dropout, "seed": flags.seed}
        generator = unet.generator(given, spec.channels, flags.width, **own)
        own = {"scales": flags.scales, "seed": flags.seed}
        shapes = [given, answer]
        return generator, patchgan.discriminator(shapes, flags.width, flags.patch_layers, **own)

    def train_step(self, data):
        """Takes (inputs, targets), both float32 [B, H, W, C] in [-1, 1]."""
        inputs, targets = self.batch(data)
        seeds = randomness.example_seeds(self.random_seed(), self.step, tf.shape(inputs)[0])
        if self.accumulate > 1:
            logs = self.step_in_parts(inputs, targets, seeds)
            return self.results(*logs, parts=(inputs, targets))
        # One forward pass of G serves both players: its tape is left while D is updated and
        # entered again for G's loss through the updated D, as in the reference implementation.
        tape = tf.GradientTape()
        with tape:
            answers = self.answers(inputs, seeds, training=True)
        d_log = self.discriminator_step(inputs, targets, tf.stop_gradient(answers))
        g_log = self.generator_step(inputs, targets, answers, tape)
        return self.results(d_log, g_log, parts=(inputs, targets))

    def complete(self, found=None):
        super().complete(found)
        if not shapes.is_built(self.discriminator):
            self.scores(*(tf.zeros([1, *shape]) for shape in self.example_shapes.values()))

    def scores(self, inputs, answers):
        """Calls the discriminator: logits [B, h, w, 1], or a list of them."""
        known = shapes.input_shapes(self.discriminator)
        joined = isinstance(self.discriminator, keras.Sequential) or (known and len(known) == 1)
        given = tf.concat([inputs, answers], -1) if joined else [inputs, answers]
        return self.discriminator(given, training=self.networks_train)

    def test_losses(self, inputs, targets):
        answers = self.call(inputs)
        _, d_log = self.discriminator_loss(inputs, targets, answers)
        _, g_log = self.generator_loss(inputs, targets, answers)
        return d_log, g_log

    def step_in_parts(self, inputs, targets, seeds):
        """Updates both players in parts of the batch, each with a forward pass of its own."""
        answers = tf.concat(
            [
                self.answers(*part, training=True)
                for part in zip(
                    *(tf.split(t, self.accumulate) for t in (inputs, seeds)), strict=True
                )
            ],
            axis=0,
        )
        d_log = self.discriminator_step(inputs, targets, tf.stop_gradient(answers))

        def generator_loss(inputs, targets, seeds):
            answers = self.answers(inputs, seeds, training=True)
            return self.generator_loss(inputs, targets, answers)

        return d_log, self.update("g", generator_loss, inputs, targets, seeds)

    def discriminator_step(self, inputs, targets, answers):
        """Updates D on given and generated answers."""
        return self.update("d", self.discriminator_loss, inputs, targets, answers)

    def discriminator_loss(self, inputs, targets, answers):
        """Halves the loss, which slows D against G (section 3.3)."""
        real_scores = self.scores(inputs, targets)
        fake_scores = self.scores(inputs, answers)
        real_loss = mean_over_scales(self.loss_parts.discriminator_real, real_scores)
        fake_loss = mean_over_scales(self.loss_parts.discriminator_fake, fake_scores)
        half = 0.5 * (real_loss + fake_loss)
        return half, {
            "d_loss": half,
            "d_loss_real": real_loss,
            "d_loss_fake": fake_loss,
            "d_score_real": mean_over_scales(per_example_mean, real_scores),
            "d_score_fake": mean_over_scales(per_example_mean, fake_scores),
        }

    def generator_step(self, inputs, targets, answers, tape):
        """Updates G with the tape that recorded its answers."""
        with tape:
            total, log = self.generator_loss(inputs, targets, answers)
            loss = self.scaled_loss("g", total)
        self.apply_gradients("g", self.gradients("g", tape, loss))
        return log

    def generator_loss(self, inputs, targets, answers):
        """Adds up the generator's loss: float32 [B], and its parts."""
        from_scores = mean_over_scales(self.loss_parts.generator, self.scores(inputs, answers))
        distance = absolute_error(answers, targets)
        total = from_scores + self.l1_weight * distance
        return total, {"g_loss": total, "g_loss_adv": from_scores, "g_loss_l1": distance}

    def signatures(self):
        found, direction = super().signatures(), self.directions[None]
        default = found["serving_default"]

        def with_seed(pictures, seed):
            seeds = randomness.seeds_from_numbers(tf.fill([tf.shape(pictures)[0]], seed))
            return {"pictures": direction.function(pictures, seeds)}

        inputs = {**default.inputs, "seed": tf.TensorSpec([], tf.int32)}
        about = default.about.replace(" -> ", ", seed int32 scalar -> ", 1)
        return {**found, "with_seed": Signature(with_seed, inputs, about)}

"""pix2pix: translates images after aligned pairs, with a conditional GAN and an L1 term.

D minimises ½ (E[−log D(x, y)] + E[−log(1 − D(x, G(x)))]); G minimises
E[−log D(x, G(x))] + λ E[|y − G(x)|₁], λ = 100 (Isola et al. 2017, equations 1 to 4). U-Net
against a 70x70 PatchGAN, Adam 2e-4 with β1 0.5, batch 1, N(0, 0.02) weights, jitter 286 → 256
and mirroring. Dropout and batch statistics stay live at inference.

Slips in the course documents: one adds λ|x − G(z)| to D's objective, it belongs to G's; in the
other the objective (its equation 4) is garbled: the conditional GAN plus L1 is meant. The least
squares of the first is `--gan_loss=least_squares`, its multi-scale version `--scales=2` or 3.

Differs from the paper: at inference statistics are taken over each image alone also where the
batch is larger than 1, and dropout comes from a seed, so that an answer can be given again.
"""

import keras
import tensorflow as tf
from absl import flags

from kgan import optimizers, randomness
from kgan.losses import (
    ADVERSARIAL_LOSSES,
    absolute_error,
    mean_over_scales,
    per_example_mean,
)
from kgan.models.base.translation import TranslationModel
from kgan.networks import patchgan, unet

DEFAULTS = {
    "dataset": "facades",
    "image_size": "128",
    "batch_size": 1,
    "epochs": 2,
    "jitter": 286 / 256,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta_1": 0.5,
}


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""
    flags.DEFINE_enum(
        "gan_loss",
        "bce",
        ["bce", "least_squares"],
        "What the players compare scores with.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "l1_weight",
        100.0,
        "Weight of the L1 term, lambda; 0 leaves it out.",
        0.0,
        1e6,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "width", 64, "Channels of the first map of both networks.", 1, 4096, flag_values=flag_values
    )
    flags.DEFINE_integer(
        "patch_layers",
        3,
        "Stride-2 layers of the PatchGAN: 1 to 6 see 16, 34, 70, 142, 286, 574 pixels.",
        1,
        6,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "scales",
        1,
        "PatchGANs: on the pair as it is, halved, and halved twice.",
        1,
        3,
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "upsample",
        "transpose",
        ["transpose", "resize"],
        "The decoder's way up; resize leaves no checkerboards.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "dropout",
        0.5,
        "Rate in the decoder's first three blocks, live at inference too.",
        0.0,
        0.95,
        flag_values=flag_values,
    )


@keras.saving.register_keras_serializable("kgan")
class Pix2Pix(TranslationModel):
    """Trains D on a given and a generated answer, then G through the updated D and by L1.

    Args:
        generator: (image float32 [B, H, W, C], seeds int32 [B, 2]) → float32 [B, H, W, C'].
        discriminator: (image, answer) → logits float32 [B, h, w, 1], or a list of such, one
            for each scale, over which losses are averaged.
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`.
        l1_weight: λ, not negative.
        seed: of the dropout masks.
    """

    logged = (
        "g_loss",
        "g_loss_adv",
        "g_loss_l1",
        "d_loss",
        "d_loss_real",
        "d_loss_fake",
        "d_score_real",
        "d_score_fake",
    )

    discriminator_won_below = 0.01

    def __init__(
        self, generator, discriminator, gan_loss: str = "bce", l1_weight: float = 100.0, **kwargs
    ):
        super().__init__(generator, discriminator, **kwargs)
        self.gan_loss = gan_loss
        self.l1_weight = l1_weight
        self.loss_parts = ADVERSARIAL_LOSSES[gan_loss]

    def train_step(self, data):
        """Takes (inputs, targets), both float32 [B, H, W, C] in [-1, 1]."""
        inputs, targets = data
        seeds = randomness.example_seeds(self.random_seed(), self.step, tf.shape(inputs)[0])
        # One forward pass of G serves both players: its tape is left while D is updated and
        # entered again for G's loss through the updated D, as in the reference implementation.
        tape = tf.GradientTape()
        with tape:
            answers = self.generator([inputs, seeds], training=True)
        d_log = self.discriminator_step(inputs, targets, tf.stop_gradient(answers))
        g_log = self.generator_step(inputs, targets, answers, tape)
        return self.results(d_log, g_log)

    def discriminator_step(self, inputs, targets, answers):
        """Updates D alone on given and generated answers."""
        return self.update("d", self.discriminator_loss, inputs, targets, answers)

    def discriminator_loss(self, inputs, targets, answers):
        """Halves the loss, which slows D against G (section 3.3)."""
        real_scores = self.discriminator([inputs, targets], training=True)
        fake_scores = self.discriminator([inputs, answers], training=True)
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
        """Updates G alone, with the tape that recorded its answers."""
        with tape:
            scores = self.discriminator([inputs, answers], training=True)
            adversarial = mean_over_scales(self.loss_parts.generator, scores)
            distance = absolute_error(answers, targets)
            total = adversarial + self.l1_weight * distance
            loss = self.scaled_loss("g", total)
        self.apply_gradients("g", self.gradients("g", tape, loss))
        return {"g_loss": total, "g_loss_adv": adversarial, "g_loss_l1": distance}

    def get_config(self):
        return {
            **super().get_config(),
            "gan_loss": self.gan_loss,
            "l1_weight": self.l1_weight,
        }


MODEL = Pix2Pix


def build(settings, spec) -> Pix2Pix:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        settings: the resolved flags as attributes.
        spec: `kgan.data.dataset.DataSpec` of the pairs.
    """
    given = (*spec.size, spec.input_channels)
    answer = (*spec.size, spec.channels)
    model = Pix2Pix(
        unet.generator(
            given,
            spec.channels,
            settings.width,
            upsample=settings.upsample,
            dropout=settings.dropout,
            seed=settings.seed,
        ),
        patchgan.discriminator(
            [given, answer],
            settings.width,
            settings.patch_layers,
            scales=settings.scales,
            seed=settings.seed,
        ),
        gan_loss=settings.gan_loss,
        l1_weight=settings.l1_weight,
        seed=settings.seed,
    )
    model.compile(**optimizers.players(settings))
    return model

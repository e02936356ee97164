"""CycleGAN: translates images both ways between two sets of which no two belong together.

Generators G_AB and G_BA, discriminators D_A and D_B. With least squares D_B minimises
½ (E[(D_B(b) − 1)²] + E[D_B(G_AB(a))²]), D_A the same for G_BA. The generators minimise together
  E[(D_B(G_AB(a)) − 1)²] + λ_A (E|G_BA(G_AB(a)) − a|₁ + ½ E|G_BA(a) − a|₁)
+ E[(D_A(G_BA(b)) − 1)²] + λ_B (E|G_AB(G_BA(b)) − b|₁ + ½ E|G_AB(b) − b|₁),
with λ_A = λ_B = 10: the adversarial, the cycle and the identity terms (Zhu et al. 2017, equations 1
to 3 and section 5.2; least squares and the pool of 50 images in section 4). 6 or 9 residual
blocks, 70x70 PatchGANs, instance norm, Adam 2e-4 with β1 0.5, batch 1, learning rates that are
constant for half the run and then fall linearly to zero.
In course `000` X is A, Y is B, G is G_AB and F is G_BA; its equations 5 to 9 are these with the
logarithm in the place of the squares: `--gan_loss=bce`.

Where A and B have different channels the identity terms are left out, since G_AB takes no b then;
their logged values are 0.

`--semantic_weight` adds what Hoffman et al. 2018 (CyCADA, equation 4) add: a classifier of digits
that has seen A's labels, frozen, must see the same class before and after a translation, both ways.
Their classifier is trained on A; here it is the digit network of `kgan.metrics`.

Differs from the paper: it has the identity terms for paintings and photographs only, its
reference implementation always, as here. `--scales` is of Wang et al. 2018.
"""

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from kgan import optimizers, randomness
from kgan.losses import (
    ADVERSARIAL_LOSSES,
    absolute_error,
    mean_over_scales,
    per_example_mean,
)
from kgan.metrics import digit_network
from kgan.models.base.image_pool import ImagePool
from kgan.models.base.model import TwoPlayerModel
from kgan.models.base.translation import Way, shown_side_by_side
from kgan.networks import patchgan, resnet
from kgan.serving.signatures import Signature, decode_images, encode_png, formats

DEFAULTS = {
    "dataset": "digits+typeset",
    "image_size": "32",
    "batch_size": 1,
    "epochs": 2,
    "g_optimizer": "adam",
    "d_optimizer": "adam",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta_1": 0.5,
    "lr_schedule": "linear",
}

# What a random number is for; folded into its seed so that no two uses share numbers.
POOL_A, POOL_B = 0, 1
SEMANTIC = ("g_loss_semantic_ab", "g_loss_semantic_ba")


def define_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags that this scheme adds."""

    def integer(name, default, about, low, high=None):
        flags.DEFINE_integer(name, default, about, low, high, flag_values=flag_values)

    def number(name, default, about):
        flags.DEFINE_float(name, default, about, 0.0, 1e6, flag_values=flag_values)

    flags.DEFINE_enum(
        "gan_loss",
        "least_squares",
        ["bce", "least_squares"],
        "What the players compare scores with.",
        flag_values=flag_values,
    )
    number("cycle_weight_a", 10.0, "Weight of A to B to A, lambda_A.")
    number("cycle_weight_b", 10.0, "Weight of B to A to B, lambda_B.")
    number("identity_weight", 0.5, "Times lambda: weight of leaving alone what is right already.")
    integer(
        "pool_size", 50, "Generated images kept to show the discriminators; 0: none.", 0, 100_000
    )
    number("semantic_weight", 0.0, "Of digits: weight of keeping the class (CyCADA).")
    integer("width", 64, "Channels of the first map of all networks.", 1, 4096)
    integer("blocks", None, "Residual blocks; default: 6, or 9 from 256 pixels on.", 1, 100)
    integer(
        "patch_layers",
        3,
        "Stride-2 layers of the PatchGANs: 1 to 6 see 16, 34, 70, 142, 286, 574 pixels.",
        1,
        6,
    )
    integer("scales", 1, "PatchGANs: on the image as it is, halved, and halved twice.", 1, 3)


@keras.saving.register_keras_serializable("kgan")
class CycleGAN(TwoPlayerModel):
    """Trains both generators together, then both discriminators on what the generators gave.

    Args:
        generator_ab: image of A float32 [B, H, W, C] → of B, float32 [B, H, W, C'].
        generator_ba: the other way.
        discriminator_a: image of A → logits float32 [B, h, w, 1], or a list of such, one for
            each scale, over which losses are averaged.
        discriminator_b: the same for B.
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`.
        cycle_weight_a: λ_A, not negative.
        cycle_weight_b: λ_B, not negative.
        identity_weight: of the identity terms, as a share of λ; not negative.
        pool_size: images in each of the two pools; 0 shows the discriminators new ones only.
        semantic_weight: of the class that the digit network sees in an image and has to see in
            its translation; 0: it is not asked.
        seed: of what the pools exchange.
    """

    data_kind = "unpaired"
    preview_columns = ("A", "A to B", "and back", "B", "B to A", "and back")
    preview_examples = 8
    logged = (
        "g_loss",
        "g_loss_adv_ab",
        "g_loss_adv_ba",
        "g_loss_cycle_a",
        "g_loss_cycle_b",
        "g_loss_identity_a",
        "g_loss_identity_b",
        "d_loss",
        "d_loss_ab",
        "d_loss_ba",
        "d_score_real_a",
        "d_score_fake_a",
        "d_score_real_b",
        "d_score_fake_b",
    )

    discriminator_won_below = 0.02  # the sum over two discriminators

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        gan_loss: str = "least_squares",
        cycle_weight_a: float = 10.0,
        cycle_weight_b: float = 10.0,
        identity_weight: float = 0.5,
        pool_size: int = 50,
        semantic_weight: float = 0.0,
        **kwargs,
    ):
        logged = [*self.logged, *(SEMANTIC if semantic_weight else ())]
        super().__init__(logged=logged, **kwargs)
        self.semantic_weight = semantic_weight
        if semantic_weight:
            digit_network.load()  # outside of the graph of a step
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.gan_loss = gan_loss
        self.loss_parts = ADVERSARIAL_LOSSES[gan_loss]
        self.cycle_weight_a, self.cycle_weight_b = cycle_weight_a, cycle_weight_b
        self.identity_weight = identity_weight
        self.pool_size = pool_size
        self.pool_a = ImagePool(pool_size, generator_ba.output_shape[1:], name="pool_a")
        self.pool_b = ImagePool(pool_size, generator_ab.output_shape[1:], name="pool_b")

    @property
    def networks(self):
        return {
            "generator_ab": self.generator_ab,
            "generator_ba": self.generator_ba,
            "discriminator_a": self.discriminator_a,
            "discriminator_b": self.discriminator_b,
        }

    @property
    def players(self):
        return {
            "g": [self.generator_ab, self.generator_ba],
            "d": [self.discriminator_a, self.discriminator_b],
        }

    @property
    def keeps_identity(self) -> bool:
        """Whether the identity terms count: a weight above 0, and A and B of equal channels."""
        same = self.generator_ab.input_shape == self.generator_ab.output_shape
        return same and self.identity_weight > 0

    def extra_state(self):
        return {"pool_a": self.pool_a.kept, "pool_b": self.pool_b.kept}

    def train_step(self, data):
        """Takes (images of A, images of B), both float32 [B, H, W, C] in [-1, 1]."""
        images_a, images_b = data
        g_log = self.generator_step(images_a, images_b)
        # What the generators gave before their update, as in the reference implementation.
        d_log = self.discriminator_step(images_a, images_b, g_log["fake_a"], g_log["fake_b"])
        return self.results(g_log, d_log)

    def generator_step(self, images_a, images_b):
        """Updates both generators; beside what is logged gives `fake_a` and `fake_b`."""
        return self.update("g", self.generator_loss, images_a, images_b)

    def generator_loss(self, images_a, images_b):
        """Adds up what both generators pay: float32 [B], and its parts without their weights."""
        fake_b, same_b = self._answer(self.generator_ab, images_a, images_b)
        fake_a, same_a = self._answer(self.generator_ba, images_b, images_a)
        scores_a = self.discriminator_a(fake_a, training=True)
        scores_b = self.discriminator_b(fake_b, training=True)
        adversarial_ab = mean_over_scales(self.loss_parts.generator, scores_b)
        adversarial_ba = mean_over_scales(self.loss_parts.generator, scores_a)
        cycle_a = absolute_error(self.generator_ba(fake_b, training=True), images_a)
        cycle_b = absolute_error(self.generator_ab(fake_a, training=True), images_b)
        zeros = tf.zeros_like(cycle_a)
        identity_a = zeros if same_a is None else absolute_error(same_a, images_a)
        identity_b = zeros if same_b is None else absolute_error(same_b, images_b)
        total = (
            adversarial_ab
            + adversarial_ba
            + self.cycle_weight_a * (cycle_a + self.identity_weight * identity_a)
            + self.cycle_weight_b * (cycle_b + self.identity_weight * identity_b)
        )
        semantic = {}
        if self.semantic_weight:
            semantic = dict(
                zip(
                    SEMANTIC,
                    (
                        self._changed_class(images_a, fake_b),
                        self._changed_class(images_b, fake_a),
                    ),
                    strict=True,
                )
            )
            total += self.semantic_weight * sum(semantic.values())
        return total, {
            **semantic,
            "g_loss": total,
            "g_loss_adv_ab": adversarial_ab,
            "g_loss_adv_ba": adversarial_ba,
            "g_loss_cycle_a": cycle_a,
            "g_loss_cycle_b": cycle_b,
            "g_loss_identity_a": identity_a,
            "g_loss_identity_b": identity_b,
            "fake_a": fake_a,
            "fake_b": fake_b,
        }

    def _changed_class(self, images, translated):
        """Computes −log p(class of the image | its translation); float32 [B]."""
        _, seen = digit_network.forward(tf.reduce_mean(images, axis=-1, keepdims=True))
        _, logits = digit_network.forward(tf.reduce_mean(translated, axis=-1, keepdims=True))
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(seen, axis=1), logits)

    def _answer(self, generator, given, wanted):
        """Translates `given`, and `wanted`, which should stay what it is; None: not asked for."""
        if not self.keeps_identity:
            return generator(given, training=True), None
        # Both in one pass, which is faster; no layer mixes the examples of a batch.
        answers = generator(tf.concat([given, wanted], 0), training=True)
        return tf.split(answers, 2)

    def discriminator_step(self, images_a, images_b, fake_a, fake_b):
        """Updates both discriminators on real images and on what the pools give for new ones."""
        seed = randomness.fold(self.random_seed(), self.step)
        shown_a = self.pool_a.exchange(fake_a, randomness.fold(seed, POOL_A))
        shown_b = self.pool_b.exchange(fake_b, randomness.fold(seed, POOL_B))
        return self.update("d", self.discriminator_loss, images_a, images_b, shown_a, shown_b)

    def discriminator_loss(self, images_a, images_b, fake_a, fake_b):
        """Adds half of what each pays (section 7.1 halves it, which slows D against G)."""
        loss_ba, log_a = self._judge(self.discriminator_a, images_a, fake_a, "a")
        loss_ab, log_b = self._judge(self.discriminator_b, images_b, fake_b, "b")
        total = 0.5 * (loss_ab + loss_ba)
        return total, {
            "d_loss": total,
            "d_loss_ab": loss_ab,
            "d_loss_ba": loss_ba,
            **log_a,
            **log_b,
        }

    def _judge(self, discriminator, real, fake, domain):
        real_scores = discriminator(real, training=True)
        fake_scores = discriminator(fake, training=True)
        loss = mean_over_scales(self.loss_parts.discriminator_real, real_scores)
        loss += mean_over_scales(self.loss_parts.discriminator_fake, fake_scores)
        return loss, {
            f"d_score_real_{domain}": mean_over_scales(per_example_mean, real_scores),
            f"d_score_fake_{domain}": mean_over_scales(per_example_mean, fake_scores),
        }

    @property
    def ways(self) -> dict[str | None, Way]:
        """The directions there are by `--direction`; None: what is meant where none is given."""

        def way(generator):
            def translate(images, seed=0):
                # There is nothing random in it: any seed gives the same.
                return np.asarray(self._translate(generator, tf.cast(images, tf.float32)))

            return Way(generator.input_shape[1:], translate)

        a_to_b = way(self.generator_ab)
        return {None: a_to_b, "AtoB": a_to_b, "BtoA": way(self.generator_ba)}

    @tf.function(reduce_retracing=True)
    def _translate(self, generator, images):
        return generator(images, training=False)

    def preview(self, examples) -> np.ndarray:
        """Lays images, translations and reconstructions side by side.

        Args:
            examples: dict of `image_a` and `image_b`, float32 [B, H, W, C] in [-1, 1].

        Returns:
            float32 [B, 6, H, W, C]: A, A to B, and back; B, B to A, and back.
        """
        a_to_b, b_to_a = (self.ways[way].translate for way in ("AtoB", "BtoA"))
        images_a, images_b = examples["image_a"], examples["image_b"]
        fake_a, fake_b = b_to_a(images_b), a_to_b(images_a)
        return shown_side_by_side(
            [images_a, fake_b, b_to_a(fake_b), images_b, fake_a, a_to_b(fake_a)]
        )

    def signatures(self):
        return {
            **_signatures(self.generator_ab, "A to B", "serving_default", "from_files"),
            **_signatures(self.generator_ba, "B to A", "b_to_a", "from_files_b_to_a"),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "gan_loss": self.gan_loss,
            "cycle_weight_a": self.cycle_weight_a,
            "cycle_weight_b": self.cycle_weight_b,
            "identity_weight": self.identity_weight,
            "pool_size": self.pool_size,
            "semantic_weight": self.semantic_weight,
        }


def _signatures(generator, way, on_images, on_files):
    """Makes the two signatures of one direction, under the names given for them."""
    height, width, channels = shape = generator.input_shape[1:]

    def from_images(images):
        return {"pictures": generator(images, training=False)}

    def from_files(image_bytes):
        answers = generator(decode_images(image_bytes, shape), training=False)
        return {"png_bytes": encode_png(answers)}

    answer = "x".join(map(str, generator.output_shape[1:]))
    return {
        on_images: Signature(
            from_images,
            {"pictures": tf.TensorSpec([None, *shape], tf.float32)},
            f"{way}: pictures float32 [B, {height}x{width}x{channels}] in [-1, 1] -> images "
            f"float32 [B, {answer}] in [-1, 1]. Each image is normalised by itself.",
        ),
        on_files: Signature(
            from_files,
            {"image_bytes": tf.TensorSpec([None], tf.string)},
            f"{way}: image_bytes string [B], {formats(channels)} files of any size, resized to "
            f"{height}x{width} -> png_bytes string [B], PNG files.",
        ),
    }


MODEL = CycleGAN


def build(settings, spec) -> CycleGAN:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        settings: the resolved flags as attributes.
        spec: `kgan.data.dataset.DataSpec`: A has `input_channels`, B has `channels`.
    """
    shape_a, shape_b = (*spec.size, spec.input_channels), (*spec.size, spec.channels)

    # Two networks of a kind must not begin with the same weights.
    def generator(shape, channels, name, number):
        return resnet.generator(
            shape,
            channels,
            settings.width,
            settings.blocks,
            seed=2 * settings.seed + number,
            name=name,
        )

    def discriminator(shape, name, number):
        return patchgan.discriminator(
            [shape],
            settings.width,
            settings.patch_layers,
            norm="instance",
            scales=settings.scales,
            seed=2 * settings.seed + number,
            name=name,
        )

    model = CycleGAN(
        generator(shape_a, spec.channels, "generator_ab", 0),
        generator(shape_b, spec.input_channels, "generator_ba", 1),
        discriminator(shape_a, "discriminator_a", 0),
        discriminator(shape_b, "discriminator_b", 1),
        gan_loss=settings.gan_loss,
        cycle_weight_a=settings.cycle_weight_a,
        cycle_weight_b=settings.cycle_weight_b,
        identity_weight=settings.identity_weight,
        pool_size=settings.pool_size,
        semantic_weight=settings.semantic_weight,
        seed=settings.seed,
    )
    model.compile(**optimizers.players(settings))
    return model

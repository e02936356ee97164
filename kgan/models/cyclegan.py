"""CycleGAN: translation in both directions between two sets of unpaired images.

Generators G_AB and G_BA, discriminators D_A and D_B. With least squares D_B minimises
½ (E[(D_B(b) − 1)²] + E[D_B(G_AB(a))²]), D_A the same for G_BA. The generators minimise together
  E[(D_B(G_AB(a)) − 1)²] + λ_A (E|G_BA(G_AB(a)) − a|₁ + ½ E|G_BA(a) − a|₁)
+ E[(D_A(G_BA(b)) − 1)²] + λ_B (E|G_AB(G_BA(b)) − b|₁ + ½ E|G_AB(b) − b|₁),
with λ_A = λ_B = 10: the adversarial, the cycle and the identity terms (Zhu et al. 2017, equations 1
to 3 and section 5.2; least squares and the pool of 50 images in section 4). 6 or 9 residual
blocks, 70x70 PatchGANs, instance norm, Adam 2e-4 with β1 0.5, batch 1, learning rates that are
constant for half the run and then fall linearly to zero.
In the course's document on CycleGAN (docs/course.md) X is A, Y is B, G is G_AB and F is G_BA; its
equations are these with the logarithm in place of the squares: `--gan_loss=bce`.

Where A and B have different channels the identity terms are left out, since G_AB takes no b then;
their logged values are 0.

`--semantic_weight` adds what Hoffman et al. 2018 (CyCADA, equation 4) add: a classifier of digits
that was trained on A's labels, frozen, must find the same class before and after a translation.
Their classifier is trained on A; here it is the digit network of `kgan.metrics`.

Differs from the paper: it has the identity terms for paintings and photographs only, its
reference implementation always, as here. `--scales` is of Wang et al. 2018.
"""

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.losses import absolute_error, adversarial, mean_over_scales, per_example_mean
from kgan.metrics import digit_network
from kgan.models.base import shapes
from kgan.models.base.flags import integer, weight
from kgan.models.base.image_pool import ImagePool
from kgan.models.base.own_data import OwnData
from kgan.models.base.translation import (
    TRANSLATION_DEFAULTS,
    Direction,
    TranslationModel,
    direction_signatures,
    patchgan_flags,
    side_by_side,
    translation_loss,
)
from kgan.networks import patchgan, resnet

# What a random number is for; folded into its seed so that no two uses share numbers.
POOL_A, POOL_B = 0, 1
SEMANTIC = ("g_loss_semantic_ab", "g_loss_semantic_ba")


@keras.saving.register_keras_serializable("kgan")
class CycleGAN(TranslationModel):
    """Image-to-image translation learned from unpaired images.

    Args:
        generator_ab: image of A float32 [B, H, W, C] → of B, float32 [B, H, W, C'].
        generator_ba: the reverse direction.
        discriminator_a: image of A → logits float32 [B, h, w, 1], or a list of such, one for
            each scale, over which losses are averaged.
        discriminator_b: the same for B.
        gan_loss: a key of `kgan.losses.ADVERSARIAL_LOSSES`, or a Keras loss.
        cycle_weight_a: λ_A, not negative.
        cycle_weight_b: λ_B, not negative.
        identity_weight: of the identity terms, as a share of λ; not negative.
        pool_size: images in each of the two pools; 0 gives the discriminators new images only.
        semantic_weight: of the class that the digit network finds in an image and has to find in
            its translation; 0: no such term.
        seed: of what the pools exchange.

    Example:
        >>> def generator(name):
        ...     return resnet.generator((16, 16, 1), 1, 2, 1, name=name)
        >>> def discriminator(name):
        ...     return patchgan.discriminator([(16, 16, 1)], 2, 1, norm="instance", name=name)
        >>> generators = generator("ab"), generator("ba")
        >>> model = CycleGAN(*generators, discriminator("a"), discriminator("b"), pool_size=2)
        >>> model.directions["BtoA"].translate(np.zeros([1, 16, 16, 1])).shape
        (1, 16, 16, 1)
    """

    network_names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
    own_arguments = (
        translation_loss("least_squares"),
        weight("cycle_weight_a", 10.0, "Weight of the cycle from A to B to A."),
        weight("cycle_weight_b", 10.0, "Weight of the cycle from B to A to B."),
        weight("identity_weight", 0.5, "Weight of the identity terms, as a share of the cycles'."),
        integer(
            "pool_size",
            50,
            (0, 100_000),
            "Generated images that are kept to be given to the discriminators later; 0: none.",
        ),
        weight("semantic_weight", 0.0, "For digits: weight of keeping the class (CyCADA); 0: off."),
    )
    network_flags = (
        integer("width", 64, (1, 4096), "Channels of the first maps of all networks."),
        integer("blocks", None, (1, 100), "Residual blocks; default: 6, or 9 from 256 pixels on."),
        *patchgan_flags("image"),
    )
    defaults = TRANSLATION_DEFAULTS | dict(
        dataset="digits+typeset", image_size="32", lr_schedule="linear"
    )
    own_data = OwnData(32, 256, multiple=4, epochs=200, updates=(20_000, 80_000))
    data_kind = "unpaired"
    fields = ("image_a", "image_b")
    preview_columns = ("A", "A to B", "and back", "B", "B to A", "and back")
    discriminator_won_below = 0.02  # the sum over two discriminators

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        if self.semantic_weight:
            digit_network.load()  # outside of the graph of a step
        self.loss_parts = adversarial(self.gan_loss)

    def complete(self, found=None):
        super().complete(found)
        shape_a, shape_b = self.example_shapes.values()
        for network, shape in (
            (self.generator_ab, shape_a),
            (self.generator_ba, shape_b),
            (self.discriminator_a, shape_a),
            (self.discriminator_b, shape_b),
        ):
            if not shapes.is_built(network):
                shapes.call_with_zeros(network, shape)
        self.pool_a = ImagePool(self.pool_size, shape_a, name="pool_a")
        self.pool_b = ImagePool(self.pool_size, shape_b, name="pool_b")

    @property
    def example_shapes(self):
        if self.found_shapes:
            return self.found_shapes
        given = [shapes.input_shapes(g) for g in (self.generator_ab, self.generator_ba)]
        return {} if None in given else {"image_a": given[0][0], "image_b": given[1][0]}

    @classmethod
    def build_networks(cls, flags, spec):
        shape_a, shape_b = (*spec.size, spec.input_channels), (*spec.size, spec.channels)

        # Two networks of a kind must not begin with the same weights.
        first, second = 2 * flags.seed, 2 * flags.seed + 1

        def generator(shape, channels, name, seed):
            own = {"seed": seed, "name": name}
            return resnet.generator(shape, channels, flags.width, flags.blocks, **own)

        def discriminator(shape, name, seed):
            own = {"norm": "instance", "scales": flags.scales, "seed": seed, "name": name}
            return patchgan.discriminator([shape], flags.width, flags.patch_layers, **own)

        return (
            generator(shape_a, spec.channels, "generator_ab", first),
            generator(shape_b, spec.input_channels, "generator_ba", second),
            discriminator(shape_a, "discriminator_a", first),
            discriminator(shape_b, "discriminator_b", second),
        )

    @property
    def logged(self):
        generators = ["adv_ab", "adv_ba", "cycle_a", "cycle_b", "identity_a", "identity_b"]
        scores = [f"d_score_{kind}_{side}" for side in "ab" for kind in ("real", "fake")]
        return (
            "g_loss",
            *(f"g_loss_{part}" for part in generators),
            *("d_loss", "d_loss_ab", "d_loss_ba", *scores),
            *(SEMANTIC if self.semantic_weight else ()),
        )

    @property
    def keeps_identity(self) -> bool:
        """Whether the identity terms count: a weight above 0, and A and B of equal channels."""
        shape_a, shape_b = self.example_shapes.values()
        return shape_a == shape_b and self.identity_weight > 0

    def extra_state(self):
        return {"pool_a": self.pool_a.kept, "pool_b": self.pool_b.kept}

    def train_step(self, data):
        """Takes (images of A, images of B), both float32 [B, H, W, C] in [-1, 1]."""
        images_a, images_b = parts = self.batch(data)
        g_log = self.generator_step(images_a, images_b)
        # What the generators gave before their update, as in the reference implementation.
        d_log = self.discriminator_step(images_a, images_b, g_log["fake_a"], g_log["fake_b"])
        return self.results(g_log, d_log, parts=parts)

    def test_losses(self, images_a, images_b):
        _, g_log = self.generator_loss(images_a, images_b)
        fakes = g_log["fake_a"], g_log["fake_b"]
        return g_log, self.discriminator_loss(images_a, images_b, *fakes)[1]

    def real_and_generated(self, images_a, images_b):
        return images_b, self.call(images_a)

    def translated(self, generator, images) -> tf.Tensor:
        """Calls a generator as training does, or evaluation; float32 [B, H, W, C]."""
        return tf.cast(generator(images, training=self.networks_train), tf.float32)

    def generator_step(self, images_a, images_b):
        """Updates both generators; also returns `fake_a` and `fake_b`."""
        return self.update("g", self.generator_loss, images_a, images_b)

    def generator_loss(self, images_a, images_b):
        """Adds up the losses of both generators: float32 [B], and the parts without weights."""
        fake_b, same_b = self._translated_and_kept(self.generator_ab, images_a, images_b)
        fake_a, same_a = self._translated_and_kept(self.generator_ba, images_b, images_a)
        scores_a = self.discriminator_a(fake_a, training=self.networks_train)
        scores_b = self.discriminator_b(fake_b, training=self.networks_train)
        adversarial_ab = mean_over_scales(self.loss_parts.generator, scores_b)
        adversarial_ba = mean_over_scales(self.loss_parts.generator, scores_a)
        cycle_a = absolute_error(self.translated(self.generator_ba, fake_b), images_a)
        cycle_b = absolute_error(self.translated(self.generator_ab, fake_a), images_b)
        identity_a = absolute_error(same_a, images_a)
        identity_b = absolute_error(same_b, images_b)
        total = (
            adversarial_ab
            + adversarial_ba
            + self.cycle_weight_a * (cycle_a + self.identity_weight * identity_a)
            + self.cycle_weight_b * (cycle_b + self.identity_weight * identity_b)
        )
        semantic = {}
        if self.semantic_weight:
            pairs = (images_a, fake_b), (images_b, fake_a)
            changes = [self._class_change(image, translated) for image, translated in pairs]
            semantic = dict(zip(SEMANTIC, changes, strict=True))
            total += self.semantic_weight * sum(changes)
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

    def _class_change(self, images, translated):
        """Computes −log p(class of the image | its translation); float32 [B]."""
        _, seen = digit_network.forward(tf.reduce_mean(images, axis=-1, keepdims=True))
        _, logits = digit_network.forward(tf.reduce_mean(translated, axis=-1, keepdims=True))
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(seen, axis=1), logits)

    def _translated_and_kept(self, generator, given, wanted):
        """Translates `given`, and `wanted`, which should not change and else stays as it is."""
        if not self.keeps_identity:
            return self.translated(generator, given), wanted
        # Both in one pass, which is faster; no layer mixes the examples of a batch.
        answers = self.translated(generator, tf.concat([given, wanted], 0))
        return tf.split(answers, 2)

    def discriminator_step(self, images_a, images_b, fake_a, fake_b):
        """Updates both discriminators on real images and on those that the pools exchange."""
        seed = randomness.fold(self.random_seed(), self.step)
        shown_a = self.pool_a.exchange(fake_a, randomness.fold(seed, POOL_A))
        shown_b = self.pool_b.exchange(fake_b, randomness.fold(seed, POOL_B))
        return self.update("d", self.discriminator_loss, images_a, images_b, shown_a, shown_b)

    def discriminator_loss(self, images_a, images_b, fake_a, fake_b):
        """Adds half of each loss (section 7.1 halves it, which slows D against G)."""
        loss_ba, log_a = self._one_discriminator_loss(self.discriminator_a, images_a, fake_a, "a")
        loss_ab, log_b = self._one_discriminator_loss(self.discriminator_b, images_b, fake_b, "b")
        total = 0.5 * (loss_ab + loss_ba)
        parts = {"d_loss_ab": loss_ab, "d_loss_ba": loss_ba}
        return total, {"d_loss": total, **parts, **log_a, **log_b}

    def _one_discriminator_loss(self, discriminator, real, fake, domain):
        real_scores = discriminator(real, training=self.networks_train)
        fake_scores = discriminator(fake, training=self.networks_train)
        loss = mean_over_scales(self.loss_parts.discriminator_real, real_scores)
        loss += mean_over_scales(self.loss_parts.discriminator_fake, fake_scores)
        return loss, {
            f"d_score_real_{domain}": mean_over_scales(per_example_mean, real_scores),
            f"d_score_fake_{domain}": mean_over_scales(per_example_mean, fake_scores),
        }

    @property
    def directions(self):
        def direction(generator, *shapes, sides=(0, 1)):
            def function(images, seeds):  # nothing is random in it: all seeds give the same
                return self._translated(generator, images)

            return Direction(*shapes, function, generator, sides=sides)

        shape_a, shape_b = self.example_shapes.values()
        a_to_b = direction(self.generator_ab, shape_a, shape_b)
        b_to_a = direction(self.generator_ba, shape_b, shape_a, sides=(1, 0))
        return {None: a_to_b, "AtoB": a_to_b, "BtoA": b_to_a}

    @tf.function(reduce_retracing=True)
    def _translated(self, generator, images):
        return tf.cast(generator(images, training=False), tf.float32)

    def preview(self, examples) -> np.ndarray:
        """Lays `image_a`, `image_b`, translations and reconstructions side by side."""
        a_to_b, b_to_a = (self.directions[name].translate for name in ("AtoB", "BtoA"))
        images_a, images_b = examples["image_a"], examples["image_b"]
        fake_a, fake_b = b_to_a(images_b), a_to_b(images_a)
        rows = images_a, fake_b, b_to_a(fake_b), images_b, fake_a, a_to_b(fake_a)
        sides = 0, 1, 0, 1, 0, 1
        return side_by_side([self.shown(*shown) for shown in zip(rows, sides, strict=True)])

    def signatures(self):
        def signatures(name, field, *names):
            direction, about = self.directions[name], "Each image is normalised by itself."
            files = self.reading(direction), self.writing(direction)
            return direction_signatures(direction, *files, *names, about, field)

        names = "serving_default", "from_files", "deterministic"
        back = "b_to_a", "from_files_b_to_a", "deterministic_b_to_a"
        return {
            **signatures("AtoB", "image_a", *names, "A to B: "),
            **signatures("BtoA", "image_b", *back, "B to A: "),
        }

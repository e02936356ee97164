"""What the schemes share that draw images of what they are asked for.

The condition y is a class, as a one-hot vector, or a vector of attributes of which several may
hold; both players are given it. Questions of which class an image shows are answered by columns of
K numbers, never by an index, so that both kinds are one.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import flags

from kgan.models.base import flags as latent_flags
from kgan.models.base.adversarial import LatentModel
from kgan.serving.signatures import Signature, encode_png
from kgan.utils.errors import UserError

PREVIEW_ROWS, PREVIEW_COLUMNS = 10, 8


def define_flags(flag_values: flags.FlagValues, latent_size: int, g_width: int, d_width: int):
    """Defines the flags of conditional networks and of the game.

    Args:
        flag_values: where to.
        latent_size: default length of the noise vector.
        g_width: default of the generator's `base_width`.
        d_width: default of the discriminator's.
    """
    for name, default, about in (
        ("latent_size", latent_size, "Length of the noise vector."),
        ("g_width", g_width, "The generator's base width, see its network."),
        ("d_width", d_width, "The discriminator's base width, see its network."),
    ):
        flags.DEFINE_integer(name, default, about, 1, 65_536, flag_values=flag_values)
    flags.DEFINE_boolean(
        "condition_discriminator",
        True,
        "Whether D is told the condition, too; without, G has no reason to heed it.",
        flag_values=flag_values,
    )
    latent_flags.define_game_flags(flag_values)


def defaults() -> dict:
    """Gives what DEFAULTS of a conditional scheme begin with."""
    # Its networks have a place for a condition, the others have none.
    return latent_flags.defaults(without=latent_flags.NETWORK_DEFAULTS)


class ConditionalModel(LatentModel):
    """Draws images from a latent and a condition.

    Batches are tuples of pictures float32 [B, H, W, C] and what they show: classes int32 [B], or
    attributes float32 [B, K] of zeros and ones.

    Args:
        generator: [latent [B, N], condition [B, K]] → image [B, H, W, C].
        discriminator: [image, condition] → logit [B, 1], or without the condition, if it is not
            to be told.
        class_names: of the K classes or attributes.
        exclusive: whether an image shows exactly one of them (classes) or any number (attributes).
        **kwargs: see `LatentModel`.
    """

    data_kind = "conditional"

    def __init__(
        self,
        generator,
        discriminator,
        class_names: Sequence[str] = (),
        exclusive: bool = True,
        **kwargs,
    ):
        super().__init__(generator, discriminator, **kwargs)
        self.exclusive = exclusive
        size = self.condition_size
        self.class_names = tuple(class_names) or tuple(map(str, range(size)))
        if len(self.class_names) != size:
            raise ValueError(
                f"`class_names` must be {size}, as the generator's condition has. Received: "
                f"{len(self.class_names)}"
            )

    def get_config(self):
        own = {"class_names": list(self.class_names), "exclusive": self.exclusive}
        return {**super().get_config(), **own}

    @property
    def condition_size(self) -> int:
        """How many classes or attributes there are."""
        return self.generator.input_shape[1][-1]

    @property
    def tells_discriminator(self) -> bool:
        """Whether D is told the condition."""
        return isinstance(self.discriminator.input_shape, list)

    def unpack(self, batch):
        images, shown = batch
        return images, (self.condition(shown),)

    def condition(self, shown) -> tf.Tensor:
        """Turns classes int [B] into one-hot vectors; attributes [B, K] stay; float32 [B, K]."""
        shown = tf.convert_to_tensor(shown)
        if shown.shape.rank == 1:
            return tf.one_hot(shown, self.condition_size)
        return tf.cast(shown, tf.float32)

    def discriminate(self, images, conditions):
        return super().discriminate(images, conditions if self.tells_discriminator else ())

    def condition_from_text(self, text: str) -> np.ndarray:
        """Parses what a person asks for; float32 [K].

        Args:
            text: a class by name or number; attributes with commas between them, or `none`.

        Raises:
            UserError: names what there is.
        """
        wanted = [word for word in text.split(",") if word and word != "none"]
        columns = [self._column(text, word) for word in wanted]
        if self.exclusive and len(columns) != 1:
            raise UserError(f"--label={text}: one of {', '.join(self.class_names)}")
        return np.isin(np.arange(self.condition_size), columns).astype(np.float32)

    def _column(self, text, word):
        if word in self.class_names:
            return self.class_names.index(word)
        if word.isdecimal() and int(word) < self.condition_size:
            return int(word)
        raise UserError(f"--label={text}: {word} is none of {', '.join(self.class_names)}")

    def shown_rows(self) -> np.ndarray:
        """Gives the conditions of a preview: each alone, for attributes none, too; [R, K]."""
        rows = np.eye(self.condition_size, dtype=np.float32)
        if not self.exclusive:
            rows = np.concatenate([np.zeros_like(rows[:1]), rows])
        return rows[:PREVIEW_ROWS]

    def preview_images(self) -> np.ndarray:
        """Draws a row a condition, with the same 8 seeds in each."""
        return self.label_grid(self.shown_rows(), range(PREVIEW_COLUMNS))

    def preview(self, examples=None) -> np.ndarray:
        """Draws a row a condition: float32 [R, 8, H, W, C]."""
        return self.preview_images().reshape(-1, PREVIEW_COLUMNS, *self.image_shape)

    def label_grid(self, rows: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Draws every condition with every seed.

        Args:
            rows: float32 [R, K].
            seeds: S ints.

        Returns:
            float32 [R · S, H, W, C].
        """
        latents = np.asarray(self.latents_from_seeds(list(seeds)))
        return self.generate(
            np.tile(latents, (len(rows), 1)), np.repeat(rows, len(latents), axis=0)
        )

    def diversity(self):
        """Computes the mean standard deviation over images of one condition and other latents."""
        rows = self.preview().astype(np.float64)
        return float(rows.std(axis=1).mean())

    def signatures(self):
        latents_spec = tf.TensorSpec([None, self.latent_size], tf.float32)
        conditions_spec = tf.TensorSpec([None, self.condition_size], tf.float32)
        numbers_spec = tf.TensorSpec([None], tf.int32)
        network = self.sampler

        def default(latents, conditions):
            return {"pictures": network([latents, conditions], training=False)}

        def from_seeds(seeds, conditions):
            return default(self.latents_from_seeds(seeds), conditions)

        def from_labels(seeds, labels):
            return from_seeds(seeds, tf.one_hot(labels, self.condition_size))

        def png_from_labels(seeds, labels):
            return {"png_bytes": encode_png(from_labels(seeds, labels)["pictures"])}

        image = "x".join(map(str, self.image_shape))
        names = ", ".join(f"{n} {name}" for n, name in enumerate(self.class_names))
        answer = f"pictures float32 [B, {image}] in [-1, 1]. Batch statistics are frozen."
        about = f"conditions float32 [B, {self.condition_size}] of 0 and 1 ({names})"
        return {
            "serving_default": Signature(
                default,
                {"latents": latents_spec, "conditions": conditions_spec},
                f"latents float32 [B, {self.latent_size}], {about} -> {answer}",
            ),
            "from_seeds": Signature(
                from_seeds,
                {"seeds": numbers_spec, "conditions": conditions_spec},
                f"seeds int32 [B], {about} -> {answer}",
            ),
            "from_labels": Signature(
                from_labels,
                {"seeds": numbers_spec, "labels": numbers_spec},
                f"seeds int32 [B], labels int32 [B] ({names}) -> {answer}",
            ),
            "png_from_labels": Signature(
                png_from_labels,
                {"seeds": numbers_spec, "labels": numbers_spec},
                f"seeds int32 [B], labels int32 [B] ({names}) -> png_bytes string [B], PNG files.",
            ),
        }


def build(model, settings, spec, generator, discriminator) -> ConditionalModel:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        model: the scheme, a subclass of `ConditionalModel`.
        settings: the resolved flags as attributes.
        spec: `kgan.data.dataset.DataSpec` of images with classes or attributes.
        generator: builder, of shape, condition_size, latent_size, base_width.
        discriminator: builder, of shape, condition_size, base_width, conditioned.

    Raises:
        ValueError: begins with the argument that does not fit.
    """
    size, shape = len(spec.class_names), (*spec.size, spec.channels)
    packed = (*spec.size, spec.channels * settings.packing)
    common = {"synchronized": settings.sync_batch_norm, "seed": settings.seed}
    players = (
        generator(shape, size, settings.latent_size, settings.g_width, **common),
        discriminator(
            packed,
            size * settings.packing,
            settings.d_width,
            conditioned=settings.condition_discriminator,
            **common,
        ),
    )
    made = model(
        *players,
        class_names=spec.class_names,
        exclusive=spec.kind == "labelled",
        seed=settings.seed,
        **latent_flags.game(settings),
    )
    return latent_flags.compiled(made, settings)

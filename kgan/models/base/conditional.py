"""Base of models that generate images conditioned on a class or on attributes.

The condition y is a class, as a one-hot vector, or a vector of attributes of which several may
hold; both players get it. Conditions are rows of K numbers, never an index, so that classes and
attributes are treated alike.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from kgan.models.base import shapes
from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.batches import DataError
from kgan.models.base.flags import WIDEST, integer, latent_size, switch
from kgan.serving import refusals
from kgan.serving.signatures import NUMBERS, PORTABLE, Signature, vectors
from kgan.utils.errors import ArgumentError, UserError

PREVIEW_ROWS, PREVIEW_COLUMNS = 10, 8


class ConditionalModel(AdversarialModel):
    """Generates images from a latent and a condition.

    Batches are tuples of images float32 [B, H, W, C] and what they show: classes int32 [B], or
    attributes float32 [B, K] of zeros and ones.

    Class attributes:
        network_builders: functions that build the generator (of shape, condition_size, latent_size,
            base_width) and the discriminator (of shape, condition_size, base_width, conditioned).
        network_options: names of further `network_flags` that both functions take.

    Args:
        generator: [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] in
            [-1, 1].
        discriminator: [image, condition] → logit or score [B, 1], or without the condition, if it
            is not conditioned.
        class_names: of the K classes or attributes.
        exclusive: whether an image shows exactly one of them (classes) or any number (attributes).
        **arguments: see `AdversarialModel`.

    Example:
        >>> from kgan.networks import conditional
        >>> generator = conditional.dense_generator((32, 32, 1), 3, 8, 4)
        >>> discriminator = conditional.dense_discriminator((32, 32, 1), 3, 4)
        >>> ConditionalModel(generator, discriminator).preview_conditions().shape
        (3, 3)
    """

    network_builders: tuple[Callable, Callable]
    network_options: tuple[str, ...] = ()
    data_arguments = {**AdversarialModel.data_arguments, "class_names": (), "exclusive": True}
    fields = ("image", "label")
    network_flags = (
        latent_size(100),
        integer("g_width", 128, (1, WIDEST), "Channels or units of the generator's first layers."),
        integer(
            "d_width", 64, (1, WIDEST), "Channels or units of the discriminator's first layers."
        ),
        switch(
            "condition_discriminator",
            True,
            "Give the condition to the discriminator, too; without it the generator has no reason "
            "to match the label.",
        ),
    )
    data_kind = "conditional"

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        size = self.condition_size
        self.class_names = tuple(self.class_names) or tuple(map(str, range(size)))
        if len(self.class_names) != size:
            raise ArgumentError(
                "class_names",
                f"must be {size}, as the generator's condition has. Received: "
                f"{len(self.class_names)}",
            )

    @classmethod
    def build_networks(cls, flags, spec):
        generator, discriminator = cls.network_builders
        size, shape = len(spec.class_names), (*spec.size, spec.channels)
        packed = (*spec.size, spec.channels * flags.packing)
        names = ("synchronized", "seed", *cls.network_options)
        common = {name: getattr(flags, name) for name in names}
        generator = generator(shape, size, flags.latent_size, flags.g_width, **common)
        common["conditioned"] = flags.condition_discriminator
        return generator, discriminator(packed, size * flags.packing, flags.d_width, **common)

    @classmethod
    def from_data(cls, spec):
        own = {"class_names": spec.class_names, "exclusive": spec.kind == "labelled"}
        return super().from_data(spec) | own

    @property
    def condition_size(self) -> int:
        """How many classes or attributes there are."""
        known = shapes.input_shapes(self.generator)
        if known is not None:
            return known[1][-1]
        if not self.class_names:
            raise ArgumentError(
                "class_names", "must be given: the generator does not begin with keras.Input"
            )
        return len(self.class_names)

    @property
    def condition_shapes(self):
        return [(self.condition_size,)]

    @property
    def conditions_discriminator(self) -> bool:
        """Whether the discriminator gets the condition; one whose inputs are unknown does."""
        return len(shapes.input_shapes(self.discriminator) or (None, None)) > 1

    @property
    def discriminator_condition_shapes(self):
        return self.condition_shapes if self.conditions_discriminator else []

    def conditions_of(self, *others):
        return (self.condition(others[0]),)

    def condition(self, shown) -> tf.Tensor:
        """Turns classes [B] or [B, 1] into one-hot vectors; rows [B, K] stay; float32 [B, K].

        Raises:
            DataError: for rows of another length than K.
        """
        shown = tf.convert_to_tensor(shown)
        if shown.shape.rank == 2 and shown.shape[1] == 1 < self.condition_size:
            shown = shown[:, 0]
        if shown.shape.rank == 1:
            return tf.one_hot(tf.cast(shown, tf.int32), self.condition_size)
        if shown.shape.rank != 2 or shown.shape[1] != self.condition_size:
            raise DataError(
                f"label: has the shape {shown.shape}; a class [B] or [B, 1] is needed, or a row "
                f"[B, {self.condition_size}] of zeros and ones"
            )
        return tf.cast(shown, tf.float32)

    def discriminate(self, images, conditions):
        return super().discriminate(images, conditions if self.conditions_discriminator else ())

    def condition_of(self, names: Sequence[str]) -> np.ndarray:
        """Returns the condition of a class, or of several attributes; float32 [K].

        Args:
            names: a class or attributes, by name or number; `none` or nothing for no attribute.

        Raises:
            UserError: lists the classes or attributes.
        """
        columns = [self._column(name) for name in names if name and name != "none"]
        if self.exclusive and len(columns) != 1:
            raise UserError(f"--label: must be one of {', '.join(self.class_names)}")
        return np.isin(np.arange(self.condition_size), columns).astype(np.float32)

    def _column(self, name):
        if name in self.class_names:
            return self.class_names.index(name)
        if name.isdecimal() and int(name) < self.condition_size:
            return int(name)
        raise UserError(f"--label={name}: must be one of {', '.join(self.class_names)}")

    def preview_conditions(self) -> np.ndarray:
        """Returns the conditions of a preview: each alone, of attributes none, too; [R, K]."""
        rows = np.eye(self.condition_size, dtype=np.float32)
        if not self.exclusive:
            rows = np.concatenate([np.zeros_like(rows[:1]), rows])
        return rows[:PREVIEW_ROWS]

    def preview_images(self) -> np.ndarray:
        """Generates a row for each condition, with the same 8 seeds in each."""
        return self.label_grid(self.preview_conditions(), range(PREVIEW_COLUMNS))

    def preview(self, examples=None) -> np.ndarray:
        """Generates a row for each condition: float32 [R, 8, H, W, C]."""
        return self.preview_images().reshape(-1, PREVIEW_COLUMNS, *self.image_shape)

    def label_grid(self, rows: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
        """Generates every condition with every seed.

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
        """Computes the mean standard deviation over images of equal conditions."""
        rows = self.preview().astype(np.float64)
        return float(rows.std(axis=1).mean())

    def example_inputs(self, count, examples=None):
        rows = self.preview_conditions()
        conditions = rows[np.arange(count) % len(rows)]
        return {**super().example_inputs(count), "conditions": conditions}

    def signatures(self):
        network = self.sampler

        def from_latents(latents, conditions):
            return {"pictures": self.images_of(network, latents, conditions)}

        def images_from(seeds, conditions):
            return self.images_of(network, self.latents_from_seeds(seeds), conditions)

        def from_seeds(seeds, conditions):
            return refusals.answers(images_from(seeds, conditions), refusals.seed_errors(seeds))

        def images_and_errors(seeds, labels):
            labels = refusals.equally_many(seeds, labels)
            errors = refusals.label_errors(labels, self.class_names)
            errors = tf.where(errors == "", refusals.seed_errors(seeds), errors)
            return images_from(seeds, tf.one_hot(labels, self.condition_size)), errors

        def from_labels(seeds, labels):
            return refusals.answers(*images_and_errors(seeds, labels))

        def png_from_labels(seeds, labels):
            return refusals.png_answers(*images_and_errors(seeds, labels), self.writing)

        names = ", ".join(f"{n} {name}" for n, name in enumerate(self.class_names))
        image = "x".join(map(str, self.image_shape))
        answer = f"pictures float32 [B, {image}] in [-1, 1]. Batch statistics are frozen."
        about = f"conditions float32 [B, {self.condition_size}] of 0 and 1 ({names}) -> {answer}"
        of_labels = f"seeds int32 [B], labels int32 [B] ({names}) -> "
        png = f"png_bytes string [B], PNG files; {refusals.ABOUT}"
        latents, conditions = (
            vectors(self.latent_size),
            {"conditions": vectors(self.condition_size)},
        )
        labels = {"seeds": NUMBERS, "labels": NUMBERS}
        refused = f"Also {refusals.ABOUT}"
        default = Signature(
            from_latents,
            {"latents": latents, **conditions},
            f"latents float32 [B, {self.latent_size}], {about}",
        )
        return {
            "serving_default": default,
            "deterministic": dataclasses.replace(
                default, about=f"{default.about} {PORTABLE}", portable=self.example_inputs
            ),
            "from_seeds": Signature(
                from_seeds,
                {"seeds": NUMBERS, **conditions},
                f"seeds int32 [B], {about} {refused}",
            ),
            "from_labels": Signature(from_labels, labels, f"{of_labels}{answer} {refused}"),
            "png_from_labels": Signature(
                png_from_labels, labels, f"{of_labels}{png}", writing=self.writing
            ),
        }

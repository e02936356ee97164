"""Base of models that learn from pairs of an image and its translation."""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.layers import noise_shapes
from kgan.models.base import shapes
from kgan.models.base.translation import (
    PREVIEW_ROWS,
    Direction,
    TranslationModel,
    direction_signatures,
    side_by_side,
)
from kgan.serving.signatures import Signature, vectors


class PairedModel(TranslationModel):
    """Translates in the direction of its pairs, by a network `generator`.

    The network takes images float32 [B, H, W, C], or a list of images and seeds int32 [B, 2].

    Class attributes:
        inference: what the description of an export says of the network at inference.

    Example:
        >>> inputs = keras.Input((2, 2, 1)), keras.Input((2,), dtype="int32")
        >>> class Regressor(PairedModel):
        ...     network_names = ("generator",)
        >>> model = Regressor(keras.Model(inputs, keras.layers.Identity()(inputs[0])))
        >>> model.validate([(np.ones([4, 2, 2, 1]), np.zeros([4, 2, 2, 1]))])
        {'val_l1': 1.0}
    """

    data_kind = "paired"
    fields = ("input", "target")
    preview_columns = ("input", "output", "target")
    validation_measure = "val_l1"
    inference = "Each image is normalised by itself; nothing is random."
    generator: keras.Model

    @property
    def directions(self):
        # The direction of the training; which side of a pair was given is the data set's matter.
        shapes = self.example_shapes.values()
        return {None: Direction(*shapes, self._translated, self.generator, self.without_noise)}

    @property
    def example_shapes(self):
        if self.found_shapes:
            return self.found_shapes
        given = shapes.input_shapes(self.generator)
        if given is None:
            return {}
        return {"input": given[0], "target": shapes.output_shape(self.generator)}

    def complete(self, found=None):
        if not shapes.is_built(self.generator):
            shapes.call_with_zeros(self.generator, found["input"])
        super().complete(found)

    def answers(self, images, seeds, training=False) -> tf.Tensor:
        """Calls the generator: float32 [B, H, W, C'] in [-1, 1]."""
        takes_seeds = len(shapes.input_shapes(self.generator) or ()) > 1
        given = [images, seeds] if takes_seeds else images
        return tf.cast(self.generator(given, training=training), tf.float32)

    def real_and_generated(self, inputs, targets):
        return targets, self.call(inputs)

    @tf.function(reduce_retracing=True)
    def _translated(self, images, seeds):
        return self.answers(images, seeds)

    def without_noise(self, images) -> tf.Tensor:
        """Translates float32 [B, H, W, C] in [-1, 1] without the noise of any layer."""
        with randomness.noise_from(lambda name, shape: None):
            return self.without_seeds(images)

    def without_seeds(self, images) -> tf.Tensor:
        """Translates where `noise_from` gives the noise, and no seed is needed."""
        return self.answers(images, tf.zeros([tf.shape(images)[0], 2], tf.int32))

    def translate(self, images, seeds=0) -> np.ndarray:
        """Translates images, see `Direction.translate`."""
        return self.directions[None].translate(images, seeds)

    def preview(self, examples) -> np.ndarray:
        """Lays `input`, output and `target` of examples side by side: float32 [8, 3, H, W, C]."""
        inputs, targets = (examples[key][:PREVIEW_ROWS] for key in ("input", "target"))
        answers = self.shown(self.translate(inputs), 1)
        return side_by_side([self.shown(inputs, 0), answers, self.shown(targets, 1)])

    def validate(self, batches) -> dict[str, float]:
        """Computes the mean L1 over paired batches; the lowest `val_l1` is the best model."""
        errors = [
            np.abs(self.translate(inputs) - targets).mean(axis=(1, 2, 3))
            for inputs, targets in batches
        ]
        return {"val_l1": float(np.concatenate(errors).mean())}

    def signatures(self):
        direction = self.directions[None]
        names = "serving_default", "from_files", "deterministic", ""
        files, field = (self.reading(direction), self.writing(direction)), self.fields[0]
        found = direction_signatures(direction, *files, *names, self.inference, field)
        return found | self._noise_signature(found["deterministic"])

    def _noise_signature(self, plain) -> dict[str, Signature]:
        """Makes a portable signature that takes the noise of the layers as an input."""
        shapes = noise_shapes(self.generator)
        if not shapes:
            return {}
        sizes = [math.prod(shape) for shape in shapes.values()]

        def from_noise(images, noise):
            parts = dict(zip(shapes, tf.split(noise, sizes, axis=1), strict=True))
            with randomness.noise_from(
                lambda name, shape: tf.reshape(parts[name], [-1, *shapes[name]])
            ):
                return {"pictures": self.without_seeds(images)}

        def example_inputs(count, examples):
            noise = np.random.default_rng(1).uniform(size=(count, sum(sizes)))
            return {**plain.portable(count, examples), "noise": noise.astype(np.float32)}

        given, _, answer = plain.about.partition(" -> ")
        about = f"{given}, noise float32 [B, {sum(sizes)}], uniform in [0, 1), of the dropout -> "
        answer = answer.replace("no dropout, nothing", "nothing")
        inputs = {**plain.inputs, "noise": vectors(sum(sizes))}
        signature = dataclasses.replace(
            plain,
            function=from_noise,
            inputs=inputs,
            about=f"{about}{answer}",
            portable=example_inputs,
        )
        return {"from_noise": signature}

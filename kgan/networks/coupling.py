"""An invertible network of affine coupling layers, with the logarithm of its Jacobian determinant.

x, flattened, is put in an order in which neighbours come to lie in different halves (a checkerboard
of images; every other number of points). Each block normalises by batch statistics and then moves
one half by what a fully connected network makes of the other, which stays as it is; the halves take
turns.

Reference: Dinh et al. 2017, equations 4 to 8 (coupling), figure 3 (checkerboard), appendix E (batch
normalisation); Papamakarios et al. 2017 (the fully connected form).
Differs from the papers: no scales at which half of the numbers leave; normalisation stands ahead of
each coupling, so that data of any mean is near 0 from the first step on.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kgan.layers import MixesExamples, global_moments

MOMENTUM = 0.99  # of the moving statistics
EPSILON = 1e-5


def _local_moments(values, axes):
    return tf.nn.moments(values, axes, keepdims=True)


@keras.saving.register_keras_serializable("kgan")
class AffineCoupling(layers.Layer):
    """Moves one half by the other: y₂ = x₂ · exp(s(x₁)) + t(x₁), with s = a · tanh(…) bounded.

    It begins as the identity. The learned bound a has a number for each dimension.

    Args:
        hidden: units of each hidden ReLU layer.
        moves_first: whether the first half is the one that is moved.
        initializer_seed: of the weights.
    """

    def __init__(self, hidden: Sequence[int], moves_first: bool, initializer_seed: int, **kwargs):
        # The arithmetic is exact in any precision policy; only the hidden layers follow that.
        super().__init__(dtype="float32", **kwargs)
        self.hidden = list(hidden)
        self.moves_first = moves_first
        self.initializer_seed = initializer_seed
        self.hidden_layers = [
            layers.Dense(
                units,
                activation="relu",
                name=f"hidden_{number}",
                kernel_initializer=keras.initializers.HeUniform(seed=initializer_seed + number),
            )
            for number, units in enumerate(self.hidden)
        ]

    def build(self, input_shape):
        first = (input_shape[-1] + 1) // 2
        self.sizes = [first, input_shape[-1] - first]
        moved = self.sizes[0 if self.moves_first else 1]
        shape = (None, input_shape[-1] - moved)
        self.last = layers.Dense(
            2 * moved, kernel_initializer="zeros", dtype="float32", name="scale_and_shift"
        )
        for layer in (*self.hidden_layers, self.last):
            layer.build(shape)
            shape = (None, layer.units)
        self.bound = self.add_weight(
            name="bound", shape=(moved,), initializer="ones", autocast=False
        )

    def _parts(self, values):
        halves = tf.split(values, self.sizes, axis=1)
        return halves if self.moves_first else halves[::-1]

    def _joined(self, moved, kept):
        return tf.concat([moved, kept] if self.moves_first else [kept, moved], axis=1)

    def _scale_and_shift(self, kept):
        for layer in self.hidden_layers:
            kept = layer(kept)
        raw, shift = tf.split(self.last(kept), 2, axis=1)
        return self.bound * tf.tanh(raw), shift

    def call(self, inputs, training=None):
        """Returns y float32 [B, D] and ln |det J| [B]."""
        moved, kept = self._parts(inputs)
        scale, shift = self._scale_and_shift(kept)
        return self._joined(moved * tf.exp(scale) + shift, kept), tf.reduce_sum(scale, axis=1)

    def inverse(self, outputs):
        """Returns x float32 [B, D]."""
        moved, kept = self._parts(outputs)
        scale, shift = self._scale_and_shift(kept)
        return self._joined((moved - shift) * tf.exp(-scale), kept)

    def get_config(self):
        names = ("hidden", "moves_first", "initializer_seed")
        config = super().get_config()
        config.pop("dtype")
        return {**config, **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("kgan")
class InvertibleBatchNormalization(MixesExamples, layers.Layer):
    """Normalises each number by the batch's statistics in training, and by moving ones afterwards.

    Args:
        synchronized: whether statistics are those of the global batch.
    """

    def __init__(self, synchronized: bool = False, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = input_shape[-1:]
        self.log_scale = self.add_weight(name="log_scale", shape=shape, initializer="zeros")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=shape, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=shape, initializer="ones", trainable=False
        )

    def call(self, inputs, training=None):
        """Returns y float32 [B, D] and ln |det J| [B]."""
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            moments = global_moments if self.synchronized else _local_moments
            mean, variance = (tf.squeeze(moment, 0) for moment in moments(inputs, [0]))
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * MOMENTUM + new * (1.0 - MOMENTUM))
        variance = variance + EPSILON
        outputs = (inputs - mean) * tf.math.rsqrt(variance) * tf.exp(self.log_scale) + self.shift
        log_slopes = self.log_scale - 0.5 * tf.math.log(variance)
        return outputs, tf.fill([tf.shape(inputs)[0]], tf.reduce_sum(log_slopes))

    def inverse(self, outputs):
        """Returns x float32 [B, D], by the moving statistics."""
        normal = (outputs - self.shift) * tf.exp(-self.log_scale)
        return normal * tf.sqrt(self.moving_variance + EPSILON) + self.moving_mean

    def get_config(self):
        config = super().get_config()
        config.pop("dtype")
        return {**config, "synchronized": self.synchronized}


@keras.saving.register_keras_serializable("kgan")
class CouplingFlow(keras.Model):
    """Maps x float32 [B, ...] → h float32 [B, D] and ln |det ∂h/∂x| [B]; `inverse` maps back.

    Args:
        shape: of x without the batch: (height, width, channels), or (D,) of points, D above 1.
        couplings: how many blocks.
        hidden: units of each hidden layer of a coupling's network.
        synchronized: whether batch statistics are those of the global batch.
        seed: of the initial weights.

    Raises:
        ValueError: for x of one number.
    """

    def __init__(
        self,
        shape: Sequence[int],
        couplings: int = 5,
        hidden: Sequence[int] = (512, 512),
        *,
        synchronized: bool = False,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.couplings = couplings
        self.hidden = list(hidden)
        self.synchronized = synchronized
        self.seed = seed
        size = math.prod(self.shape)
        if size < 2:
            raise ValueError(f"`shape` must have two numbers or more. Received: shape={shape}")
        colours = sum(np.indices(self.shape)[:2])  # of a checkerboard, alike in all channels
        self.order = np.argsort(colours.reshape(-1) % 2, kind="stable").astype(np.int32)
        self.blocks = []
        for number in range(couplings):
            norm = InvertibleBatchNormalization(synchronized, name=f"norm_{number}")
            coupling = AffineCoupling(
                self.hidden, number % 2 == 1, seed * 1000 + 10 * number, name=f"coupling_{number}"
            )
            self.blocks += [norm, coupling]
        for block in self.blocks:
            block.build((None, size))
        self.built = True

    def call(self, inputs, training=None):
        values = tf.gather(tf.reshape(inputs, [-1, len(self.order)]), self.order, axis=1)
        log_determinant = tf.zeros([tf.shape(values)[0]])
        for block in self.blocks:
            values, more = block(values, training=training)
            log_determinant += more
        return values, log_determinant

    def inverse(self, latents):
        """Maps h float32 [B, D] back to x [B, ...], by the moving statistics."""
        values = latents
        for block in reversed(self.blocks):
            values = block.inverse(values)
        values = tf.gather(values, np.argsort(self.order).astype(np.int32), axis=1)
        return tf.reshape(values, [-1, *self.shape])

    def get_config(self):
        names = ("couplings", "hidden", "synchronized", "seed")
        own = {name: getattr(self, name) for name in names}
        return {"name": self.name, "shape": list(self.shape), **own}

"""An invertible network of affine coupling layers, with the logarithm of its Jacobian determinant.

x is flattened and reordered so that neighbours are in different halves (a checkerboard for images,
alternate numbers for points). Each block normalises by batch statistics and then transforms one
half by scales and shifts that a fully connected network computes from the other; the halves
alternate.

Reference: Dinh et al. 2017, equations 4 to 8 (coupling), figure 3 (checkerboard), appendix E (batch
normalisation); Papamakarios et al. 2017 (the fully connected form).
Differs from the papers: no multi-scale architecture; normalisation is before each coupling, so that
data of any mean is near 0 from the first step on.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.initializers import HeUniform

from kgan.layers import ConfiguredLayer, MixesExamples, global_moments
from kgan.utils.errors import ArgumentError

MOMENTUM = 0.99  # of the moving statistics
EPSILON = 1e-5


class _Float32Layer(ConfiguredLayer):
    """A layer that is float32 in any precision policy, which only the hidden layers follow."""

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("dtype")
        return config


@keras.saving.register_keras_serializable("kgan")
class AffineCoupling(_Float32Layer):
    """Affine coupling: y₂ = x₂ · exp(s(x₁)) + t(x₁), with s = a · tanh(…) bounded.

    It is initially the identity. The learned bound a has one number for each dimension.

    Args:
        hidden: units of each hidden ReLU layer.
        moves_first: whether the first half is transformed, and not the second.
        initializer_seed: of the weights.

    Example:
        >>> layer = AffineCoupling([8], moves_first=True, initializer_seed=0)
        >>> outputs, log_determinants = layer(tf.constant([[1.0, 2.0]]))
        >>> layer.inverse(outputs).numpy().tolist(), log_determinants.numpy().tolist()
        ([[1.0, 2.0]], [0.0])
    """

    arguments = ("hidden", "moves_first", "initializer_seed")

    def __init__(self, hidden: Sequence[int], moves_first: bool, initializer_seed: int, **kwargs):
        super().__init__(**kwargs)
        self.hidden = list(hidden)
        self.moves_first = moves_first
        self.initializer_seed = initializer_seed
        self.hidden_layers = []
        for number, units in enumerate(self.hidden):
            own = {
                "name": f"hidden_{number}",
                "kernel_initializer": HeUniform(initializer_seed + number),
            }
            self.hidden_layers.append(layers.Dense(units, "relu", **own))

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


@keras.saving.register_keras_serializable("kgan")
class InvertibleBatchNormalization(MixesExamples, _Float32Layer):
    """Normalisation by batch statistics in training and by moving statistics at inference.

    Args:
        synchronized: whether statistics are those of the global batch.

    Example:
        >>> layer = InvertibleBatchNormalization()
        >>> outputs, _ = layer(tf.constant([[1.0, 2.0]]))
        >>> np.round(layer.inverse(outputs), 5).tolist()
        [[1.0, 2.0]]
    """

    arguments = ("synchronized",)

    def __init__(self, synchronized: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = input_shape[-1:]
        self.log_scale = self.add_weight(name="log_scale", shape=shape, initializer="zeros")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        moving = {"shape": shape, "trainable": False}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **moving)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **moving)

    def call(self, inputs, training=None):
        """Returns y float32 [B, D] and ln |det J| [B]."""
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            moments = global_moments if self.synchronized else tf.nn.moments
            mean, variance = (tf.reshape(moment, [-1]) for moment in moments(inputs, [0]))
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * MOMENTUM + new * (1.0 - MOMENTUM))
        variance = variance + EPSILON
        outputs = (inputs - mean) * tf.math.rsqrt(variance) * tf.exp(self.log_scale) + self.shift
        log_slopes = self.log_scale - 0.5 * tf.math.log(variance)
        return outputs, tf.fill([tf.shape(inputs)[0]], tf.reduce_sum(log_slopes))

    def inverse(self, outputs):
        """Returns x float32 [B, D] for the moving statistics."""
        normal = (outputs - self.shift) * tf.exp(-self.log_scale)
        return normal * tf.sqrt(self.moving_variance + EPSILON) + self.moving_mean


@keras.saving.register_keras_serializable("kgan")
class CouplingFlow(keras.Model):
    """Flow from x float32 [B, ...] to h float32 [B, D] and ln |det ∂h/∂x| [B].

    Args:
        shape: of x without the batch: (height, width, channels), or (D,) for points, D above 1.
        couplings: number of blocks.
        hidden: units of each hidden layer of a coupling's network.
        synchronized: whether batch statistics are those of the global batch.
        seed: of the initial weights.

    Raises:
        ArgumentError: for x of one number.

    Example:
        >>> flow = CouplingFlow((2, 2, 1), couplings=2, hidden=[8])
        >>> latents, log_determinants = flow(tf.zeros([3, 2, 2, 1]))
        >>> latents.shape, flow.inverse(latents).shape
        (TensorShape([3, 4]), TensorShape([3, 2, 2, 1]))
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
            raise ArgumentError("shape", f"must have two numbers or more. Received: shape={shape}")
        colours = sum(np.indices(self.shape)[:2])  # of a checkerboard, equal in all channels
        self.order = np.argsort(colours.reshape(-1) % 2, kind="stable").astype(np.int32)
        self.blocks = []
        for number in range(couplings):
            first, own_seed = number % 2 == 1, seed * 1000 + 10 * number
            self.blocks += [
                InvertibleBatchNormalization(synchronized, name=f"norm_{number}"),
                AffineCoupling(self.hidden, first, own_seed, name=f"coupling_{number}"),
            ]
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
        """Maps h float32 [B, D] to x [B, ...] for the moving statistics."""
        values = latents
        for block in reversed(self.blocks):
            values = block.inverse(values)
        values = tf.gather(values, np.argsort(self.order).astype(np.int32), axis=1)
        return tf.reshape(values, [-1, *self.shape])

    def get_config(self):
        names = ("couplings", "hidden", "synchronized", "seed")
        own = {name: getattr(self, name) for name in names}
        return {"name": self.name, "shape": list(self.shape), **own}

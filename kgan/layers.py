"""Layers that Keras does not have or implements differently from the papers, and a weight clip."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.utils.errors import ArgumentError


class MixesExamples:
    """Mark of layers through which the examples of a batch depend on each other in training.

    Example:
        >>> issubclass(MinibatchDiscrimination, MixesExamples)
        True
    """


def mixing_examples(network: keras.Model, but: tuple[type, ...] = ()) -> list[str]:
    """Lists the names of the batch normalisations and `MixesExamples` layers of a network."""
    kept = (x for x in _nested_layers(network) if not isinstance(x, but))
    return [x.name for x in kept if isinstance(x, (keras.layers.BatchNormalization, MixesExamples))]


def noise_shapes(network: keras.Model) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the noise of one example, by the names of layers that need noise."""
    found = [x for x in _nested_layers(network) if isinstance(x, SeededDropout)]
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in found}
    return {} if any(None in shape for shape in shapes.values()) else shapes


def _nested_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    for outer in network.layers:
        layer = outer.layer if isinstance(outer, keras.layers.Wrapper) else outer
        yield from (outer,) if outer is layer else (outer, layer)
        if isinstance(layer, keras.Model):
            yield from _nested_layers(layer)


class ConfiguredLayer(keras.layers.Layer):
    """A layer whose configuration is the attributes that `arguments` names.

    Example:
        >>> Columns(1, 3).get_config()["stop"]
        3
    """

    arguments: tuple[str, ...] = ()

    def get_config(self):
        return {**super().get_config(), **{name: getattr(self, name) for name in self.arguments}}


def global_moments(values: tf.Tensor, axes: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes mean and variance of float32 [B, ...] over axes, which stay with length 1.

    If axis 0 is among them, the statistics are those of the global batch.
    """
    context = tf.distribute.get_replica_context()
    if 0 not in axes or context is None or context.num_replicas_in_sync == 1:
        return tf.nn.moments(values, axes, keepdims=True)
    mean = context.all_reduce("mean", tf.reduce_mean(values, axes, keepdims=True))
    # The mean of squared differences from the *global* mean: no cancellation of large squares.
    squares = tf.reduce_mean(tf.square(values - mean), axes, keepdims=True)
    return mean, context.all_reduce("mean", squares)


@keras.saving.register_keras_serializable("kgan")
class LiveBatchNormalization(MixesExamples, keras.layers.Layer):
    """Normalisation of [B, H, W, C] by its own statistics, in training and at inference.

    Training uses the statistics of the global batch, inference those of each image alone, so that
    an output never depends on other images. At batch size 1, the setting of pix2pix, the two are
    the same. There are no moving averages.

    Args:
        epsilon: added to the variance; 1e-5 as in the reference implementation.
        gamma_initializer: of the scale.

    Reference: Isola et al. 2017, section 3.3 ("using the statistics of the test batch").

    Example:
        >>> images = tf.reshape([1.0, -1.0], [1, 1, 2, 1])
        >>> LiveBatchNormalization(epsilon=3.0)(images).numpy().ravel().tolist()
        [0.5, -0.5]
    """

    def __init__(self, epsilon: float = 1e-5, gamma_initializer="ones", **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer=self.gamma_initializer)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, inputs, training=False):
        values = tf.cast(inputs, tf.float32)
        mean, variance = global_moments(values, [0, 1, 2] if training else [1, 2])
        beta, gamma = tf.cast(self.beta, tf.float32), tf.cast(self.gamma, tf.float32)
        outputs = tf.nn.batch_normalization(values, mean, variance, beta, gamma, self.epsilon)
        return tf.cast(outputs, inputs.dtype)

    def get_config(self):
        gamma = keras.initializers.serialize(self.gamma_initializer)
        return {**super().get_config(), "epsilon": self.epsilon, "gamma_initializer": gamma}


@keras.saving.register_keras_serializable("kgan")
class SeededDropout(ConfiguredLayer):
    """Dropout in training and at inference, with one seed per example.

    An example's mask depends on its own seed and on this layer's `salt`, never on its position in
    the batch, on the number of replicas or on earlier calls.

    Args:
        rate: fraction of units dropped, in [0, 1).
        salt: int; layers of one network need different ones.

    Call arguments:
        inputs: float [B, ...], of static shape except for B.
        seeds: int32 [B, 2].

    Reference: Isola et al. 2017, section 2.1 (noise as dropout at training and test time).

    Example:
        >>> outputs = SeededDropout(0.5)(tf.ones([1, 100]), tf.constant([[7, 0]]))
        >>> sorted(set(outputs[0].numpy().tolist()))
        [0.0, 2.0]
    """

    arguments = ("rate", "salt")

    def __init__(self, rate: float = 0.5, salt: int = 0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ArgumentError("rate", f"must be in [0, 1). Received: rate={rate}")
        self.rate = rate
        self.salt = salt

    def call(self, inputs, seeds):
        noise = randomness.layer_noise(self.name, inputs.shape[1:], seeds, self.salt)
        if noise is None:
            return inputs
        return inputs * tf.cast(noise >= self.rate, inputs.dtype) / (1.0 - self.rate)

    def compute_output_shape(self, inputs_shape, seeds_shape):
        return inputs_shape


@keras.saving.register_keras_serializable("kgan")
class Columns(ConfiguredLayer):
    """The columns [start, stop) of vectors [B, N].

    Example:
        >>> Columns(1, 3)(tf.constant([[1.0, 2.0, 3.0]])).numpy().tolist()
        [[2.0, 3.0]]
    """

    arguments = ("start", "stop")

    def __init__(self, start: int, stop: int, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop

    def call(self, inputs):
        return inputs[:, self.start : self.stop]


@keras.saving.register_keras_serializable("kgan")
class MinibatchDiscrimination(MixesExamples, ConfiguredLayer):
    """Similarity of each example to the others of its batch: Σ exp(−‖M_i − M_j‖₁) over these.

    The similarities are concatenated to the inputs: float [B, N] → [B, N + kernels]. This
    reveals a generator that repeats the same image. The batch is that of one replica (or one part
    of an accumulated batch), not the global one.

    M is a linear function of the inputs. Its weights are directions of length exp(`log_scale`). The
    first batch in training fixes the unit in which distances are measured, for each similarity half
    of the mean distance to the nearest example, and an offset that makes the mean similarity 0:
    otherwise exp(−distance) of many inputs would be 0, with no gradient.

    Args:
        kernels: int, number of similarities (B of the paper), each one output feature.
        dimensions: int, of the space in which distances are computed (C of the paper).
        seed: of the initial weights.
        weight_norm: False for layers of an earlier kgan, which have a plain kernel, no unit and no
            offset.

    Reference: Salimans et al. 2016, section 3.2, with the sizes and the initialisation of its code
    (100 x 5); Salimans and Kingma 2016, sections 2 and 3 (weight normalisation, its first batch).
    Differs from the paper: an example's similarity to itself, always 1, is left out, as in the
    code. The first batch is that of the first step, not one before it.

    Example:
        >>> MinibatchDiscrimination(kernels=4)(tf.ones([2, 3])).numpy()[0].tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    arguments = ("kernels", "dimensions", "seed", "weight_norm")

    def __init__(
        self,
        kernels: int = 100,
        dimensions: int = 5,
        seed: int = 0,
        weight_norm: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernels = kernels
        self.dimensions = dimensions
        self.seed = seed
        self.weight_norm = weight_norm

    @classmethod
    def from_config(cls, config):
        return cls(**{"weight_norm": False, **config})

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.kernels * self.dimensions),
            initializer=keras.initializers.RandomNormal(stddev=0.05, seed=self.seed),
        )
        if not self.weight_norm:
            return
        sizes = (self.kernels, self.dimensions)
        self.log_scale = self.add_weight(name="log_scale", shape=sizes, initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(self.kernels,), initializer="zeros")
        # All replicas compute the same values.
        fixed = {"trainable": False, "aggregation": "only_first_replica", "dtype": "float32"}
        fixed |= {"shape": (self.kernels,), "autocast": False}
        self.unit = self.add_weight(name="unit", initializer="ones", **fixed)
        self.offset = self.add_weight(name="offset", initializer="zeros", **fixed)
        self.is_measured = self.add_weight(
            name="is_measured", initializer="zeros", **{**fixed, "shape": ()}
        )

    def call(self, inputs, training=False):
        kernel = tf.cast(self.kernel, tf.float32)
        if self.weight_norm:
            scale = tf.exp(tf.reshape(tf.cast(self.log_scale, tf.float32), [-1]))
            kernel = tf.math.l2_normalize(kernel, axis=0) * scale
        values = tf.matmul(tf.cast(inputs, tf.float32), kernel)
        values = tf.reshape(values, [-1, self.kernels, self.dimensions])
        distances = tf.reduce_sum(tf.abs(values[:, None] - values[None]), axis=3)
        if self.weight_norm:
            similarities = self._normalized(distances, training)
        else:
            similarities = tf.reduce_sum(tf.exp(-distances), axis=1) - 1.0
        return tf.concat([inputs, tf.cast(similarities, inputs.dtype)], axis=1)

    def _normalized(self, distances, training):
        """Computes similarities [B, kernels] of distances [B, B, kernels] in the layer's unit."""
        unit, offset = (tf.convert_to_tensor(v) for v in (self.unit, self.offset))
        if training:
            others = (
                distances + tf.where(tf.eye(tf.shape(distances)[0]) > 0, np.inf, 0.0)[..., None]
            )
            measured = 0.5 * _global_mean(tf.reduce_min(others, axis=1))
            measured = tf.where((measured > 0) & tf.math.is_finite(measured), measured, 1.0)
            unit = tf.where(self.is_measured > 0, unit, measured)
        similarities = tf.reduce_sum(tf.exp(-distances / unit), axis=1) - 1.0
        if training:
            offset = tf.where(self.is_measured > 0, offset, _global_mean(similarities))
            self.unit.assign(unit)
            self.offset.assign(offset)
            self.is_measured.assign(1.0)
        return similarities - offset + tf.cast(self.bias, tf.float32)


def _global_mean(values):
    """Computes the mean of float32 [B, ...] over the examples of all replicas; a constant."""
    return tf.stop_gradient(tf.squeeze(global_moments(values, [0])[0], 0))


@keras.saving.register_keras_serializable("kgan")
class SpreadOut(ConfiguredLayer):
    """A vector [B, K] repeated at every point of a map of `size` (H, W): [B, H, W, K].

    Reference: the course's conditional GAN practical (docs/course.md).

    Example:
        >>> SpreadOut((2, 3))(tf.ones([1, 10])).shape
        TensorShape([1, 2, 3, 10])
    """

    arguments = ("size",)

    def __init__(self, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        return tf.tile(inputs[:, None, None, :], [1, *self.size, 1])


@keras.saving.register_keras_serializable("kgan")
class ReflectionPadding(ConfiguredLayer):
    """Padding of [B, H, W, C] by `size` reflected pixels per side; the border is not repeated.

    Reference: Zhu et al. 2017, section 7.2 ("reflection padding was used to reduce artifacts").

    Example:
        >>> image = tf.reshape([1.0, 2.0, 3.0, 4.0], [1, 2, 2, 1])
        >>> ReflectionPadding(1)(image)[0, 0, :, 0].numpy().tolist()
        [4.0, 3.0, 4.0, 3.0]
    """

    arguments = ("size",)

    def __init__(self, size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        sides = [self.size, self.size]
        return tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], "REFLECT")


@keras.saving.register_keras_serializable("kgan")
class Maxout(keras.layers.Dense):
    """The maximum of several linear functions for each unit: [B, N] → [B, units].

    Args:
        units: number of outputs.
        pieces: linear functions per unit.
        **kwargs: as for `keras.layers.Dense`.

    Reference: Goodfellow et al. 2013, equations 1 and 2.

    Example:
        >>> Maxout(4, pieces=2)(tf.ones([1, 3])).shape
        TensorShape([1, 4])
    """

    def __init__(self, units: int, pieces: int = 5, **kwargs):
        super().__init__(units * pieces, **kwargs)
        self.pieces = pieces

    def call(self, inputs, training=None):
        linear = super().call(inputs, training=training)
        return tf.reduce_max(tf.reshape(linear, [-1, self.units // self.pieces, self.pieces]), -1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units // self.pieces)

    def get_config(self):
        return {**super().get_config(), "units": self.units // self.pieces, "pieces": self.pieces}


@keras.saving.register_keras_serializable("kgan")
class WeightClip(keras.constraints.Constraint):
    """Constraint of every weight to [-limit, limit], which keeps a critic Lipschitz.

    Keras applies constraints after each update of the optimiser, as the algorithm does.

    Args:
        limit: positive float, c of the paper.

    Reference: Arjovsky et al. 2017, algorithm 1, line 7.

    Example:
        >>> WeightClip(0.25)(tf.constant([-3.0, 0.125, 1.0])).numpy().tolist()
        [-0.25, 0.125, 0.25]
    """

    def __init__(self, limit: float):
        if limit <= 0:
            raise ArgumentError("limit", f"must be positive. Received: limit={limit}")
        self.limit = limit

    def __call__(self, w):
        return keras.ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


def clip_weights(network: keras.Model, limit: float) -> None:
    """Sets a `WeightClip` on every trainable variable of a network that is built."""
    for variable in network.trainable_variables:
        variable.constraint = WeightClip(limit)

"""Layers that Keras does not have, or has otherwise than the papers."""

import keras
import tensorflow as tf

from kgan import randomness


def mixing_examples(network: keras.Model) -> list[str]:
    """Lists the layers through which examples of a batch depend on each other in training.

    A layer of kgan says so by an attribute `mixes_examples = True`.
    """
    layers = network._flatten_layers(include_self=False, recursive=True)
    return [
        layer.name
        for layer in layers
        if isinstance(layer, keras.layers.BatchNormalization)
        or getattr(layer, "mixes_examples", False)
    ]


@keras.saving.register_keras_serializable("kgan")
class LiveBatchNormalization(keras.layers.Layer):
    """Normalises with the statistics of what it sees, in training and afterwards.

    Training takes mean and variance over the whole global batch (summed over replicas, so that
    N replicas of B/N pictures compute what one of B computes). Inference takes them over each
    picture alone, so that an answer never depends on its batch-mates. At batch size 1 the two are
    the same, which is the setting of pix2pix. There are no moving averages.

    Args:
        epsilon: added to the variance; 1e-5 as in the reference implementation.

    Call arguments:
        inputs: float [B, H, W, C].
        training: bool.

    Reference: Isola et al. 2017, section 3.3: at test time "batch normalization using the
    statistics of the test batch", with batches of one picture.
    """

    mixes_examples = True

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
        axes = [0, 1, 2] if training else [1, 2]
        mean, variance = self._global_moments(values, axes)
        outputs = tf.nn.batch_normalization(
            values, mean, variance, tf.cast(self.beta, tf.float32),
            tf.cast(self.gamma, tf.float32), self.epsilon,
        )  # fmt: skip
        return tf.cast(outputs, inputs.dtype)

    def _global_moments(self, values, axes):
        context = tf.distribute.get_replica_context()
        if 0 not in axes or context is None or context.num_replicas_in_sync == 1:
            return tf.nn.moments(values, axes, keepdims=True)
        mean = context.all_reduce("mean", tf.reduce_mean(values, axes, keepdims=True))
        # The mean of squared differences from the *global* mean: no cancellation of large squares.
        squares = tf.reduce_mean(tf.square(values - mean), axes, keepdims=True)
        return mean, context.all_reduce("mean", squares)

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }


@keras.saving.register_keras_serializable("kgan")
class SeededDropout(keras.layers.Layer):
    """Drops units with a mask that is drawn statelessly from a seed of each example.

    The mask is always live: pix2pix keeps its dropout at test time, where it is the only noise.
    A picture's mask depends on its own seed and on this layer's `salt`, never on its place in a
    batch, on the number of replicas or on how often the layer was called before.

    Args:
        rate: share of units dropped, in [0, 1).
        salt: int; layers of one network need different ones.

    Call arguments:
        inputs: float [B, ...], a static shape but for B.
        seeds: int32 [B, 2].

    Reference: Isola et al. 2017, section 2.1 (noise as dropout at training and test time).
    """

    def __init__(self, rate: float = 0.5, salt: int = 0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be in [0, 1). Received: rate={rate}")
        self.rate = rate
        self.salt = salt

    def call(self, inputs, seeds):
        shape = inputs.shape[1:]

        def uniform(seed):
            return tf.random.stateless_uniform(shape, randomness.fold(seed, self.salt))

        kept = randomness.rows_from_seeds(uniform, seeds) >= self.rate
        return inputs * tf.cast(kept, inputs.dtype) / (1.0 - self.rate)

    def compute_output_shape(self, inputs_shape, seeds_shape):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "salt": self.salt}


@keras.saving.register_keras_serializable("kgan")
class ReflectionPadding(keras.layers.Layer):
    """Pads pictures with their own mirror image, the border pixel itself not repeated.

    Args:
        size: pixels on each side, fewer than the picture has.

    Call arguments:
        inputs: float [B, H, W, C].

    Reference: Zhu et al. 2017, section 7.2 ("reflection padding was used to reduce artifacts").
    """

    def __init__(self, size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        sides = [self.size, self.size]
        return tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], "REFLECT")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, height + 2 * self.size, width + 2 * self.size, channels

    def get_config(self):
        return {**super().get_config(), "size": self.size}

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


def global_moments(values: tf.Tensor, axes: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes mean and variance over axes, of the global batch where axis 0 is among them.

    Args:
        values: float32 [B, ...] of this replica.
        axes: over which; they stay, with length 1.
    """
    context = tf.distribute.get_replica_context()
    if 0 not in axes or context is None or context.num_replicas_in_sync == 1:
        return tf.nn.moments(values, axes, keepdims=True)
    mean = context.all_reduce("mean", tf.reduce_mean(values, axes, keepdims=True))
    # The mean of squared differences from the *global* mean: no cancellation of large squares.
    squares = tf.reduce_mean(tf.square(values - mean), axes, keepdims=True)
    return mean, context.all_reduce("mean", squares)


@keras.saving.register_keras_serializable("kgan")
class LiveBatchNormalization(keras.layers.Layer):
    """Normalises with the statistics of what it sees, in training and afterwards.

    Training takes mean and variance over the whole global batch (summed over replicas, so that
    N replicas of B/N images compute what one of B computes). Inference takes them over each
    image alone, so that an answer never depends on its batch-mates. At batch size 1 the two are
    the same, which is the setting of pix2pix. There are no moving averages.

    Args:
        epsilon: added to the variance; 1e-5 as in the reference implementation.

    Call arguments:
        inputs: float [B, H, W, C].
        training: bool.

    Reference: Isola et al. 2017, section 3.3: at test time "batch normalization using the
    statistics of the test batch", with batches of one image.
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
        mean, variance = global_moments(values, axes)
        outputs = tf.nn.batch_normalization(
            values,
            mean,
            variance,
            tf.cast(self.beta, tf.float32),
            tf.cast(self.gamma, tf.float32),
            self.epsilon,
        )
        return tf.cast(outputs, inputs.dtype)

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
    An image's mask depends on its own seed and on this layer's `salt`, never on its place in a
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
class Columns(keras.layers.Layer):
    """Takes the columns [start, stop) of vectors [B, N]: the part of a latent that goes elsewhere.

    Args:
        start: int, the first column.
        stop: int, the one behind the last.
    """

    def __init__(self, start: int, stop: int, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop

    def call(self, inputs):
        return inputs[:, self.start : self.stop]

    def get_config(self):
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable("kgan")
class MinibatchDiscrimination(keras.layers.Layer):
    """Tells each example how near the others of its batch are: Σ exp(−‖difference‖₁) over them.

    A generator that draws the same image again and again is seen through at once. The batch is
    what one replica (or one part of an accumulated batch) sees, not the global one.

    Args:
        kernels: int, how many measures of nearness (B of the paper); as many features come out.
        dimensions: int, of the space in which each measures (C of the paper).

    Call arguments:
        inputs: float [B, N]. The output is float [B, N + kernels].

    Reference: Salimans et al. 2016, section 3.2, with the sizes of its code (100 x 5).
    Differs from the paper: an example's nearness to itself, always 1, is left out.
    """

    mixes_examples = True

    def __init__(self, kernels: int = 100, dimensions: int = 5, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.kernels = kernels
        self.dimensions = dimensions
        self.seed = seed

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.kernels * self.dimensions),
            initializer=keras.initializers.RandomNormal(stddev=0.05, seed=self.seed),
        )

    def call(self, inputs):
        values = tf.matmul(tf.cast(inputs, tf.float32), tf.cast(self.kernel, tf.float32))
        values = tf.reshape(values, [-1, self.kernels, self.dimensions])
        distances = tf.reduce_sum(tf.abs(values[:, None] - values[None]), axis=3)
        nearness = tf.reduce_sum(tf.exp(-distances), axis=1) - 1.0
        return tf.concat([inputs, tf.cast(nearness, inputs.dtype)], axis=1)

    def get_config(self):
        config = {"kernels": self.kernels, "dimensions": self.dimensions, "seed": self.seed}
        return {**super().get_config(), **config}


class _SpectralNorm:
    """Divides a layer's kernel by an estimate of its largest singular value.

    One power iteration in each training call; the raw kernel is kept, and the gradient passes
    through the estimate. (`keras.layers.SpectralNormalization` writes the normalised kernel over
    the raw one, which is a projection.)

    Reference: Miyato et al. 2018, equation 8 and algorithm 1.
    """

    # Each call moves the estimate, so that a batch in two parts moves it twice.
    mixes_examples = True

    def build(self, input_shape):
        super().build(input_shape)
        seed = getattr(self.kernel_initializer, "seed", None)
        self.left_vector = self.add_weight(
            name="left_vector",
            shape=(1, self.kernel.shape[-1]),
            trainable=False,
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
            # Computed alike by all replicas.
            aggregation="only_first_replica",
            dtype="float32",
            autocast=False,
        )

    def save_own_variables(self, store):
        # Keras' dense layers and convolutions write only what they made themselves.
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable

    def load_own_variables(self, store):
        for number, variable in enumerate(self.variables):
            variable.assign(store[str(number)])

    def normalized_kernel(self, training):
        """Gives W / σ(W)."""
        kernel = tf.cast(self.kernel, tf.float32)
        matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
        left = tf.convert_to_tensor(self.left_vector)
        fixed = tf.stop_gradient(matrix)
        right = tf.math.l2_normalize(tf.matmul(left, fixed, transpose_b=True))
        new = tf.math.l2_normalize(tf.matmul(right, fixed))
        if training:
            self.left_vector.assign(new)
        sigma = tf.reduce_sum(tf.matmul(right, matrix) * new)
        return tf.cast(kernel / sigma, self.compute_dtype)


@keras.saving.register_keras_serializable("kgan")
class SpectralDense(_SpectralNorm, keras.layers.Dense):
    """A dense layer with spectral normalisation; arguments are those of `keras.layers.Dense`."""

    def call(self, inputs, training=False):
        outputs = tf.matmul(inputs, self.normalized_kernel(training))
        if self.use_bias:
            outputs = outputs + tf.cast(self.bias, outputs.dtype)
        return self.activation(outputs) if self.activation is not None else outputs


@keras.saving.register_keras_serializable("kgan")
class SpectralConv2D(_SpectralNorm, keras.layers.Conv2D):
    """A convolution with spectral normalisation; arguments are those of `keras.layers.Conv2D`."""

    def call(self, inputs, training=False):
        outputs = keras.ops.conv(
            inputs,
            self.normalized_kernel(training),
            strides=list(self.strides),
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        if self.use_bias:
            outputs = outputs + tf.cast(self.bias, outputs.dtype)
        return self.activation(outputs) if self.activation is not None else outputs


@keras.saving.register_keras_serializable("kgan")
class SpreadOut(keras.layers.Layer):
    """Repeats a vector [B, K] at every place of a map: [B, H, W, K].

    Args:
        size: (height, width).

    Reference: `004`, section 2.2: the label is spread to 10x32x32.
    """

    def __init__(self, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        return tf.tile(inputs[:, None, None, :], [1, *self.size, 1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("kgan")
class ReflectionPadding(keras.layers.Layer):
    """Pads images with their own mirror image, the border pixel itself not repeated.

    Args:
        size: pixels on each side, fewer than the image has.

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


@keras.saving.register_keras_serializable("kgan")
class Maxout(keras.layers.Dense):
    """Gives for each unit the largest of several linear pieces: [B, N] → [B, units].

    Args:
        units: how many.
        pieces: linear functions a unit.
        **kwargs: as for `keras.layers.Dense`.

    Reference: Goodfellow et al. 2013, equations 1 and 2.
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
    """Clips every weight into [-limit, limit], which keeps a critic Lipschitz.

    Keras applies a variable's constraint after each update of the optimiser, which is where the
    algorithm puts the clip.

    Args:
        limit: positive float, c of the paper.

    Reference: Arjovsky et al. 2017, algorithm 1, line 7.
    """

    def __init__(self, limit: float):
        if limit <= 0:
            raise ValueError(f"`limit` must be positive. Received: limit={limit}")
        self.limit = limit

    def __call__(self, w):
        return keras.ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


def clip_weights(network: keras.Model, limit: float) -> None:
    """Puts a `WeightClip` on every trainable variable of a network that is built."""
    for variable in network.trainable_variables:
        variable.constraint = WeightClip(limit)

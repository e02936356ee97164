"""Layers with spectral normalisation."""

import keras
import tensorflow as tf

from kgan import randomness
from kgan.layers import MixesExamples


class _SpectralNorm(MixesExamples):
    """Division of a layer's kernel by an estimate of its largest singular value.

    One power iteration in each training call; the raw kernel is kept, and the gradient passes
    through the estimate. (`keras.layers.SpectralNormalization` overwrites the raw kernel, which is
    a projection.) It mixes examples, because a batch in two parts updates the estimate twice.

    Reference: Miyato et al. 2018, equation 8 and algorithm 1.
    """

    def build(self, input_shape):
        super().build(input_shape)
        seed = getattr(self.kernel_initializer, "seed", None)
        # Not the kernel's own, of which the vector would be a multiple.
        seed = randomness.attempt_seed(seed, 1) if isinstance(seed, int) else None
        self.left_vector = self.add_weight(
            name="left_vector",
            shape=(1, self.kernel.shape[-1]),
            trainable=False,
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
            # All replicas compute the same value.
            aggregation="only_first_replica",
            dtype="float32",
            autocast=False,
        )

    def save_own_variables(self, store):
        # Keras' dense layers and convolutions store only their own variables.
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable

    def load_own_variables(self, store):
        for number, variable in enumerate(self.variables):
            variable.assign(store[str(number)])

    def normalized_kernel(self, training):
        """Computes W / σ(W)."""
        kernel, left = tf.cast(self.kernel, tf.float32), tf.convert_to_tensor(self.left_vector)
        matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
        fixed = tf.stop_gradient(matrix)
        right = tf.math.l2_normalize(tf.matmul(left, fixed, transpose_b=True))
        new = tf.math.l2_normalize(tf.matmul(right, fixed))
        if training:
            self.left_vector.assign(new)
        sigma = tf.reduce_sum(tf.matmul(right, matrix) * new)
        return tf.cast(kernel / sigma, self.compute_dtype)

    def call(self, inputs, training=False):
        outputs = self.apply_kernel(inputs, self.normalized_kernel(training))
        if self.use_bias:
            outputs = outputs + tf.cast(self.bias, outputs.dtype)
        return self.activation(outputs) if self.activation is not None else outputs


@keras.saving.register_keras_serializable("kgan")
class SpectralDense(_SpectralNorm, keras.layers.Dense):
    """A dense layer with spectral normalisation; arguments are those of `keras.layers.Dense`.

    Example:
        >>> layer = SpectralDense(1, kernel_initializer="ones")
        >>> float(layer(tf.constant([[3.0, 4.0, 0.0, 1.0]]))[0, 0])  # W / σ(W) = (½, ½, ½, ½)
        4.0
    """

    def apply_kernel(self, inputs, kernel):
        return tf.matmul(inputs, kernel)


@keras.saving.register_keras_serializable("kgan")
class SpectralConv2D(_SpectralNorm, keras.layers.Conv2D):
    """A convolution with spectral normalisation; arguments are those of `keras.layers.Conv2D`.

    Example:
        >>> SpectralConv2D(6, kernel_size=3)(tf.ones([1, 8, 8, 2])).shape
        TensorShape([1, 6, 6, 6])
    """

    def apply_kernel(self, inputs, kernel):
        options = {"padding": self.padding, "dilation_rate": self.dilation_rate}
        return keras.ops.conv(inputs, kernel, list(self.strides), **options)

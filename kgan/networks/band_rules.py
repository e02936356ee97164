"""Rules by which a band of rows of a layer is computed from the rows that it depends on.

A rule has three methods. `shape` gives the shape of the layer's output for an image of any size;
`needed` the rows of the input on which rows [low, high) of the output depend; `apply` computes
these from those, for values float32 [1, rows, W, C] in full width.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kgan import randomness
from kgan.layers import LiveBatchNormalization, ReflectionPadding, SeededDropout
from kgan.utils.errors import UserError

Shape = tuple[int, int, int]  # height, width, channels


@dataclasses.dataclass(frozen=True)
class _Line:
    """What one axis of a layer does: the inputs of output i are step·i − before + 0 … reach − 1."""

    reach: int = 1
    step: int = 1
    before: int = 0

    def needed(self, low: int, high: int, length: int) -> tuple[int, int]:
        first = self.step * low - self.before
        last = self.step * (high - 1) - self.before + self.reach
        return _clipped(first, last, length)

    def missing(self, low: int, high: int, length: int) -> tuple[int, int]:
        """Returns how many zeros stand before and after the needed inputs."""
        first = self.step * low - self.before
        last = self.step * (high - 1) - self.before + self.reach
        return max(0, -first), max(0, last - length)


def _clipped(first, last, length):
    first = min(max(first, 0), length - 1)
    return first, max(first + 1, min(last, length))


class Pointwise:
    """A layer whose outputs depend on the inputs at the same place only.

    Example:
        >>> Pointwise(layers.Concatenate()).shape((5, 4, 2), (5, 4, 1))
        (5, 4, 3)
    """

    def __init__(self, layer):
        self.layer = layer

    def shape(self, *shapes: Shape) -> Shape:
        found = self.layer.compute_output_shape(_as_argument([(1, *s) for s in shapes]))
        return tuple(found[1:])

    def needed(self, low, high, height):
        return low, high

    def apply(self, inputs, low, high, height):
        found = self.layer(_as_argument(list(inputs)))
        return tf.cast(found, tf.float32)


def _as_argument(inputs):
    return inputs[0] if len(inputs) == 1 else inputs


class Normalisation(Pointwise):
    """A normalisation by the mean and the variance of each channel of the image.

    Example:
        >>> rule = Normalisation(layers.GroupNormalization(groups=-1, scale=False, center=False))
        >>> rows = tf.ones([1, 1, 2, 1])
        >>> rule.apply([rows], 0, 1, 1, moments=([0.0], [0.249]))[0, 0, :, 0].numpy().tolist()
        [2.0, 2.0]
    """

    def shape(self, shape, *_):
        layer = self.layer
        if isinstance(layer, layers.GroupNormalization) and layer.groups not in (-1, shape[-1]):
            raise UserError(
                f"--output_size=input: layer {layer.name} normalises groups of channels; right "
                "would be --output_size=trained, or a network with instance normalisation"
            )
        return shape

    def apply(self, inputs, low, high, height, moments=None):
        mean, variance = (tf.constant(values, tf.float32) for values in moments)
        gamma, beta = (_or_none(getattr(self.layer, name, None)) for name in ("gamma", "beta"))
        epsilon = self.layer.epsilon
        return tf.nn.batch_normalization(inputs[0], mean, variance, beta, gamma, epsilon)


def _or_none(variable):
    return None if variable is None else tf.cast(tf.convert_to_tensor(variable), tf.float32)


class Dropout(Pointwise):
    """The mask of `SeededDropout` for the whole image, of which each band takes its rows.

    Example:
        >>> rule = Dropout(SeededDropout(0.5))
        >>> rule.shape((4, 4, 1))
        (4, 4, 1)
    """

    def shape(self, shape, *_):
        self._shape = shape
        return shape

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def _kept(self, seed):
        uniform = randomness.uniform(self._shape, randomness.fold(list(seed), self.layer.salt))
        return (uniform >= self.layer.rate).numpy()

    def apply(self, inputs, low, high, height, seed=(0, 0)):
        kept = tf.cast(self._kept(seed)[np.newaxis, low:high], tf.float32)
        return inputs[0] * kept / (1.0 - self.layer.rate)


class _Rows(Pointwise):
    """Base of layers that combine neighbours, by a `_Line` for each axis."""

    def lines(self, height: int, width: int) -> tuple[_Line, _Line]:
        raise NotImplementedError

    def needed(self, low, high, height):
        return self.lines(height, height)[0].needed(low, high, height)


class _Convolution(_Rows):
    """A convolution of stride 1 or more, with zeros around it or without."""

    def _line(self, axis, length):
        kernel, stride = self.layer.kernel_size[axis], self.layer.strides[axis]
        if self.layer.padding == "valid":
            return _Line(kernel, stride, 0)
        total = max(0, (-(-length // stride) - 1) * stride + kernel - length)
        return _Line(kernel, stride, total // 2)

    def lines(self, height, width):
        return self._line(0, height), self._line(1, width)

    def apply(self, inputs, low, high, height):
        width = inputs[0].shape[2]
        rows, columns = self.lines(height, width)
        outputs = self.layer.compute_output_shape((1, height, width, inputs[0].shape[-1]))
        padding = [rows.missing(low, high, height), columns.missing(0, outputs[2], width)]
        kernel = tf.convert_to_tensor(self.layer.kernel)
        padding = [[0, 0], *map(list, padding), [0, 0]]
        found = tf.nn.conv2d(inputs[0], kernel, self.layer.strides, padding)
        return _with_bias(found, self.layer)


def _with_bias(values, layer):
    if layer.use_bias:
        values = tf.nn.bias_add(values, tf.convert_to_tensor(layer.bias))
    activation = layer.activation
    return values if activation is keras.activations.linear else activation(values)


class _Transposed(_Rows):
    """A transposed convolution: input i reaches outputs stride·i − cut + 0 … kernel − 1."""

    def _cut(self, axis):
        kernel, stride = self.layer.kernel_size[axis], self.layer.strides[axis]
        return 0 if self.layer.padding == "valid" else max(0, kernel - stride) // 2

    def needed(self, low, high, height):
        kernel, stride, cut = self.layer.kernel_size[0], self.layer.strides[0], self._cut(0)
        return _clipped(
            -(-(low + cut - kernel + 1) // stride), (high - 1 + cut) // stride + 1, height
        )

    def apply(self, inputs, low, high, height):
        first, _ = self.needed(low, high, height)
        layer, given = self.layer, inputs[0]
        sizes = [
            (length - 1) * stride + max(kernel, stride)
            for length, stride, kernel in zip(
                given.shape[1:3], layer.strides, layer.kernel_size, strict=True
            )
        ]
        kernel = tf.convert_to_tensor(layer.kernel)
        shape = [1, *sizes, layer.filters]
        found = tf.nn.conv2d_transpose(given, kernel, shape, layer.strides, "VALID")
        width = self.shape((height, *given.shape[2:]))[1]
        top, left = low + self._cut(0) - first * layer.strides[0], self._cut(1)
        # Where the kernel is smaller than the stride, or at the end, rows may be missing.
        short = max(0, top + high - low - found.shape[1])
        found = tf.pad(found, [[0, 0], [0, short], [0, 0], [0, 0]])
        return _with_bias(found[:, top : top + high - low, left : left + width], layer)


class _Reflection(_Rows):
    """Padding by reflected pixels."""

    def shape(self, shape, *_):
        height, width, channels = shape
        return height + 2 * self.layer.size, width + 2 * self.layer.size, channels

    def _places(self, low, high, height):
        places = np.abs(np.arange(low, high) - self.layer.size)
        return np.where(places >= height, 2 * (height - 1) - places, places)

    def needed(self, low, high, height):
        places = self._places(low, high, height)
        return int(places.min()), int(places.max()) + 1

    def apply(self, inputs, low, high, height):
        places = self._places(low, high, height)
        rows = tf.gather(inputs[0], places - places.min(), axis=1)
        sides = [self.layer.size, self.layer.size]
        return tf.pad(rows, [[0, 0], [0, 0], sides, [0, 0]], "REFLECT")


class _Zeros(_Rows):
    """Padding by zeros."""

    def lines(self, height, width):
        (top, _), (left, _) = self.layer.padding
        return _Line(before=top), _Line(before=left)

    def apply(self, inputs, low, high, height):
        (top, _), columns = self.layer.padding
        before, after = _Line(before=top).missing(low, high, height)
        # A band of padding alone has one row of the image, which is not part of it.
        rows = inputs[0][:, : high - low - before - after]
        return tf.pad(rows, [[0, 0], [before, after], columns, [0, 0]])


class _Cropping(_Rows):
    """Cropping of the border."""

    def lines(self, height, width):
        (top, _), (left, _) = self.layer.cropping
        return _Line(before=-top), _Line(before=-left)

    def apply(self, inputs, low, high, height):
        left, right = self.layer.cropping[1]
        return inputs[0][:, :, left : inputs[0].shape[2] - right]


class _Upsampling(_Rows):
    """Enlargement by nearest neighbour."""

    def needed(self, low, high, height):
        factor = self.layer.size[0]
        return low // factor, -(-high // factor)

    def apply(self, inputs, low, high, height):
        tall, wide = self.layer.size
        found = tf.repeat(tf.repeat(inputs[0], tall, axis=1), wide, axis=2)
        return found[:, low % tall : low % tall + high - low]


RULES: dict[type, Callable] = {
    layers.Conv2D: _Convolution,
    layers.Conv2DTranspose: _Transposed,
    ReflectionPadding: _Reflection,
    layers.ZeroPadding2D: _Zeros,
    layers.Cropping2D: _Cropping,
    layers.UpSampling2D: _Upsampling,
    layers.GroupNormalization: Normalisation,
    LiveBatchNormalization: Normalisation,
    SeededDropout: Dropout,
    **dict.fromkeys(
        (
            *(layers.BatchNormalization, layers.Activation, layers.ReLU, layers.LeakyReLU),
            *(layers.ELU, layers.Identity, layers.Dropout, layers.Add, layers.Concatenate),
            *(layers.Subtract, layers.Multiply, layers.Average, layers.Maximum),
        ),
        Pointwise,
    ),
}

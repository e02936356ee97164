"""Enlarging of maps."""

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable("kgan")
class NearestUpsampling(layers.UpSampling2D):
    """Nearest-neighbour enlargement of [B, H, W, C] by whole factors.

    It is `keras.layers.UpSampling2D`; at inference one operation does it that ONNX, LiteRT and
    OpenVINO have, too, and that keeps the size known. In training it stays Keras' repetition.

    Args:
        size: factor, or factors of height and width.

    Example:
        >>> NearestUpsampling(2)(tf.reshape([1.0, 2.0], [1, 1, 2, 1]))[0, 0, :, 0].numpy().tolist()
        [1.0, 1.0, 2.0, 2.0]
    """

    def call(self, inputs, training=False):
        if training or self.interpolation != "nearest":
            return super().call(inputs)
        known, found = inputs.shape[1:3], tf.shape(inputs)
        size = [
            factor * (found[axis + 1] if side is None else side)
            for axis, (side, factor) in enumerate(zip(known, self.size, strict=True))
        ]
        return tf.image.resize(inputs, size, method="nearest")

"""A small classifier of handwritten digits, which is part of the package.

Metrics with `digits` in their name use its features and class probabilities; the weights are fixed,
so that values can be compared between runs and people. `tools/train_digit_network.py` trained it on
MNIST's training part; its accuracy on the 10,000 test digits is stored with the weights
(`test_accuracy`).
"""

import functools
import json
import pathlib

import keras
import numpy as np
import safetensors
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file

from kgan.utils.precision import precision

SIZE = 28
CLASSES = 10
FEATURES = 64
PATH = pathlib.Path(__file__).with_name("digit_network.safetensors")
BATCH = 500


def build() -> keras.Model:
    """Builds image float32 [B, 28, 28, 1] in [-1, 1] → (features [B, 64], logits [B, 10])."""
    image = keras.Input((SIZE, SIZE, 1), name="picture")
    maps = image
    for number, filters in enumerate((32, 32, 64)):
        maps = layers.Conv2D(filters, 3, activation="relu", name=f"convolution_{number}")(maps)
        if number:
            maps = layers.MaxPooling2D(2, name=f"pool_{number}")(maps)
    maps = layers.Dropout(0.4, name="dropout")(layers.Flatten(name="flatten")(maps))
    features = layers.Dense(FEATURES, activation="relu", name="features")(maps)
    logits = layers.Dense(CLASSES, name="logits")(features)
    return keras.Model(image, [features, logits], name="digit_network")


def save(network: keras.Model, path: pathlib.Path = PATH, **known) -> None:
    """Writes the weights, and JSON values that describe them."""
    arrays = {variable.path: np.asarray(variable) for variable in network.weights}
    save_file(arrays, path, metadata={name: json.dumps(value) for name, value in known.items()})


@functools.cache
def load() -> tuple[keras.Model, dict]:
    """Returns the network and the values stored with it: `test_accuracy`, `seed`, `epochs`."""
    with safetensors.safe_open(PATH, framework="numpy") as file:
        known = {name: json.loads(value) for name, value in file.metadata().items()}
        with precision("float32"):
            network = build()
        # Not `variables`: the name of the dropout's seed depends on the seeds made before it.
        for variable in network.weights:
            variable.assign(file.get_tensor(variable.path))
    network.trainable = False
    return network, known


def predict(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes features and class probabilities of grey images.

    Args:
        images: float32 [N, H, W, 1] in [-1, 1], white ink on black; they are resized to 28x28.

    Returns:
        Features float32 [N, 64] and class probabilities float32 [N, 10].
    """
    load()  # outside of the graph, which would never run the assignments
    batches = range(0, len(images), BATCH)
    found = [_predict(tf.constant(images[n : n + BATCH], tf.float32)) for n in batches]
    return tuple(np.concatenate(values) for values in zip(*found, strict=True))


@tf.function(reduce_retracing=True)
def _predict(images):
    features, logits = forward(images)
    return features, tf.nn.softmax(logits)


def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes features and logits differentiably inside a graph; call `load` before, outside it.

    Args:
        images: float32 [N, H, W, 1] in [-1, 1].

    Returns:
        Features float32 [N, 64] and logits float32 [N, 10].
    """
    if images.shape[1:3] != (SIZE, SIZE):
        images = tf.image.resize(images, (SIZE, SIZE), antialias=True)
    features, logits = load()[0](images, training=False)
    return tf.cast(features, tf.float32), tf.cast(logits, tf.float32)

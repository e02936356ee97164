"""A small network that knows handwritten digits, brought with the package.

Its features and classes are what `digits` in the name of a metric stands for: the same weights
everywhere, so that figures can be compared between runs and people. `tools/train_digit_network.py`
made them from MNIST's training part; what the network reaches on MNIST's 10,000 test digits stands
in the file beside the weights (`test_accuracy`).
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

SIZE = 28
CLASSES = 10
FEATURES = 64
PLACE = pathlib.Path(__file__).with_name("digit_network.safetensors")
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


def save(network: keras.Model, place: pathlib.Path = PLACE, **known) -> None:
    """Writes the weights, and what is known of them, as text by name."""
    arrays = {variable.path: np.asarray(variable) for variable in network.weights}
    save_file(arrays, place, metadata={name: json.dumps(value) for name, value in known.items()})


@functools.cache
def load() -> tuple[keras.Model, dict]:
    """Gives the network and what is known of it: `test_accuracy`, `seed`, `epochs`."""
    with safetensors.safe_open(PLACE, framework="numpy") as file:
        known = {name: json.loads(value) for name, value in file.metadata().items()}
        network = build()
        # Not `variables`: the dropout's seed is called by how many seeds there were before it.
        for variable in network.weights:
            variable.assign(file.get_tensor(variable.path))
    network.trainable = False
    return network, known


def look(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Looks at grey images.

    Args:
        images: float32 [N, H, W, 1] in [-1, 1], white ink on black; brought to 28x28 pixels.

    Returns:
        Features float32 [N, 64] and class probabilities float32 [N, 10].
    """
    load()  # outside of the graph, which would never run the assignments
    features, probabilities = [], []
    for start in range(0, len(images), BATCH):
        found = _look(tf.constant(images[start : start + BATCH], tf.float32))
        features.append(found[0].numpy())
        probabilities.append(found[1].numpy())
    return np.concatenate(features), np.concatenate(probabilities)


@tf.function(reduce_retracing=True)
def _look(images):
    features, logits = answer(images)
    return features, tf.nn.softmax(logits)


def answer(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Gives features and logits inside a graph, differentiable; call `load` before, outside of it.

    Args:
        images: float32 [N, H, W, 1] in [-1, 1].

    Returns:
        Features float32 [N, 64] and logits float32 [N, 10].
    """
    if images.shape[1:3] != (SIZE, SIZE):
        images = tf.image.resize(images, (SIZE, SIZE), antialias=True)
    features, logits = load()[0](images, training=False)
    return tf.cast(features, tf.float32), tf.cast(logits, tf.float32)

"""Trains the network whose features and classes kgan's digit metrics use, and writes its weights.

    python tools/train_digit_network.py --manual_dir=MNIST [--data_dir=FOLDER] [--epochs=8]

MNIST's training part, moved by up to 2 pixels; a few minutes on 4 cores. The accuracy on MNIST's
10,000 test digits, which it has never seen, is written beside the weights.
"""

import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.registry import open_dataset
from kgan.metrics import digit_network

BATCH, RATE, MOVED = 128, 1e-3, 2


def read(collection, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads pictures float32 [N, 28, 28, 1] in [-1, 1] and labels int [N]."""
    fields = pipeline.examples(collection.parts[part], ("image", "label"))
    return fields["image"], fields["label"]


def moved(images, labels):
    """Moves each image by up to 2 pixels each way."""
    size = digit_network.SIZE
    padded = tf.pad(images, [[0, 0], [MOVED, MOVED], [MOVED, MOVED], [0, 0]], constant_values=-1)
    offsets = tf.random.uniform([tf.shape(images)[0], 2], 0, 2 * MOVED + 1, tf.int32)
    cut = tf.map_fn(
        lambda given: tf.slice(given[0], [given[1][0], given[1][1], 0], [size, size, 1]),
        (padded, offsets),
        fn_output_signature=tf.float32,
    )
    return cut, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data_dir", help="where TFDS keeps prepared sets")
    parser.add_argument("--manual_dir", help="MNIST's four files")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    keras.utils.set_random_seed(given.seed)
    size = (digit_network.SIZE, digit_network.SIZE)
    collection = open_dataset(
        "mnist",
        ImageFormat(size, size, 1),
        kind="labelled",
        data_dir=given.data_dir,
        manual_dir=given.manual_dir,
    )
    images, labels = read(collection, "train")
    network = digit_network.build()
    classifier = keras.Model(network.input, network.outputs[1])
    steps = given.epochs * (len(images) // BATCH)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = batches.shuffle(len(images)).batch(BATCH, drop_remainder=True).map(moved)
    classifier.fit(batches, epochs=given.epochs, verbose=2)
    _, accuracy = classifier.evaluate(*read(collection, "test"), batch_size=500, verbose=0)
    digit_network.save(
        network, test_accuracy=round(accuracy, 4), seed=given.seed, epochs=given.epochs
    )
    print(f"{digit_network.PLACE}: {accuracy:.2%} of 10,000 test digits right")


if __name__ == "__main__":
    main()

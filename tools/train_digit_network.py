"""Training of the network whose features and classes kgan's digit metrics use.

    python -m tools.train_digit_network --manual_dir=MNIST [--data_dir=FOLDER] [--epochs=8]

Upkeep, no page: it writes kgan/metrics/digit_network.safetensors. The network is trained on MNIST's
training part, shifted by up to 2 pixels; a few minutes on 4 cores. The accuracy on MNIST's 10,000
test digits, which it has not seen, is stored with the weights.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kgan.cli import entry
from kgan.metrics import digit_network
from tools import command

BATCH, RATE, SHIFT = 128, 1e-3, 2


def shift(images, labels):
    """Shifts each image by up to 2 pixels in each direction."""
    size = digit_network.SIZE
    padded = tf.pad(images, [[0, 0], [SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]], constant_values=-1)
    offsets = tf.random.uniform([tf.shape(images)[0], 2], 0, 2 * SHIFT + 1, tf.int32)
    cut = tf.map_fn(
        lambda given: tf.slice(given[0], [given[1][0], given[1][1], 0], [size, size, 1]),
        (padded, offsets),
        fn_output_signature=tf.float32,
    )
    return cut, labels


def main(arguments: Sequence[str]) -> None:
    """Trains, tests and saves the network."""
    given = command.parse(
        "train_digit_network", arguments, data_dir=str, manual_dir=str, epochs=8, seed=0
    )
    keras.utils.set_random_seed(given.seed)
    images, labels = command.read_digits("mnist", "train", digit_network.SIZE, given)
    test = command.read_digits("mnist", "test", digit_network.SIZE, given)
    network = digit_network.build()
    classifier = keras.Model(network.input, network.outputs[1])
    steps = given.epochs * (len(images) // BATCH)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = batches.shuffle(len(images)).batch(BATCH, drop_remainder=True).map(shift)
    classifier.fit(batches, epochs=given.epochs, verbose=2)
    _, accuracy = classifier.evaluate(*test, batch_size=500, verbose=0)
    digit_network.save(
        network, test_accuracy=round(accuracy, 4), seed=given.seed, epochs=given.epochs
    )
    print(f"{digit_network.PATH}: {accuracy:.2%} of 10,000 test digits are right")


if __name__ == "__main__":
    entry.run(main)

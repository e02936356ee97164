"""From MNIST's labels to the digits of USPS, with and without CycleGAN: docs/adaptation.md.

    python -m tools.adaptation --work=FOLDER --manual_dir=FOLDER [--seeds=3] [--steps=2000]

--manual_dir has folders `mnist` and `usps` with the original files. The same small classifier is
trained on MNIST, on MNIST translated by a CycleGAN that saw no label of USPS, and on USPS; each is
tested on USPS' 2,007 test digits. Six runs of about a quarter of an hour on one core.
"""

import pathlib
import statistics
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

import kgan
from kgan.cli import entry
from kgan.metrics.arrays import map_batches
from tools import command, comparison

SIZE = 32
EPOCHS, BATCH, RATE = 3, 64, 1e-3
TRANSLATED = 100  # images at a time
BASE = (
    "--model=cyclegan --dataset=mnist+usps --image_size=32 --batch_size=8 --width=16 "
    "--identity_weight=0 --log_every=100"
)
METHODS = {"CycleGAN": "", "CycleGAN, classes kept": "--semantic_weight=1"}
PUBLISHED = {
    "source only": "78.9–82.2 %",
    "CycleGAN": "—",
    "CycleGAN, classes kept": "95.6 % (CyCADA)",
    "target only": "96.3 %",
}


def train_classifier(images: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> keras.Model:
    """Trains the same network on any images."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(20, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(50, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    network.compile(
        keras.optimizers.Adam(RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return network


def translate(run, images: np.ndarray) -> np.ndarray:
    """Translates MNIST's digits to USPS."""
    way = kgan.load(str(run.folder)).directions["AtoB"]
    return map_batches(way.translate, images, TRANSLATED)


def main(arguments: Sequence[str]) -> None:
    """Trains CycleGANs and classifiers and writes the page."""
    given = comparison.parse("adaptation", arguments, ("work", "manual_dir"), seeds=3, steps=2000)
    flags = {
        name: [*BASE.split(), *words.split(), f"--steps={given.steps}"]
        for name, words in METHODS.items()
    }
    trained = comparison.train(flags, given)
    folder = pathlib.Path(given.manual_dir)

    def read(name, part):
        given.manual_dir = str(folder / name)
        return command.read_digits(name, part, SIZE, given)

    source, target, test = read("mnist", "train"), read("usps", "train"), read("usps", "test")

    def accuracy(images, labels, seed, epochs=EPOCHS):
        network = train_classifier(images, labels, seed, epochs)
        return network.evaluate(*test, batch_size=500, verbose=0)[1]

    seeds = range(given.seeds)
    found = {"source only": [accuracy(*source, seed) for seed in seeds]}
    for name, runs in trained.items():
        found[name] = [
            accuracy(translate(run, source[0]), source[1], seed)
            for seed, run in enumerate(runs)
        ]  # fmt: skip
    found["target only"] = [accuracy(*target, seed, 3 * EPOCHS) for seed in seeds]

    table = command.columns(
        "trained on", "right, by seed", "mean", "gain over source only, points", "published"
    )
    for name, values in found.items():
        mean = statistics.mean(values)
        table += command.row(
            name,
            ", ".join(f"{value:.1%}" for value in values),
            f"{mean:.1%}",
            f"{100 * (mean - statistics.mean(found['source only'])):+.1f}",
            PUBLISHED[name],
        )
    summary = comparison.summary(sum(trained.values(), []), given)
    command.write("adaptation", "CycleGANs: ", summary, table)
    comparison.save_samples(given, "adaptation")


if __name__ == "__main__":
    entry.run(main)

"""From MNIST's labels to USPS' digits: without adaptation, with CycleGAN, and with USPS' labels.

    python tools/adaptation.py --work=FOLDER --manual_dir=FOLDER [--seeds=3] [--steps=2000]

--manual_dir holds folders `mnist` and `usps` with the original files. The same small network is
trained on MNIST, on MNIST translated by a CycleGAN that saw no label of USPS, and on USPS; each is
tested on USPS' 2,007 test digits. Writes docs/adaptation.md.
"""

import argparse
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import kgan
from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.registry import open_dataset
from kgan.utils import progress
from tools import cells

SIZE = 32
EPOCHS, BATCH, RATE = 3, 64, 1e-3
TRANSLATED = 100  # images at once
BASE = (
    "--model=cyclegan",
    "--dataset=mnist+usps",
    "--image_size=32",
    "--batch_size=8",
    "--width=16",
    "--identity_weight=0",
    "--log_every=100",
)
METHODS = {"CycleGAN": (), "CycleGAN, classes kept": ("--semantic_weight=1",)}
ABOUT = {
    "CycleGAN, classes kept": " `classes kept` adds the semantic loss of Hoffman et al. 2018\n"
    "(CyCADA) with kgan's digit network, which has seen MNIST's training labels and no USPS.",
}
PUBLISHED = {
    "source only": "78.9–82.2 %",
    "CycleGAN": "—",
    "CycleGAN, classes kept": "95.6 % (CyCADA)",
    "target only": "96.3 %",
}
HEAD = """# From MNIST to USPS

Made by `python tools/adaptation.py --work=FOLDER --manual_dir=FOLDER{methods}`.
A classifier (two convolutions, 128 units; {epochs} epochs of MNIST's or three times as many of
USPS' training part, no augmentation) is tested on USPS' 2,007 test digits, resized to 32x32.
`CycleGAN` trains it on MNIST's 60,000 digits translated to USPS by a run of {steps:,} steps of
batch 8 (width 16, 6 blocks, no identity term) that saw no label of USPS.{about} {seeds} seeds;
{seconds:.0f} s a CycleGAN on average, {company}. Published
figures are those of the papers' own networks and protocols; source only varies from 40 to 87 %
between them.

| trained on | right, by seed | mean | gain over source only, points | published |
|---|---|---|---|---|
"""


def read(name: str, manual_dir: str, data_dir: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads pictures float32 [N, 32, 32, 1] in [-1, 1] and labels int [N]."""
    size = (SIZE, SIZE)
    collection = open_dataset(
        name, ImageFormat(size, size, 1), kind="labelled", data_dir=data_dir, manual_dir=manual_dir
    )
    fields = pipeline.examples(collection.parts[part], ("image", "label"))
    return fields["image"], fields["label"]


def classifier(images: np.ndarray, labels: np.ndarray, seed: int, epochs: int) -> keras.Model:
    """Trains the same network on whatever images it is given."""
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
        keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    network.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return network


def right(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Computes the share of digits that a classifier has right."""
    return float((network.predict(images, batch_size=500, verbose=0).argmax(1) == labels).mean())


def translated(run: pathlib.Path, images: np.ndarray) -> np.ndarray:
    """Translates MNIST's digits to USPS."""
    way = kgan.load(str(run)).ways["AtoB"]
    parts = [
        way.translate(images[start : start + TRANSLATED])
        for start in range(0, len(images), TRANSLATED)
    ]
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cells.add_flags(parser, steps=2000)
    parser.add_argument("--seeds", type=int, default=3)
    cells.add_methods(parser, METHODS)
    given = parser.parse_args()
    tried = {
        name: [cells.Cell(name, (*BASE, *flags), given.steps, n) for n in range(given.seeds)]
        for name, flags in METHODS.items()
        if name in given.methods
    }
    every = [cell for row in tried.values() for cell in row]
    folders = cells.train(every, given)
    data_dir = given.data_dir or str(given.work / "tfds")
    folder = pathlib.Path(given.manual_dir)
    mnist = read("mnist", str(folder / "mnist"), data_dir, "train")
    usps = read("usps", str(folder / "usps"), data_dir, "train")
    test = read("usps", str(folder / "usps"), data_dir, "test")
    jobs = [("source only", mnist, EPOCHS, None, n) for n in range(given.seeds)]
    jobs += [
        (name, mnist, EPOCHS, folders[cell], cell.seed)
        for name, row in tried.items()
        for cell in row
    ]
    jobs += [("target only", usps, 3 * EPOCHS, None, n) for n in range(given.seeds)]
    found = {}
    for name, (images, labels), epochs, run, seed in progress.bar(jobs, unit="classifier"):
        seen = images if run is None else translated(run, images)
        network = classifier(seen, labels, seed, epochs)
        found.setdefault(name, []).append(right(network, *test))
    source = statistics.mean(found["source only"])
    rows = [
        f"| {name} | {', '.join(f'{v:.1%}' for v in values)} | {statistics.mean(values):.1%} | "
        f"{100 * (statistics.mean(values) - source):+.1f} | {PUBLISHED[name]} |\n"
        for name, values in found.items()
    ]
    head = HEAD.format(
        methods=cells.methods_flag(given, METHODS),
        epochs=EPOCHS,
        steps=given.steps,
        seeds=given.seeds,
        company=cells.company(folders.values()),
        about="".join(ABOUT.get(name, "") for name in given.methods),
        seconds=statistics.mean(map(cells.seconds, folders.values())),
    )
    first = [(row[0].name, folders[row[0]]) for row in tried.values()]
    (cells.DOCS / "adaptation.md").write_text(
        head + "".join(rows) + "\n![Triplets of each, first seed](adaptation.png)\n"
    )
    cells.draw(first, cells.DOCS / "adaptation.png", columns=len(first), size=(320, 430))
    print("".join(rows), end="")


if __name__ == "__main__":
    main()

"""Asks a digit classifier, trained on real MNIST, what runs draw.

    python tools/judge_digits.py --work=FOLDER --manual_dir=MNIST RUN…

For a conditional run: how often the classifier sees the digit that was asked for. For the others:
how many of the ten digits they draw, how evenly, how sure the classifier is, and both at once as
the class score, exp E KL(p(y|x) ‖ p(y)), from 1 to 10 (Salimans et al. 2016, section 4, with this
classifier in the place of theirs). Each run's answer
is printed and kept in its folder as judged_digits.json, from which tools/results.py reads it.
The classifier is trained once, a few minutes on 2 cores, and kept in FOLDER.
"""

import argparse
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

import kgan  # noqa: E402
from kgan.data import Pictures, open_dataset  # noqa: E402
from kgan.data.collection import read_many  # noqa: E402

SIZE = 28
EPOCHS = 4
DRAWN = 10_000
PRESENT = 0.01  # share of the drawn digits from which one counts as drawn
BATCH = 500


def read_part(source) -> tuple[np.ndarray, np.ndarray]:
    """Reads pictures as float32 [N, 28, 28, 1] in [-1, 1] and labels as int32 [N]."""
    pictures, labels = [], []
    for start in range(0, len(source), BATCH):
        for example in read_many(source, range(start, min(start + BATCH, len(source)))):
            pictures.append(example["image"])
            labels.append(example["label"])
    return np.stack(pictures).astype(np.float32) / 127.5 - 1, np.array(labels)


def classifier(work: pathlib.Path, data_dir: str | None, manual_dir: str | None):
    """Gives the classifier and its accuracy on real test digits; trains it where it is not yet."""
    place, said = work / "digit_classifier.keras", work / "digit_classifier.json"
    if place.exists():
        return keras.models.load_model(place), json.loads(said.read_text())["test_accuracy"]
    keras.utils.set_random_seed(0)
    collection = open_dataset(
        "mnist", Pictures((SIZE, SIZE), (SIZE, SIZE), 1), kind="labelled", data_dir=data_dir,
        manual_dir=manual_dir,
    )  # fmt: skip
    network = keras.Sequential([
        keras.Input((SIZE, SIZE, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dropout(0.4), layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, EPOCHS * 430)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
    )  # fmt: skip
    network.fit(*read_part(collection.parts["train"]), batch_size=128, epochs=EPOCHS, verbose=2)
    _, accuracy = network.evaluate(
        *read_part(collection.parts["test"]), batch_size=BATCH, verbose=0
    )
    network.save(place)
    said.write_text(json.dumps({"test_accuracy": accuracy}))
    return network, accuracy


def probabilities(network, pictures: np.ndarray) -> np.ndarray:
    """Classifies pictures float32 [N, H, W, 1] in [-1, 1], shrunk to 28x28; float [N, 10]."""
    if pictures.shape[1] != SIZE:
        pictures = np.asarray(keras.ops.image.resize(pictures, (SIZE, SIZE), antialias=True))
    return np.asarray(keras.ops.softmax(network.predict(pictures, batch_size=BATCH, verbose=0)))


def judge(run: pathlib.Path, network) -> dict:
    """Draws 10,000 digits from a run and counts what the classifier sees."""
    model = kgan.load(str(run))
    asked = np.arange(DRAWN) % 10
    names = getattr(model, "class_names", None)
    seen = []
    for start in range(0, DRAWN, BATCH):
        numbers = np.arange(start, start + BATCH)
        latents = np.asarray(model.latents_from_seeds(numbers))
        told = [np.eye(model.condition_size, dtype=np.float32)[asked[numbers]]] if names else []
        seen.append(probabilities(network, model.generate(latents, *told)))
    seen = np.concatenate(seen)
    digits = seen.argmax(axis=1)
    shares = np.bincount(digits, minlength=10) / DRAWN
    told_apart = (seen * np.log((seen + 1e-12) / seen.mean(axis=0))).sum(axis=1).mean()
    found = {
        "drawn": DRAWN, "class_score": float(np.exp(told_apart)),
        "digits_found": int((shares >= PRESENT).sum()), "largest_share": float(shares.max()),
        "divergence_from_even": float((shares * np.log(shares * 10 + 1e-12)).sum()),
        "mean_certainty": float(seen.max(axis=1).mean()),
    }  # fmt: skip
    if names:
        found["agreement"] = float((digits == asked).mean())
        found["agreement_by_digit"] = [float((digits[asked == d] == d).mean()) for d in range(10)]
    return found


class Judge:
    """Judges runs, each once: what it found is kept as judged_digits.json in the run's folder.

    Args:
        work: where the classifier is kept.
        data_dir: where TFDS keeps prepared sets.
        manual_dir: MNIST's four files.
    """

    def __init__(self, work: pathlib.Path, data_dir: str | None, manual_dir: str | None):
        self.network, self.accuracy = classifier(work, data_dir, manual_dir)

    def __call__(self, run: pathlib.Path) -> dict:
        """Gives what the classifier sees in what a run draws."""
        kept = run / "judged_digits.json"
        if not kept.exists():
            found = {"classifier_accuracy": self.accuracy, **judge(run, self.network)}
            kept.write_text(json.dumps(found) + "\n")
        return json.loads(kept.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, required=True, help="for the classifier")
    parser.add_argument("--data_dir", help="where TFDS keeps prepared sets")
    parser.add_argument("--manual_dir", help="MNIST's four files")
    parser.add_argument("runs", nargs="*", type=pathlib.Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    ask = Judge(given.work, given.data_dir, given.manual_dir)
    print(f"classifier: {ask.accuracy:.2%} of real test digits right")
    for run in given.runs:
        print(run.name, json.dumps(ask(run)))


if __name__ == "__main__":
    main()

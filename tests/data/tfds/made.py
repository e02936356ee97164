"""Data sets of TFDS for tests: small ones that are made up, and MNIST from its four files."""

import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from kgan.data.tfds.source import open_tfds
from kgan.utils.errors import UserError
from tests.data.folder.images import SMALL

MNIST = pathlib.Path(__file__).parents[4] / "shared" / "data" / "mnist"
MNIST_FILES = [
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
]


class Made(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set of 8x8 images; image i has the value i in every pixel."""

    VERSION = tfds.core.Version("1.0.0")
    FEATURES = {"image": tfds.features.Image(shape=(8, 8, 3))}
    SPLITS = {"train": 20}

    def _info(self):
        features = tfds.features.FeaturesDict(self.FEATURES)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(count) for name, count in self.SPLITS.items()}

    def _generate_examples(self, count):
        for i in range(count):
            yield i, self.example(i)

    def example(self, i):
        return {"image": np.full((8, 8, 3), i, np.uint8)}


def make(name, **attributes):
    """Registers a data set with TFDS; `camel_case` becomes its name."""
    return type(name, (Made,), {"__module__": __name__, **attributes})


def opened(name, root, images=SMALL, **options):
    return open_tfds(name, images, data_dir=str(root), **options)


def files_below(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*")) if root.exists() else []


def refusal(name, root, **options):
    """Opens what cannot be opened; returns the message, having found nothing new on disk."""
    before = root.exists(), files_below(root)
    with pytest.raises(UserError) as caught:
        opened(name, root, **options)
    assert (root.exists(), files_below(root)) == before
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("--")
    return line

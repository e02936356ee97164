"""Datasets and models whose evaluation can be worked out by hand."""

import dataclasses

import keras
import numpy as np
import pytest

from kgan.data.dataset import Dataset, Source
from kgan.metrics import features
from kgan.metrics.features import Extractor, Features
from kgan.models.base.adversarial import AdversarialModel
from kgan.models.base.conditional import ConditionalModel


@dataclasses.dataclass(frozen=True)
class Images(Source):
    """Images, uint8 [N, H, W, C], and labels."""

    levels: np.ndarray
    labels: tuple[int, ...] = ()

    def __len__(self):
        return len(self.levels)

    def read(self, index):
        label = {"label": np.int32(self.labels[index])} if self.labels else {}
        return {"image": self.levels[index], **label}


def levels(count, seed=0, shape=(4, 4, 1)):
    return np.random.default_rng(seed).integers(60, 200, (count, *shape)).astype(np.uint8)


def scaled(images):
    """Scales uint8 to float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1


def dataset(images, **known):
    """A dataset of images that are compared by the features `plain`, see `plain_features`."""
    known = {"features": "plain", **known}
    return Dataset("made", "images", {"test": Images(images)}, "made", **known)


@pytest.fixture
def plain_features(monkeypatch):
    """The features `plain`: an image's mean and first pixel; classes dark and bright."""

    def look(images):
        flat = images.reshape(len(images), -1)
        bright = (flat.mean(axis=1) > 0).astype(np.float32)
        return Features(
            np.stack([flat.mean(axis=1), flat[:, 0]], 1), np.stack([1 - bright, bright], 1)
        )

    known, find = Extractor("plain", "1", look), features.find
    monkeypatch.setattr(features, "find", lambda name: known if name == "plain" else find(name))


class Generator(AdversarialModel):
    """A model whose image of seed n is the n-th of given ones, float32 in [-1, 1]."""

    gan_loss = "bce"
    packing = 1

    def __init__(self, images):
        keras.Model.__init__(self)  # without networks
        self.images = np.asarray(images, np.float32)
        self.conditions = []

    def latents_from_seeds(self, numbers):
        return np.asarray(numbers)

    def generate(self, latents, *conditions):
        self.conditions.extend(row for rows in conditions for row in rows)
        return self.images[latents]


class ConditionalGenerator(ConditionalModel):
    """The same, with four classes."""

    condition_size = 4
    gan_loss = "bce"
    packing = 1
    __init__ = Generator.__init__
    latents_from_seeds = Generator.latents_from_seeds
    generate = Generator.generate


class Critic(Generator):
    """The same, with a critic."""

    gan_loss = "wasserstein"

    def __init__(self, images, discriminator, packing=1):
        super().__init__(images)
        self.discriminator, self.packing = discriminator, packing

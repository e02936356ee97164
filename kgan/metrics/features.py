"""What images are compared by: features of a network, or the pixels themselves.

A figure depends on them, so that their name is part of the figure's: `fid_digits_10000`. Real
images are looked at once: what was found is kept by the content of the images and the name and
version of the features.
"""

import dataclasses
import functools
import hashlib
import importlib
import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgan.metrics import digit_network
from kgan.utils.atomic import atomic_write, report_write_errors
from kgan.utils.errors import UserError

PIXELS_SIDE = 8  # to which images are shrunk where their pixels are compared
BATCH = 100
# Keras applications by the name that users know; any other of `keras.applications` goes, too.
APPLICATIONS = {"inception": "InceptionV3", "vgg16": "VGG16", "resnet50": "ResNet50V2"}


@dataclasses.dataclass(frozen=True)
class Seen:
    """What was found in images.

    Args:
        features: float32 [N, F].
        probabilities: float32 [N, K] of classes, or None where the features have no classes.
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Extractor:
    """Makes features of images.

    Args:
        name: as it stands in the name of a figure.
        version: changes when the same images get other features.
        look: from pictures float32 [N, H, W, C] in [-1, 1].
        has_classes: whether it finds class probabilities, too.
    """

    name: str
    version: str
    look: Callable[[np.ndarray], Seen]
    has_classes: bool = True

    def __call__(self, images: np.ndarray) -> Seen:
        return self.look(images)

    def remember(self, images: np.ndarray) -> Seen:
        """Looks at images, or at what was kept of the same images."""
        digest = hashlib.sha256(f"{self.name} {self.version} {images.shape}".encode())
        digest.update(np.ascontiguousarray(images).data)
        place = cache_folder() / f"{self.name}-{digest.hexdigest()[:32]}.safetensors"
        kept = _kept(place)
        if kept is not None:
            return kept
        seen = self.look(images)
        arrays = {k: v for k, v in dataclasses.asdict(seen).items() if v is not None}
        with report_write_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(place) as beside:
            save_file(arrays, beside)
        return seen


def cache_folder() -> pathlib.Path:
    """Where features of real images are kept: $KGAN_CACHE, else below the user's cache."""
    own = os.environ.get("KGAN_CACHE")
    if own:
        return pathlib.Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "kgan" / "features"


def _kept(place):
    if not place.exists():
        return None
    try:
        return Seen(**load_file(place))
    except (SafetensorError, OSError, TypeError):
        return None  # damaged: made anew, and written over


def find(name: str) -> Extractor:
    """Finds features by name.

    Args:
        name: `digits` (grey ones, or colours as grey), `stacked_digits` (each channel a digit,
            1,000 classes), `pixels`, `inception`, or a name in `keras.applications`, whose
            ImageNet weights Keras fetches or has.

    Raises:
        UserError: one line, for a name that there is not and weights that cannot be had.
    """
    own = {"digits": _digits, "stacked_digits": _stacked_digits, "pixels": _pixels}
    if name in own:
        version = "1" if name == "pixels" else _weights_version()
        return Extractor(name, version, own[name], has_classes=name != "pixels")
    return _application(name)


@functools.cache
def _weights_version():
    return hashlib.sha256(digit_network.PLACE.read_bytes()).hexdigest()[:16]


def _digits(images):
    return Seen(*digit_network.look(images[..., :3].mean(axis=-1, keepdims=True)))


def _stacked_digits(images):
    if images.shape[-1] != 3:
        raise UserError("--features=stacked_digits: looks at three channels, one digit each")
    single = [digit_network.look(images[..., c : c + 1]) for c in range(3)]
    features = np.concatenate([found for found, _ in single], axis=1)
    hundreds, tens, ones = (shares for _, shares in single)
    classes = hundreds[:, :, None, None] * tens[:, None, :, None] * ones[:, None, None, :]
    return Seen(features, classes.reshape(len(images), -1))


def _pixels(images):
    if min(images.shape[1:3]) > PIXELS_SIDE:
        side = (PIXELS_SIDE, PIXELS_SIDE)
        parts = [
            tf.image.resize(images[start : start + BATCH], side, antialias=True).numpy()
            for start in range(0, len(images), BATCH)
        ]
        images = np.concatenate(parts)
    return Seen(images.reshape(len(images), -1).astype(np.float32))


@functools.cache  # such a network is large, and asked for each time that something is measured
def _application(name):
    called = APPLICATIONS.get(name, name)
    build = getattr(keras.applications, called, None)
    if not callable(build):
        raise UserError(
            f"--features={name}: no such features; digits, stacked_digits, pixels, "
            f"{', '.join(APPLICATIONS)}, or a name in keras.applications"
        )
    try:
        network = build(weights="imagenet")
    except Exception as error:  # Keras raises this very class where it cannot download
        raise UserError(
            f"--features={name}: Keras cannot get its weights ({type(error).__name__}); "
            "digits and pixels need no network"
        ) from error
    size = network.input_shape[1:3]
    preprocess = importlib.import_module(build.__module__).preprocess_input
    network = keras.Model(network.input, [network.layers[-2].output, network.output])

    def look(images):
        features, probabilities = [], []
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            batch = np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch[..., :3]
            batch = tf.image.resize(batch, size, antialias=True)
            found = network.predict_on_batch(preprocess(batch * 127.5 + 127.5))
            features.append(found[0].reshape(len(batch), -1))
            probabilities.append(found[1])
        return Seen(np.concatenate(features), np.concatenate(probabilities))

    return Extractor(name, f"keras {keras.__version__} imagenet {size}", look)

"""Features by which images are compared: those of a network, or the pixels themselves.

Their name is part of the metric's name: `fid_digits_10000`. Features of real images are cached by
the content of the images and the name and version of the features.
"""

import dataclasses
import functools
import hashlib
import importlib
import logging
import os
import pathlib
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from kgan.metrics import digit_network
from kgan.metrics.arrays import map_batches
from kgan.utils.atomic import atomic_write, make_folder
from kgan.utils.errors import UserError
from kgan.utils.precision import precision

PIXELS_SIDE = 8  # larger images are resized to it before their pixels are compared
BATCH = 100
# Names of networks in `keras.applications`; all its other names are valid, too. The name says that
# the weights are Keras': the Inception of published FIDs is another network, of 2015.
APPLICATIONS = {
    "keras_inception": "InceptionV3",
    "keras_vgg16": "VGG16",
    "keras_resnet50v2": "ResNet50V2",
}
# Names of an earlier kgan, which are still accepted.
RENAMED = {
    "inception": "keras_inception",
    "vgg16": "keras_vgg16",
    "resnet50": "keras_resnet50v2",
}
logger = logging.getLogger("kgan")


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of images.

    Args:
        features: float32 [N, F].
        probabilities: float32 [N, K] of classes, or None if the features have no classes.

    Example:
        >>> Features(np.zeros((100, 64), np.float32)).probabilities is None
        True
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A function from images to features, and its name.

    Args:
        name: as in the names of metrics.
        version: changes if the same images get other features.
        extract: from images float32 [N, H, W, C] in [-1, 1].
        has_classes: whether the features have class probabilities.
        resize: resizes images as `extract` begins with it, so that images of several sizes can be
            joined before.

    Example:
        >>> find("pixels")(np.zeros((2, 4, 4, 1), np.float32)).features.shape
        (2, 16)
    """

    name: str
    version: str
    extract: Callable[[np.ndarray], Features]
    has_classes: bool = True
    resize: Callable[[np.ndarray], np.ndarray] = lambda images: images

    def __call__(self, images: np.ndarray) -> Features:
        return self.extract(images)

    def cached(self, images: np.ndarray) -> Features:
        """Extracts features, or reads those that were stored for the same images."""
        content = (str(images.shape).encode(), np.ascontiguousarray(images).data)
        return self.stored(content, lambda: self.extract(images))

    def stored(self, content: Iterable[bytes], compute: Callable[[], Features]) -> Features:
        """Reads the features that were stored for a content, or computes and stores them.

        Args:
            content: bytes that decide what the features are, besides the extractor.
            compute: computes them.
        """
        digest = hashlib.sha256(f"{self.name} {self.version} ".encode())
        for piece in content:
            digest.update(piece)
        path = cache_folder() / f"{self.name}-{digest.hexdigest()[:32]}.safetensors"
        found = _read(path)
        if found is None:
            found = compute()
            _store(found, path)
        return found


def cache_folder() -> pathlib.Path:
    """Returns the folder of cached features: $KGAN_CACHE, else one in the user's cache."""
    own = os.environ.get("KGAN_CACHE")
    if own:
        return pathlib.Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "kgan" / "features"


def _store(found, path):
    """Writes features; a cache that cannot be written costs time, but no result."""
    arrays = {k: v for k, v in dataclasses.asdict(found).items() if v is not None}
    try:
        make_folder(path.parent)
        with atomic_write(path) as temporary:
            save_file(arrays, temporary)
    except UserError as error:
        _warn_of_cache(str(error))


@functools.cache  # said once
def _warn_of_cache(reason):
    logger.warning("features are not kept for the next time ($KGAN_CACHE): %s", reason)


def _read(path):
    if not path.exists():
        return None
    try:
        return Features(**load_file(path))
    except (SafetensorError, OSError, TypeError):
        return None  # damaged: extracted again and overwritten


def find(name: str) -> Extractor:
    """Finds features by name.

    Args:
        name: `digits` (of grey or of colour images), `stacked_digits` (each channel a digit,
            1,000 classes), `pixels`, `keras_inception`, or a name in `keras.applications`, whose
            ImageNet weights Keras downloads. Those of Keras are called `keras_…`.

    Raises:
        UserError: on an unknown name, or weights that cannot be downloaded.
    """
    own = {"digits": _digits, "stacked_digits": _stacked_digits, "pixels": _pixels}
    if name in own:
        if name == "pixels":
            return Extractor(name, "1", _pixels, has_classes=False, resize=_shrink)
        side = (digit_network.SIZE, digit_network.SIZE)
        resize = functools.partial(_resize, size=side)
        return Extractor(name, _weights_version(), own[name], resize=resize)
    name = _current_name(name)
    shorter = {network: short for short, network in APPLICATIONS.items()}
    return _application(shorter.get(name, name))


@functools.cache  # said once
def _current_name(name):
    if name in RENAMED:
        logger.warning("--features=%s: is called %s now, as its metrics are", name, RENAMED[name])
    return RENAMED.get(name, name)


@functools.cache
def _weights_version():
    return hashlib.sha256(digit_network.PATH.read_bytes()).hexdigest()[:16]


def _digits(images):
    return Features(*digit_network.predict(images[..., :3].mean(axis=-1, keepdims=True)))


def _stacked_digits(images):
    if images.shape[-1] != 3:
        raise UserError("--features=stacked_digits: needs three channels, one digit each")
    digits = [digit_network.predict(images[..., c : c + 1]) for c in range(3)]
    features, probabilities = zip(*digits, strict=True)
    hundreds, tens, ones = probabilities
    classes = hundreds[:, :, None, None] * tens[:, None, :, None] * ones[:, None, None, :]
    return Features(np.concatenate(features, axis=1), classes.reshape(len(images), -1))


def _pixels(images):
    images = _shrink(images)
    return Features(images.reshape(len(images), -1).astype(np.float32))


def _shrink(images):
    """Resizes images to the side at which pixels are compared, unless they are small."""
    large = min(images.shape[1:3]) > PIXELS_SIDE
    return _resize(images, (PIXELS_SIDE, PIXELS_SIDE)) if large else images


def _resize(images, size):
    if images.shape[1:3] == tuple(size):
        return images
    return map_batches(
        lambda batch: tf.image.resize(batch, size, antialias=True).numpy(), images, BATCH
    )


@functools.cache  # such a network is large, and used in every evaluation
def _application(name):
    build = getattr(keras.applications, APPLICATIONS.get(name, name), None)
    if not callable(build):
        raise UserError(
            f"--features={name}: unknown; right would be digits, stacked_digits, pixels, "
            f"{', '.join(APPLICATIONS)}, or a name in keras.applications"
        )
    try:
        with precision("float32"):
            network = build(weights="imagenet")
    except Exception as error:  # the class that Keras raises if it cannot download
        raise UserError(
            f"--features={name}: Keras cannot download its weights ({type(error).__name__}); "
            "digits and pixels need no download"
        ) from error
    size = network.input_shape[1:3]
    resize = functools.partial(_resize, size=size)
    preprocess = importlib.import_module(build.__module__).preprocess_input
    network = keras.Model(network.input, [network.layers[-2].output, network.output])

    def extract(images):
        features, probabilities = [], []
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            batch = np.repeat(batch, 3, axis=-1) if batch.shape[-1] == 1 else batch[..., :3]
            batch = resize(batch)
            found = network.predict_on_batch(preprocess(batch * 127.5 + 127.5))
            features.append(found[0].reshape(len(batch), -1))
            probabilities.append(found[1])
        return Features(np.concatenate(features), np.concatenate(probabilities))

    name = name if name in APPLICATIONS else f"keras_{name}"
    version = f"keras {keras.__version__} imagenet {size}"
    return Extractor(name, version, extract, resize=resize)

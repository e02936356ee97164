"""Evaluation of folders of images and of exported models, compared with a folder of real images."""

import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kgan.data.folder.reading import ImageSource, find_preparation, open_images
from kgan.data.pipeline import to_domain
from kgan.data.preparation import COLOUR_CHANNELS, Preparation
from kgan.data.splits import sample_indices
from kgan.evaluation.printing import print_result
from kgan.evaluation.task import Request, Result, sample_name
from kgan.metrics import comparison, features
from kgan.metrics.features import Extractor, Features
from kgan.utils import progress
from kgan.utils.errors import UserError

BATCH = 100
THREADS = 4
logger = logging.getLogger("kgan")


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How the images of two sets are read before their features are extracted.

    Args:
        size: (height, width) to which both sets are resized first; None: every image enters the
            extractor at its own size, and only the extractor resizes it, once.
        fit: `resize`; or `crop`, which cuts the centre out of images of another shape, of a square
            where there is no size.
        real_count: maximum number of real images, of which a sample is chosen; None: all.
        bad_limit: share of unreadable images above which an evaluation ends with an error.
        value_range: (low, high), the levels that are black and white; None: those of the files.
        depth: bits of a level, see `Preparation`.

    Example:
        >>> Protocol().name(3), Protocol((64, 96), "crop", value_range=(0, 4095)).name(1)
        ('fullx3', '64x96x1_crop_0to4095')
    """

    size: tuple[int, int] | None = None
    fit: str = "resize"
    real_count: int | None = None
    bad_limit: float = 0.05
    value_range: tuple[float, float] | None = None
    depth: int = 8

    def name(self, channels: int) -> str:
        """Returns how the names of values say it."""
        size = "full" if self.size is None else "x".join(map(str, self.size))
        levels = "" if self.value_range is None else "_{:g}to{:g}".format(*self.value_range)
        return f"{size}x{channels}" + "_crop" * (self.fit == "crop") + levels

    def of_files(self, images: str | None, real: str) -> tuple["Protocol", int]:
        """Finds how both sets are read: with all bits of their files, and in the same range.

        Args:
            images: folder or zip of generated images; None: they come from a model.
            real: that of the real ones. If both are floating point images, their range is that
                of the real ones, unless it is given.

        Returns:
            The protocol, and the channels of `images`, or else of `real`.
        """
        asked = self.value_range
        found = {"--real": find_preparation(real, "--real", asked)}
        if images is not None:
            found["--images"] = find_preparation(images, "--images", asked)
        for flag, (_, notes) in found.items():
            for note in notes:
                logger.info("%s: %s", flag, note)
        preparations = [preparation for preparation, _ in found.values()]
        deepest = max(preparations, key=lambda preparation: preparation.depth)
        value_range = asked or deepest.value_range
        protocol = dataclasses.replace(self, depth=deepest.depth, value_range=value_range)
        return protocol, preparations[-1].channels

    def open(self, path: str, flag: str, channels: int) -> ImageSource:
        """Opens a folder or zip of images."""
        how = {"depth": self.depth, "value_range": self.value_range}
        return open_images(path, Preparation(self.size, channels, self.fit, **how), flag)

    def prepare(self, image: np.ndarray, extractor: Extractor) -> np.ndarray:
        """Brings an image to the size at which the features begin.

        Args:
            image: uint8, uint16 or float32 in [0, 1], [H, W, C].
            extractor: resizes it.

        Returns:
            float32 [h, w, C] in [-1, 1].
        """
        if self.size is None and self.fit == "crop":
            side = min(image.shape[:2])
            top, left = ((length - side) // 2 for length in image.shape[:2])
            image = image[top : top + side, left : left + side]
        return extractor.resize(to_domain(image[np.newaxis]).numpy())[0]


def evaluate_images(
    saved_model: str | None, images: str | None, real: str, request: Request, protocol: Protocol
) -> Result:
    """Compares images of an exported model or of a folder with those of another folder.

    The names of the values say how images were read and how many of how many there were:
    `fid_keras_inception_fullx3_1000_and_5000`.

    Args:
        saved_model: version folder of an exported model with the signature `from_seeds`, or None.
        images: folder or zip of images, if there is no `saved_model`.
        real: folder or zip of real images.
        request: the metrics to compute; without `features`, by `pixels`.
        protocol: how images are read. Real ones get the channels of the generated ones.
    """
    extractor = features.find(request.features or "pixels")
    available = comparison.offers(extractor.has_classes)
    for name in request.metrics or ():
        if name not in available:
            raise UserError(f"--metrics={name}: not available here; use {', '.join(available)}")
    protocol, channels = protocol.of_files(images, real)
    if saved_model is None:
        origin = f"--images={images}"
        source = protocol.open(images, "--images", channels)
        real_source = protocol.open(real, "--real", channels)
        generated = _of_source(source, extractor, protocol, request.count, "--images")
        counts = sample_name(len(generated.features), len(source))
    else:
        generate, channels = _load(saved_model)
        origin = f"--saved_model={saved_model}"
        real_source = protocol.open(real, "--real", channels)
        count = min(request.count, len(real_source))
        generated = _of_model(generate, extractor, protocol, count)
        counts = str(count)

    def extract():
        return _of_source(real_source, extractor, protocol, protocol.real_count, "--real")

    found = extractor.stored(_content(real_source, protocol), extract)
    count, real_count = len(generated.features), len(found.features)
    real_counts = sample_name(real_count, len(real_source))
    counts = counts if counts == real_counts else f"{counts}_and_{real_counts}"
    if generated.features.shape[1] != found.features.shape[1]:
        raise UserError(
            f"{origin}: has images of another size than --real, and some are too small to be "
            "compared at their own; right would be the size for both as --image_size="
        )
    values, unavailable = comparison.compare(
        generated,
        found,
        request.choose(available),
        f"{extractor.name}_{protocol.name(channels)}_{counts}",
    )
    title = f"{count:,} images of {origin} against {real_count:,} real ones, by {extractor.name}"
    request.check(unavailable)
    result = Result(title, values, unavailable)
    print_result(result)
    return result


def _content(source: ImageSource, protocol: Protocol) -> Iterator[bytes]:
    """Yields what the features of a sample of a folder depend on: files and how they are read."""
    yield f"{source.shape} {protocol.name(source.shape.channels)} ".encode()
    for index in sample_indices(len(source), protocol.real_count):
        try:
            data = source.files.read(source.names[index])
        except UserError:
            data = b""  # an unreadable file is skipped
        yield hashlib.sha256(data).digest()


def _of_source(
    source: ImageSource, extractor: Extractor, protocol: Protocol, count: int | None, flag: str
) -> Features:
    """Extracts the features of a sample of a folder, which never is in memory as a whole."""
    indices = sample_indices(len(source), count)
    bad = []

    def read(index):
        try:
            return protocol.prepare(source.read(index)["image"], extractor)
        except UserError as error:
            return error

    def whole(found):
        for image in found:
            if not isinstance(image, UserError):
                yield image
                continue
            bad.append(image)
            logger.warning("skipped (%d so far): %s", len(bad), image)
            if len(bad) > protocol.bad_limit * len(indices):
                raise UserError(
                    f"--bad_limit={protocol.bad_limit}: {len(bad)} of {len(indices)} images of "
                    f"{flag} cannot be read, the last one: {image}"
                )

    parts = []
    shown = {"desc": f"reading {flag}", "unit": "image", "delay": 2, "leave": False}
    with ThreadPoolExecutor(THREADS) as pool, progress.bar(total=len(indices), **shown) as bar:
        for start in range(0, len(indices), BATCH):
            chosen = indices[start : start + BATCH]
            batch = list(whole(pool.map(read, chosen)))
            if len({image.shape for image in batch}) > 1:
                raise _sizes_differ(flag)
            if batch:
                parts.append(extractor(np.stack(batch)))
            bar.update(len(chosen))
    return _joined(parts, flag)


def _of_model(generate: Callable, extractor: Extractor, protocol: Protocol, count: int):
    parts = []
    for start in progress.bar(range(0, count, BATCH), desc="generating", delay=2, leave=False):
        images = generate(np.arange(start, min(start + BATCH, count), dtype=np.int32))
        if protocol.size is not None:
            images = tf.image.resize(images, protocol.size, antialias=True).numpy()
        parts.append(extractor(images))
    return _joined(parts, "--saved_model")


def _joined(parts: Sequence[Features], flag: str) -> Features:
    if not parts:
        raise UserError(f"{flag}: none of its images can be read; right would be whole images")
    if len({part.features.shape[1] for part in parts}) > 1:
        raise _sizes_differ(flag)
    probabilities = [part.probabilities for part in parts]
    classes = None if probabilities[0] is None else np.concatenate(probabilities)
    return Features(np.concatenate([part.features for part in parts]), classes)


def _sizes_differ(flag: str) -> UserError:
    return UserError(
        f"{flag}: has images of several sizes, some too small to be compared at their own; right "
        "would be the size at which they are compared as --image_size="
    )


def _load(saved_model: str) -> tuple[Callable[[Sequence[int]], np.ndarray], int]:
    """Loads an exported model.

    Returns:
        A function from seeds to images, float32 [B, H, W, C], and C.
    """
    try:
        signatures = tf.saved_model.load(saved_model).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--saved_model={saved_model}: cannot be loaded ({reason})") from error
    from_seeds = signatures.get("from_seeds")
    if from_seeds is None or set(from_seeds.structured_input_signature[1]) != {"seeds"}:
        raise UserError(
            f"--saved_model={saved_model}: has no signature from_seeds that takes only seeds; "
            "write its images to a folder and give that as --images="
        )

    def generate(seeds):
        return from_seeds(seeds=tf.constant(seeds, tf.int32))["pictures"].numpy()

    shape = generate([0]).shape
    if len(shape) != 4:
        raise UserError(
            f"--saved_model={saved_model}: generates points, but --real contains images"
        )
    if shape[-1] not in COLOUR_CHANNELS:
        raise UserError(
            f"--saved_model={saved_model}: generates images of {shape[-1]} channels; right would "
            "be 1, 3 or 4"
        )
    return generate, shape[-1]

"""Evaluation of folders of images and of exported models, compared with a folder of real images."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.decode import MODES
from kgan.data.folder.reading import find_format, open_images
from kgan.evaluation.printing import print_result
from kgan.evaluation.task import Request, Result, sample_name
from kgan.metrics import comparison, features
from kgan.metrics.arrays import map_batches
from kgan.utils.errors import UserError

BATCH = 250


def evaluate_images(
    saved_model: str | None,
    images: str | None,
    real: str,
    request: Request,
    size: tuple[int, int] | None = None,
    fit: str = "resize",
) -> Result:
    """Compares images of an exported model or of a folder with those of another folder.

    Real images are read at the size and with the channels of the generated ones, which the names
    of the values contain: `fid_pixels_28x28x1_1000`.

    Args:
        saved_model: version folder of an exported model with the signature `from_seeds`, or None.
        images: folder or zip of images, if there is no `saved_model`.
        real: folder or zip of real images.
        request: the metrics to compute; without `features`, by `pixels`.
        size: (height, width) at which two folders are compared; None: that of `images`.
        fit: `resize` or `crop`, for images of other sizes.
    """
    if saved_model is None:
        found = find_format(images, "--images", request.count if size is None else 1)
        size = size or found.size
        wanted = ImageFormat(size, size, found.channels, fit)
        source, origin = open_images(images, wanted, "--images"), f"--images={images}"
        real_source = open_images(real, wanted, "--real")
        count = min(request.count, len(source), len(real_source))
        generated = pipeline.examples(source, ("image",), count)["image"]
        counts = sample_name(count, len(source))
        if len(source) != len(real_source):
            counts = f"{counts}_and_{sample_name(count, len(real_source))}"
    else:
        generate, origin = _load(saved_model), f"--saved_model={saved_model}"
        *size, channels = generate([0]).shape[1:]
        wanted = ImageFormat(tuple(size), tuple(size), channels, fit)
        real_source = open_images(real, wanted, "--real")
        count = min(request.count, len(real_source))
        generated = map_batches(generate, np.arange(count, dtype=np.int32), BATCH)
        counts = sample_name(count, len(real_source))
    real_images = pipeline.examples(real_source, ("image",), count)["image"]
    extractor = features.find(request.features or "pixels")
    available = comparison.offers(extractor.has_classes)
    for name in request.metrics or ():
        if name not in available:
            raise UserError(f"--metrics={name}: not available here; use {', '.join(available)}")
    shape = "x".join(map(str, generated.shape[1:]))
    values, unavailable = comparison.compare(
        extractor(generated),
        extractor.cached(real_images),
        request.choose(available),
        f"{extractor.name}_{shape}_{counts}",
    )
    title = (
        f"{count:,} images of {origin} against {count:,} real ones of {shape}, by {extractor.name}"
    )
    request.check(unavailable)
    result = Result(title, values, unavailable)
    print_result(result)
    return result


def _load(saved_model: str) -> Callable[[Sequence[int]], np.ndarray]:
    """Loads an exported model.

    Returns:
        A function from seeds to images, float32 [B, H, W, C].
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
    if shape[-1] not in MODES:
        raise UserError(
            f"--saved_model={saved_model}: generates images of {shape[-1]} channels; right would "
            "be 1, 3 or 4"
        )
    return generate

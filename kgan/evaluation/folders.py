"""Evaluation of folders of images and of exported models, compared with a folder of real images."""

import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.folder.reading import open_images
from kgan.evaluation.printing import print_result
from kgan.evaluation.task import Request, Result
from kgan.metrics import comparison, features
from kgan.metrics.arrays import map_batches
from kgan.utils.errors import UserError

SIZE = ImageFormat((64, 64), (64, 64), 3)  # images are resized to it before features are computed
BATCH = 250


def evaluate_images(
    saved_model: str | None, images: str | None, real: str, request: Request
) -> Result:
    """Compares images of an exported model or of a folder with those of another folder.

    Args:
        saved_model: version folder of an exported model with the signature `from_seeds`, or None.
        images: folder or zip of images, if there is no `saved_model`.
        real: folder or zip of real images.
        request: the metrics to compute; without `features`, by `pixels`.
    """
    real_source = open_images(real, SIZE, "--real")
    count = min(request.count, len(real_source))
    if saved_model is None:
        source = open_images(images, SIZE, "--images")
        count = min(count, len(source))
        generated = pipeline.examples(source, ("image",), count)["image"]
        origin = f"--images={images}"
    else:
        generated = _generate(saved_model, count)
        origin = f"--saved_model={saved_model}"
    real_images = pipeline.examples(real_source, ("image",), count)["image"]
    extractor = features.find(request.features or "pixels")
    available = comparison.offers(extractor.has_classes)
    for name in request.metrics or ():
        if name not in available:
            raise UserError(f"--metrics={name}: not available here; use {', '.join(available)}")
    values, unavailable = comparison.compare(
        extractor(generated),
        extractor.cached(real_images),
        request.choose(available),
        f"{extractor.name}_{count}",
    )
    title = f"{count:,} images of {origin} against {count:,} real ones, by {extractor.name}"
    request.check(unavailable)
    result = Result(title, values, unavailable)
    print_result(result)
    return result


def _generate(saved_model: str, count: int) -> np.ndarray:
    """Generates the images of the seeds 0, 1, … with an exported model."""
    try:
        signatures = tf.saved_model.load(saved_model).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--saved_model={saved_model}: cannot be loaded ({reason})") from error
    generate = signatures.get("from_seeds")
    if generate is None or set(generate.structured_input_signature[1]) != {"seeds"}:
        raise UserError(
            f"--saved_model={saved_model}: has no signature from_seeds that takes only seeds; "
            "write its images to a folder and give that as --images="
        )

    def images(seeds):
        return generate(seeds=tf.constant(seeds))["pictures"].numpy()

    generated = map_batches(images, np.arange(count, dtype=np.int32), BATCH)
    if generated.ndim != 4:
        raise UserError(
            f"--saved_model={saved_model}: generates points, but --real contains images"
        )
    return generated

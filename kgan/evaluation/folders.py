"""Evaluation of exported models and of folders of images."""

import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.folder.reading import open_images
from kgan.evaluation.runner import _refuse_left_out, print_result
from kgan.evaluation.task import Request, Result
from kgan.metrics import comparison, features
from kgan.utils.errors import UserError

# To which images of folders are brought before their features are computed.
ANY_SIZE = ImageFormat((64, 64), (64, 64), 3)
BATCH = 250


def evaluate_images(
    saved_model: str | None, folder: str | None, real: str, request: Request
) -> Result:
    """Measures the images of an exported model or of a folder beside those of another folder.

    Args:
        saved_model: a version's folder; has the signature `from_seeds`.
        folder: or a folder or zip of images.
        real: a folder or zip of real images.
        request: what is to be measured; without features, by `pixels`.

    Raises:
        UserError: one line, for whatever cannot be read or measured.
    """
    flag, given = ("--images", folder) if saved_model is None else ("--saved_model", saved_model)
    source = open_images(real, ANY_SIZE, "--real")
    count = min(request.count, len(source))
    if saved_model is None:
        drawn_source = open_images(folder, ANY_SIZE, "--images")
        count = min(count, len(drawn_source))
        drawn = pipeline.examples(drawn_source, ("image",), count)["image"]
    else:
        drawn = _draw_from(saved_model, count)
    shown = pipeline.examples(source, ("image",), count)["image"]
    extractor = features.find(request.features or "pixels")
    offered = comparison.offers(extractor.has_classes)
    for name in request.metrics or ():
        if name not in offered:
            raise UserError(f"--metrics={name}: right would be some of {', '.join(offered)}")
    values, left_out = comparison.compare(
        extractor(drawn),
        extractor.remember(shown),
        request.wanted(offered),
        f"{extractor.name}_{count}",
    )
    title = f"{count:,} images of {flag}={given} against {count:,} real ones, by {extractor.name}"
    result = Result(title, values, left_out)
    _refuse_left_out(result.left_out, request)
    print_result(result)
    return result


def _draw_from(saved_model: str, count: int) -> np.ndarray:
    try:
        signatures = tf.saved_model.load(saved_model).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--saved_model={saved_model}: cannot be loaded ({reason})") from error
    if "from_seeds" not in signatures:
        raise UserError(
            f"--saved_model={saved_model}: has no signature from_seeds; translate images with it "
            "and give the folder as --images="
        )
    draw = signatures["from_seeds"]
    drawn = [
        draw(seeds=tf.range(start, min(start + BATCH, count)))["pictures"].numpy()
        for start in range(0, count, BATCH)
    ]
    drawn = np.concatenate(drawn)
    if drawn.ndim != 4:
        raise UserError(f"--saved_model={saved_model}: draws points; there are images in --real")
    return drawn

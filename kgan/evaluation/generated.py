"""Images drawn from noise beside real ones: distances of distributions, classes, agreement."""

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset, Source
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import comparison
from kgan.metrics.features import Extractor, Seen, find
from kgan.utils import progress
from kgan.utils.errors import UserError

NAME = "drawings"
BATCH = 250
AGREEMENT = {"agreement": False}
DIGITS = tuple("0123456789")
DIRECTIONS = {**comparison.directions(), **AGREEMENT}


class NotFiniteError(UserError):
    """A model draws NaN or infinity."""


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a model that draws images from seeds, where features are known or asked for."""
    draws = hasattr(model, "latents_from_seeds") and collection.kind != "points"
    features = request.features or collection.features
    source = collection.parts.get(request.part)
    if not draws or features is None or source is None:
        return None
    extractor = find(features)
    asks = collection.class_names == DIGITS and features == "digits"

    def measure(names):
        count = min(request.count, len(source))
        real = real_features(source, extractor, count)
        told = conditions(model, collection, request.part, count)
        images = generate(model, count, told)
        generated = extractor(images)
        protocol = f"{extractor.name}_{count}"
        values, left_out = comparison.compare(
            generated, real, [n for n in names if n in comparison.METRICS], protocol
        )
        if "agreement" in names:
            found = comparison.class_agreement(generated.probabilities, told.argmax(axis=1))
            values |= {
                name.replace("agreement", f"agreement_{protocol}", 1): value
                for name, value in found.items()
            }
        title = (
            f"{count:,} drawn images against {count:,} real ones of the {request.part} part, by "
            f"{extractor.name}"
        )
        return Result(title, values, left_out)

    def impossible(names):
        real = real_features(source, extractor, min(request.count, len(source)))
        wanted = [name for name in names if name in comparison.METRICS]
        return comparison.compare(real, real, wanted, "")[1]

    offers = comparison.offers(extractor.has_classes)
    return Task(NAME, {**offers, **(AGREEMENT if asks else {})}, measure, impossible)


def real_features(source: Source, extractor: Extractor, count: int) -> Seen:
    """Looks at the first images of a part, or at what was kept of them."""
    images = pipeline.examples(source, ("image",), count)["image"]
    return extractor.remember(images)


def conditions(model, collection: Dataset, part: str, count: int) -> np.ndarray | None:
    """Gives what a conditional model is asked for: what the first real examples show.

    Returns:
        float32 [count, K], or None for a model that is not told anything.
    """
    if not hasattr(model, "condition_size"):
        return None
    key = "label" if collection.kind == "labelled" else "attributes"
    known = pipeline.examples(collection.parts[part], (key,), count)[key]
    if key == "label":
        return np.eye(model.condition_size, dtype=np.float32)[known]
    return known.astype(np.float32)


def generate(model, count: int, told: np.ndarray | None = None) -> np.ndarray:
    """Draws the images (or points) of the seeds 0, 1, …

    Args:
        model: a `LatentModel`.
        count: how many.
        told: float32 [count, K], for a conditional model.

    Returns:
        float32 [count, H, W, C] in [-1, 1], or [count, D].

    Raises:
        NotFiniteError: for NaN and infinity.
    """
    drawn = []
    starts = range(0, count, BATCH)
    for start in progress.bar(starts, desc="drawing", delay=5, leave=False):
        numbers = np.arange(start, min(start + BATCH, count))
        own = [] if told is None else [told[numbers]]
        drawn.append(model.generate(model.latents_from_seeds(numbers), *own))
    images = np.concatenate(drawn)
    if not np.isfinite(images).all():
        raise NotFiniteError("--run: the model draws NaN; right would be an earlier checkpoint")
    return images

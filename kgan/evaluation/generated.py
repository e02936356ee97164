"""Evaluation `drawings`: images generated from latents, compared with real images."""

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset, Source
from kgan.evaluation.task import Request, Result, Task, sample_name
from kgan.metrics import comparison, features
from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.utils import progress
from kgan.utils.errors import UserError

NAME = "drawings"
BATCH = 250
AGREEMENT = {"agreement": False}
DIGITS = tuple("0123456789")
LOWER_IS_BETTER = {**comparison.directions(), **AGREEMENT}


class NotFiniteError(UserError):
    """A model generates NaN or infinity."""


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for a model that generates images, if there are features to compare by.

    A conditional model gets the conditions of the real images. `agreement` is the share of its
    images whose class, as the digit network sees it, is the requested one.
    """
    name = request.features or dataset.features
    source = dataset.parts.get(request.part)
    generates = isinstance(model, LatentModel) and dataset.kind != "points"
    if not generates or name is None or source is None:
        return None
    extractor = features.find(name)
    count = min(request.count, len(source))
    metrics = comparison.offers(extractor.has_classes)
    if dataset.class_names == DIGITS and name == "digits":
        metrics |= AGREEMENT

    def measure(names):
        real = real_features(source, extractor, count)
        conditions = real_conditions(model, dataset, request.part, count)
        generated = extractor(generate(model, count, conditions))
        protocol = f"{extractor.name}_{sample_name(count, len(source))}"
        values, unavailable = comparison.compare(generated, real, names, protocol)
        if "agreement" in names:
            correct = generated.probabilities.argmax(axis=1) == conditions.argmax(axis=1)
            values |= comparison.mean_with_error(f"agreement_{protocol}", correct)
        title = (
            f"{count:,} generated images against {count:,} real ones of the {request.part} part, "
            f"by {extractor.name}"
        )
        return Result(title, values, unavailable)

    def unavailable(names):
        real = real_features(source, extractor, count)
        return comparison.compare(real, real, names, "")[1]

    return Task(NAME, metrics, measure, unavailable)


def real_features(source: Source, extractor: features.Extractor, count: int) -> features.Features:
    """Computes the features of a sample of a part, or reads them from the cache."""
    return extractor.cached(pipeline.examples(source, ("image",), count)["image"])


def real_conditions(model, dataset: Dataset, part: str, count: int) -> np.ndarray | None:
    """Returns the conditions of the same sample of a part.

    Returns:
        float32 [count, K], or None for a model that is not conditional.
    """
    if not isinstance(model, ConditionalModel):
        return None
    key = "label" if dataset.kind == "labelled" else "attributes"
    known = pipeline.examples(dataset.parts[part], (key,), count)[key]
    if key == "label":
        return np.eye(model.condition_size, dtype=np.float32)[known]
    return known.astype(np.float32)


def generate(model, count: int, conditions: np.ndarray | None = None) -> np.ndarray:
    """Generates the images (or points) of the seeds 0, 1, …

    Args:
        model: a `LatentModel`.
        count: number of images.
        conditions: float32 [count, K], for a conditional model.

    Returns:
        float32 [count, H, W, C] in [-1, 1], or [count, D].

    Raises:
        NotFiniteError: for NaN and infinity.
    """
    parts = []
    for start in progress.bar(range(0, count, BATCH), desc="generating", delay=5, leave=False):
        seeds = np.arange(start, min(start + BATCH, count))
        given = [] if conditions is None else [conditions[seeds]]
        parts.append(model.generate(model.latents_from_seeds(seeds), *given))
    images = np.concatenate(parts)
    if not np.isfinite(images).all():
        raise NotFiniteError("--run: the model generates NaN; use an earlier checkpoint")
    return images

"""Evaluation `cycles`: translations in both directions between two unpaired sets of images."""

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.generated import real_features
from kgan.evaluation.task import Request, Result, Task, sample_name
from kgan.metrics import comparison, features, translation
from kgan.models.base.translation import TranslationModel
from kgan.utils import progress

NAME = "cycles"
BATCH = 8
METRICS = {"reconstruction": True}
LOWER_IS_BETTER = {**METRICS, **comparison.directions()}


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for a model that translates in both directions, on two sets.

    `reconstruction` is the error of an image that was translated there and back. The other metrics
    compare translated images with real ones of their domain.
    """
    parts = [dataset.parts.get(f"{request.part}{domain}") for domain in ("_a", "_b")]
    if dataset.kind != "unpaired" or None in parts or not isinstance(model, TranslationModel):
        return None
    name = request.features or dataset.features
    extractor = None if name is None else features.find(name)
    counts = [min(request.count, len(part)) for part in parts]
    samples = [sample_name(request.count, len(part)) for part in parts]

    def measure(names):
        values, unavailable = {}, {}
        for index, (direction, back) in enumerate((("AtoB", "BtoA"), ("BtoA", "AtoB"))):
            images = pipeline.examples(parts[index], ("image",), counts[index])["image"]
            translated, returned = _there_and_back(model, images, direction, back)
            if "reconstruction" in names:
                errors = translation.l1(returned, images)
                key = f"reconstruction_l1_{direction}_{samples[index]}"
                values |= comparison.mean_with_error(key, errors)
            compared = [name for name in names if name in comparison.METRICS]
            if compared:
                real = real_features(parts[1 - index], extractor, counts[1 - index])
                protocol = f"{direction}_{extractor.name}_{samples[index]}"
                if counts[1 - index] < len(parts[1 - index]):
                    protocol += f"_and_{samples[1 - index]}"
                found, missing = comparison.compare(extractor(translated), real, compared, protocol)
                values |= found
                unavailable |= {f"{name} {direction}": why for name, why in missing.items()}
        title = f"{counts[0]:,} images of A and {counts[1]:,} of B, {request.part} parts"
        return Result(title, values, unavailable)

    compared = {} if extractor is None else comparison.offers(extractor.has_classes)
    return Task(NAME, {**METRICS, **compared}, measure)


def _there_and_back(model, images, direction, back):
    translated, returned = [], []
    starts = range(0, len(images), BATCH)
    for start in progress.bar(starts, desc=f"translating {direction}", delay=5, leave=False):
        translated.append(model.directions[direction].translate(images[start : start + BATCH]))
        returned.append(model.directions[back].translate(translated[-1]))
    return np.concatenate(translated), np.concatenate(returned)

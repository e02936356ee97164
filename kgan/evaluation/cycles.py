"""Translations both ways between two sets: what comes back, and how near to real each way is."""

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.generated import real_features
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import comparison, translation
from kgan.metrics.comparison import ERROR
from kgan.metrics.features import find
from kgan.utils import progress

NAME = "cycles"
BATCH = 8
OFFERS = {"reconstruction": True}
DIRECTIONS = {**OFFERS, **comparison.directions()}


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a model that translates both ways, on two sets."""
    parts = [collection.parts.get(f"{request.part}{domain}") for domain in ("_a", "_b")]
    if collection.kind != "unpaired" or None in parts or not hasattr(model, "ways"):
        return None
    features = request.features or collection.features
    extractor = None if features is None else find(features)

    def measure(names):
        values, left_out = {}, {}
        ways = (("AtoB", "BtoA", *parts), ("BtoA", "AtoB", *reversed(parts)))
        for way, back, source, other in ways:
            count = min(request.count, len(source))
            images = pipeline.examples(source, ("image",), count)["image"]
            translated, returned = _there_and_back(model, images, way, back)
            if "reconstruction" in names:
                errors = translation.l1(returned, images)
                name = f"reconstruction_l1_{way}_{count}"
                values[name] = float(errors.mean())
                values[f"{name}{ERROR}"] = float(errors.std(ddof=1) / np.sqrt(len(errors)))
            compared = [name for name in names if name in comparison.METRICS]
            if compared:
                real = real_features(other, extractor, min(request.count, len(other)))
                protocol = f"{way}_{extractor.name}_{len(translated)}"
                found, missing = comparison.compare(extractor(translated), real, compared, protocol)
                values |= found
                left_out |= {f"{name} {way}": why for name, why in missing.items()}
        many = [f"{min(request.count, len(part)):,}" for part in parts]
        title = f"{many[0]} images of A and {many[1]} of B, {request.part} parts"
        return Result(title, values, left_out)

    offers = {} if extractor is None else comparison.offers(extractor.has_classes)
    return Task(NAME, {**OFFERS, **offers}, measure)


def _there_and_back(model, images, way, back):
    translated, returned = [], []
    for start in progress.bar(
        range(0, len(images), BATCH), desc=f"translating {way}", delay=5, leave=False
    ):
        there = model.ways[way].translate(images[start : start + BATCH])
        translated.append(there)
        returned.append(model.ways[back].translate(there))
    return np.concatenate(translated), np.concatenate(returned)

"""Translations beside their targets, and beside what trivial answers reach."""

from collections.abc import Iterable

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import translation
from kgan.metrics.comparison import ERROR
from kgan.utils import progress

NAME = "pairs"
BATCH = 8
# Whether lower is better.
OFFERS = {
    "l1": True,
    "psnr": False,
    "ssim": False,
    "pixel_accuracy": False,
    "class_accuracy": False,
    "mean_iou": False,
}
DIRECTIONS = {**OFFERS, "l1_constant_colour_per_class": None, "l1_noise_floor": None}


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a model that translates, on pairs."""
    if collection.kind != "paired" or not hasattr(model, "translate"):
        return None
    source = collection.parts.get(request.part)
    if source is None:
        return None

    def measure(names):
        values = compare(model, collection, request.part, names)
        return Result(f"{len(source):,} images of the {request.part} part", values)

    return Task(NAME, OFFERS, measure)


def compare(
    model, collection: Dataset, part: str = "test", names: Iterable[str] = tuple(OFFERS)
) -> dict[str, float]:
    """Measures a translation model beside trivial answers.

    Args:
        model: has `translate`.
        collection: paired.
        part: which part of it.
        names: of `OFFERS`.

    Returns:
        `l1` ([-1, 1] scale), `psnr` (decibels) and, where images hold its window, `ssim`: means
        over images, with standard errors; where the given side is a label map,
        `l1_constant_colour_per_class`; where the noise of the target is known, `l1_noise_floor`;
        where the target is a label map, `pixel_accuracy` and `commonest_class_share`,
        `class_accuracy` and `mean_iou`. `images` is how many were measured.
    """
    source = collection.parts[part]
    read = pipeline.batches(source, ("input", "target"), BATCH)
    total = -(-len(source) // BATCH)
    inputs, targets, answers = [], [], []
    for given, wanted in progress.bar(read, total=total, desc="measuring", delay=5, leave=False):
        inputs.append(given)
        targets.append(wanted)
        answers.append(model.translate(given))
    inputs, targets, answers = map(np.concatenate, (inputs, targets, answers))
    measured: dict[str, float] = {"pictures": len(targets)}
    if "l1" in names:
        measured |= _mean("l1", translation.l1(answers, targets))
        if collection.palette_side == "input":
            given_classes = translation.classes(inputs, collection.palette)
            measured["l1_constant_colour_per_class"] = translation.constant_colour_l1(
                given_classes, targets
            )
        if collection.noise_floor is not None:
            measured["l1_noise_floor"] = collection.noise_floor
    if "psnr" in names:
        measured |= _mean("psnr", translation.psnr(answers, targets))
    if "ssim" in names and min(targets.shape[1:3]) >= translation.SSIM_WINDOW:
        measured |= _mean("ssim", translation.ssim(answers, targets))
    labels = {"pixel_accuracy", "class_accuracy", "mean_iou"} & set(names)
    if labels and collection.palette_side == "target":
        found = _labels(answers, targets, collection.palette)
        measured |= {k: v for k, v in found.items() if k in labels or k not in OFFERS}
    return measured


def _labels(answers, targets, palette):
    wanted = translation.classes(targets, palette)
    answered = translation.classes(answers, palette)
    return {
        "pixel_accuracy": translation.pixel_accuracy(answered, wanted),
        "commonest_class_share": translation.commonest_class_share(wanted),
        "class_accuracy": translation.class_accuracy(answered, wanted, len(palette)),
        "mean_iou": translation.mean_iou(answered, wanted, len(palette)),
    }


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    """Gives the mean of one value an image, and its standard error where there are several."""
    found = {name: float(values.mean())}
    if len(values) > 1:
        found[f"{name}{ERROR}"] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return found

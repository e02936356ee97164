"""Evaluation `pairs`: translations, compared with their targets and with trivial answers."""

from collections.abc import Iterable

import numpy as np

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import comparison, translation
from kgan.models.base.translation import TranslationModel
from kgan.utils import progress

NAME = "pairs"
BATCH = 8
LABEL_METRICS = {"pixel_accuracy": False, "class_accuracy": False, "mean_iou": False}
METRICS = {"l1": True, "psnr": False, "ssim": False, **LABEL_METRICS}
LOWER_IS_BETTER = {**METRICS, "l1_constant_colour_per_class": None, "l1_noise_floor": None}


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for a model that translates, on pairs."""
    source = dataset.parts.get(request.part)
    if dataset.kind != "paired" or source is None or not isinstance(model, TranslationModel):
        return None

    def measure(names):
        values = compare(model, dataset, request.part, names)
        return Result(f"{len(source):,} images of the {request.part} part", values)

    return Task(NAME, METRICS, measure)


def compare(
    model, dataset: Dataset, part: str = "test", names: Iterable[str] = tuple(METRICS)
) -> dict[str, float]:
    """Measures a translation model and trivial answers.

    Args:
        model: a `TranslationModel` of one direction.
        dataset: a dataset of pairs.
        part: part of the dataset.
        names: of `METRICS`.

    Returns:
        `l1` ([-1, 1] scale), `psnr` (decibels) and, for images not smaller than its window, `ssim`:
        means over images, with standard errors. If the input is a label map,
        `l1_constant_colour_per_class`; if the noise of the target is known, `l1_noise_floor`. If
        the target is a label map, `pixel_accuracy` with `commonest_class_share`, `class_accuracy`
        and `mean_iou`, of the pixels with a class; without `psnr` and `ssim` where it is one-hot.
        `pictures` is the number of images.
    """
    source = dataset.parts[part]
    batches = pipeline.batches(source, ("input", "target"), BATCH)
    total = -(-len(source) // BATCH)
    bar = progress.bar(batches, total=total, desc="measuring", delay=5, leave=False)
    translate = model.directions[None].translate
    read = [(inputs, targets, translate(inputs)) for inputs, targets in bar]
    inputs, targets, answers = map(np.concatenate, zip(*read, strict=True))
    values: dict[str, float] = {"pictures": len(targets)}
    if "l1" in names:
        values |= comparison.mean_with_error("l1", translation.l1(answers, targets))
        if (classes := _classes(inputs, source, "input", dataset)) is not None:
            constant = translation.constant_colour_l1(classes, targets)
            values["l1_constant_colour_per_class"] = constant
        if dataset.noise_floor is not None:
            values["l1_noise_floor"] = dataset.noise_floor
    one_hot = "target" in source.one_hot
    if "psnr" in names and not one_hot:
        values |= comparison.mean_with_error("psnr", translation.psnr(answers, targets))
    if "ssim" in names and not one_hot and min(targets.shape[1:3]) >= translation.SSIM_WINDOW:
        values |= comparison.mean_with_error("ssim", translation.ssim(answers, targets))
    labels = LABEL_METRICS.keys() & set(names)
    wanted = _classes(targets, source, "target", dataset) if labels else None
    if wanted is not None:
        own = answers.argmax(axis=-1) if one_hot else _classes(answers, source, "target", dataset)
        known = wanted >= 0
        found = _compare_labels(own[known][np.newaxis], wanted[known][np.newaxis])
        values |= {k: v for k, v in found.items() if k in labels or k not in METRICS}
    return values


def _classes(images, source, side, dataset):
    """Returns the class of each pixel, -1 where there is none; None if these are no label maps."""
    if side in source.one_hot:
        return np.where((images > 0).any(axis=-1), images.argmax(axis=-1), -1)
    if dataset.palette_side == side:
        return translation.classes(images, dataset.palette)
    return None


def _compare_labels(answers, targets):
    count = int(max(answers.max(initial=0), targets.max(initial=0))) + 1
    return {
        "pixel_accuracy": translation.pixel_accuracy(answers, targets),
        "commonest_class_share": translation.commonest_class_share(targets),
        "class_accuracy": translation.class_accuracy(answers, targets, count),
        "mean_iou": translation.mean_iou(answers, targets, count),
    }

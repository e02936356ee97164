"""Measures a trained model on the test part of its data."""

import json
import logging
import time

import numpy as np

from kgan import files, progress, runs
from kgan.data import Collection, pipeline
from kgan.metrics import translation

logger = logging.getLogger("kgan")

BATCH = 8


def evaluate_translation(model, collection: Collection, part: str = "test") -> dict[str, float]:
    """Measures a translation model beside trivial answers.

    Args:
        model: has `translate`.
        collection: paired.
        part: which part of it.

    Returns:
        `l1` ([-1, 1] scale), `psnr` (decibels) and, where pictures hold its window, `ssim`: means
        over pictures, and their standard errors `…_standard_error`; where the given side is a
        label map, `l1_constant_colour_per_class`; where the noise of the target is known,
        `l1_noise_floor`; where the target is a label map, `pixel_accuracy` and
        `commonest_class_share`, `class_accuracy` and `mean_iou`. `pictures` is how many were
        measured.
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
    measured = {"pictures": len(targets), **_mean("l1", translation.l1(answers, targets))}
    if collection.palette_side == "input":
        given_classes = translation.classes(inputs, collection.palette)
        measured["l1_constant_colour_per_class"] = translation.constant_colour_l1(
            given_classes, targets
        )
    if collection.noise_floor is not None:
        measured["l1_noise_floor"] = collection.noise_floor
    measured |= _mean("psnr", translation.psnr(answers, targets))
    if min(targets.shape[1:3]) >= translation.SSIM_WINDOW:
        measured |= _mean("ssim", translation.ssim(answers, targets))
    if collection.palette_side == "target":
        wanted = translation.classes(targets, collection.palette)
        answered = translation.classes(answers, collection.palette)
        measured["pixel_accuracy"] = translation.pixel_accuracy(answered, wanted)
        measured["commonest_class_share"] = translation.commonest_class_share(wanted)
        count = len(collection.palette)
        measured["class_accuracy"] = translation.class_accuracy(answered, wanted, count)
        measured["mean_iou"] = translation.mean_iou(answered, wanted, count)
    return measured


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    """Gives the mean of one value a picture, and its standard error where there are several."""
    found = {name: float(values.mean())}
    if len(values) > 1:
        found[f"{name}_standard_error"] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return found


def evaluate_run(run: runs.Run, collection: Collection, part: str = "test") -> dict[str, float]:
    """Measures a run's best checkpoint, appends to `evaluation.jsonl` in it, and says it.

    Returns:
        The measures; empty for models that this version cannot measure.
    """
    if collection.kind != "paired" or part not in collection.parts:
        return {}
    model = runs.load(str(run.folder))
    measured = evaluate_translation(model, collection, part)
    line = {"part": part, "step": model.completed_steps, "time": time.time(), **measured}
    path = run.folder / "evaluation.jsonl"
    # All of it anew: a line that a full disk tore would spoil the next one, too.
    before = path.read_text() if path.exists() else ""
    with files.beside(path) as place:
        place.write_text(before + json.dumps(line) + "\n")
    logger.info("measured on %d pictures of the %s part:", measured["pictures"], part)
    for name, value in measured.items():
        if name != "pictures":
            logger.info("  %-30s %.4f", name, value)
    return measured

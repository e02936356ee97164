"""How probable the model finds examples that it was not trained on."""

import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.task import Request, Result, Task
from kgan.metrics import likelihood
from kgan.metrics.comparison import ERROR
from kgan.utils import progress

NAME = "likelihood"
SAMPLES = 500  # of the latent for each example, where the likelihood is only bounded
BATCH = 250
ROWS = 10_000  # latents at once: their images have to lie in memory
BOUND = {"elbo": False, "log_likelihood": False}
EXACT = {"log_likelihood": False, "bits_per_dimension": True}
OF_REAL = "log_likelihood_nats_of_mixture"
# Whether lower is better.
DIRECTIONS = {**BOUND, **EXACT, OF_REAL: None}


def fitting(model, collection: Dataset, request: Request) -> Task | None:
    """Fits a model that weighs latents, or that knows densities, of single examples."""
    source = collection.parts.get(request.part)
    if source is None:
        return None
    if hasattr(model, "log_weights"):
        measure, offers = _bound, BOUND
    elif hasattr(model, "log_densities"):
        measure, offers = _exact, EXACT
    else:
        return None

    def measured(names):
        count = min(request.count, len(source))
        values, about = measure(model, collection, source, count)
        kept = {k: v for k, v in values.items() if any(k.startswith(f"{n}_") for n in names)}
        return Result(f"{count:,} images of the {request.part} part{about}", kept)

    return Task(NAME, offers, measured)


def _in_parts(source, count, size):
    """Reads the first examples in parts, each with the places of its examples."""
    images = pipeline.examples(source, ("image",), count)["image"]
    starts = range(0, count, size)
    for start in progress.bar(starts, desc="weighing", delay=5, leave=False):
        part = images[start : start + size]
        yield tf.constant(part), tf.range(start, start + len(part), dtype=tf.int32)


def _bound(model, collection, source, count):
    model.take_averages()
    parts = [
        np.asarray(model.log_weights(images, numbers, SAMPLES))
        for images, numbers in _in_parts(source, count, max(1, ROWS // SAMPLES))
    ]
    log_weights = np.concatenate(parts).astype(np.float64)
    values = {
        **_with_error("elbo_nats", str(count), log_weights.mean(axis=1)),
        **_with_error(
            "log_likelihood_nats", f"{SAMPLES}_{count}", likelihood.log_mean_exp(log_weights)
        ),
    }
    return values, f", {SAMPLES} importance samples each"


def _exact(model, collection, source, count):
    model.take_averages()
    parts = [
        model.log_densities(images, numbers) for images, numbers in _in_parts(source, count, BATCH)
    ]
    values = {}
    for name in parts[0]:
        values |= _with_error(name, str(count), np.concatenate([part[name] for part in parts]))
    if collection.mixture is not None:
        points = pipeline.examples(source, ("image",), count)["image"]
        mixture = collection.mixture
        of_mixture = likelihood.mixture_log_densities(
            points, np.array(mixture.centres), mixture.deviation
        )
        values[f"{OF_REAL}_{count}"] = float(of_mixture.mean())
    return values, ", exactly"


def _with_error(name, protocol, per_example):
    mean, error = likelihood.mean_and_error(per_example)
    full = f"{name}_{protocol}"
    return {full: mean} if np.isnan(error) else {full: mean, f"{full}{ERROR}": error}

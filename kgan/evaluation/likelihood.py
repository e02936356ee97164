"""Evaluation `likelihood`: how probable examples outside the training part are under the model."""

import numpy as np
import tensorflow as tf

from kgan.data import pipeline
from kgan.data.dataset import Dataset
from kgan.evaluation.task import Request, Result, Task, sample_name
from kgan.metrics import comparison, likelihood
from kgan.models.base.likelihood import LikelihoodModel
from kgan.utils import progress

NAME = "likelihood"
SAMPLES = 500  # of the latent for each example, where only a bound of the likelihood is known
BATCH = 250
ROWS = 10_000  # maximum number of latents at once, so that their images fit into memory
BOUND = {"elbo": False, "log_likelihood": False}
EXACT = {"log_likelihood": False, "bits_per_dimension": True}
OF_MIXTURE = "log_likelihood_nats_of_mixture"
LOWER_IS_BETTER = {**BOUND, **EXACT, OF_MIXTURE: None}


def make_task(model, dataset: Dataset, request: Request) -> Task | None:
    """Returns the task for a model that computes densities, or importance weights of latents."""
    source = dataset.parts.get(request.part)
    if source is None or not isinstance(model, LikelihoodModel):
        return None
    compute, metrics = (_exact, EXACT) if model.is_exact else (_bound, BOUND)
    count = min(request.count, len(source))
    sample = sample_name(count, len(source))

    def measure(names):
        images = pipeline.examples(source, ("image",), count)["image"]
        model.update_averages()
        values, protocol = compute(model, dataset, images, sample)
        prefixes = tuple(f"{name}_" for name in names)
        values = {key: value for key, value in values.items() if key.startswith(prefixes)}
        return Result(f"{count:,} images of the {request.part} part, {protocol}", values)

    return Task(NAME, metrics, measure)


def _batches(images, size):
    """Yields batches of examples with their indices."""
    for start in progress.bar(range(0, len(images), size), desc="weighing", delay=5, leave=False):
        batch = images[start : start + size]
        yield tf.constant(batch), tf.range(start, start + len(batch), dtype=tf.int32)


def _bound(model, dataset, images, sample):
    batches = _batches(images, max(1, ROWS // SAMPLES))
    weights = [np.asarray(model.log_weights(*batch, SAMPLES)) for batch in batches]
    weights = np.concatenate(weights).astype(np.float64)
    estimates = likelihood.log_mean_exp(weights)
    values = {
        **comparison.mean_with_error(f"elbo_nats_{sample}", weights.mean(axis=1)),
        **comparison.mean_with_error(f"log_likelihood_nats_{SAMPLES}_{sample}", estimates),
    }
    return values, f"{SAMPLES} importance samples each"


def _exact(model, dataset, images, sample):
    parts = [model.log_densities(*batch) for batch in _batches(images, BATCH)]
    values = {}
    for name in parts[0]:
        densities = np.concatenate([part[name] for part in parts]).astype(np.float64)
        values |= comparison.mean_with_error(f"{name}_{sample}", densities)
    mixture = dataset.mixture
    if mixture is not None:
        densities = likelihood.mixture_log_densities(
            images, np.array(mixture.centres), mixture.deviation
        )
        values[f"{OF_MIXTURE}_{sample}"] = float(densities.mean())
    return values, "exact"

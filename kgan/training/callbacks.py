"""Callbacks of a training, chosen by its settings: logs, samples, validation, checkpoints."""

import dataclasses
import functools

import keras
import numpy as np

from kgan.callbacks.base import StepCallback
from kgan.callbacks.checkpoint import Checkpoints
from kgan.callbacks.estimate import TimeEstimate
from kgan.callbacks.health import CollapseMonitor, NaNGuard
from kgan.callbacks.learning_rates import LearningRates
from kgan.callbacks.logging import MachineLogger, MeansLogger, Progress
from kgan.callbacks.samples import SampleImages
from kgan.callbacks.stopping import StopBySignal, TimeLimit
from kgan.callbacks.validation import Validation
from kgan.cli.settings import ValidationSettings
from kgan.data import pipeline
from kgan.data.dataset import Dataset, Subset
from kgan.data.splits import sample_indices
from kgan.evaluation.runner import ValidationPlan, plan_validation
from kgan.evaluation.task import Request
from kgan.plots import grids, scatter
from kgan.training.sizes import kept_checkpoints

VALIDATION_BATCH = 8


@dataclasses.dataclass(frozen=True)
class TrainingCallbacks:
    """The callbacks of a training.

    Args:
        called: all of them, in the order in which they are called.
        saver: the one that saves and loads checkpoints.
        guard: notices NaN and infinity.
        stop: ends training after a signal.

    Example:
        >>> callbacks = TrainingCallbacks([], None, NaNGuard(every=20), StopBySignal())
        >>> callbacks.guard.every
        20
    """

    called: list[StepCallback]
    saver: Checkpoints
    guard: NaNGuard
    stop: StopBySignal


def make_callbacks(training, log) -> TrainingCallbacks:
    """Makes the callbacks; only the chief of several workers samples, validates and saves.

    Args:
        training: `kgan.training.loop.Training`, with its run folder.
        log: `kgan.runs.logs.ScalarLog` or `NoLog`.
    """
    settings, plan, model, run = training.settings, training.plan, training.model, training.run
    stop = StopBySignal(training.workers.gather, training.watch, str(run.checkpoints))
    guard = NaNGuard(settings.run.log_every)
    means = MeansLogger(
        log, settings.run.log_every, plan.steps_per_epoch, plan.images_per_step, plan.total_steps
    )
    rates = {
        name: float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        for name, optimizer in model.optimizers.items()
    }
    schedule = LearningRates(
        rates,
        settings.run.lr_schedule_length or plan.total_steps,
        settings.run.lr_schedule,
        settings.run.lr_decay_from,
        settings.run.lr_warmup,
    )
    stateful = {"means": means}
    saver = Checkpoints(
        run.checkpoints,
        {"scheme": settings.model, "settings": settings.fixed_on_resume()},
        plan.every(settings.run.checkpoint_every, 10),
        kept_checkpoints(settings.run, model),
        stateful,
        lambda names: guard.fail(f"weights not finite: {', '.join(names[:3])}"),
        plan.total_steps,
        lambda: guard.diagnosis is not None,
    )
    # After the means, which log the rates of the step that was taken.
    called = [guard, means, schedule]
    if settings.run.minutes is not None:
        called.append(TimeLimit(settings.run.minutes))
    if training.workers.is_chief:
        stateful |= _chief_callbacks(training, log, means, guard, stop, saver)
        called += list(stateful.values())[1:]
        called.append(MachineLogger(log, lambda: guard.diagnosis is not None))
        called.append(Progress(plan.total_steps, means, plan.minutes))
        # Where a limit of time is set, the bar shows what it leaves.
        called += [TimeEstimate(plan.total_steps)] if plan.minutes is None else []
        called.append(saver)
    # The last one: it makes all workers end after the same step, whatever ended training.
    return TrainingCallbacks([*called, stop], saver, guard, stop)


def _chief_callbacks(training, log, means, guard, stop, saver) -> dict[str, StepCallback]:
    """Makes the callbacks whose state is saved, by the name under which it is stored."""
    settings, plan, dataset = training.settings, training.plan, training.dataset
    found = {
        "samples": SampleImages(
            log,
            training.run.samples,
            plan.every(settings.run.sample_every, 20),
            _sampler(dataset, training.model),
            training.failures,
        ),
        "alarms": CollapseMonitor(
            *(log, means, guard, settings.run.on_collapse, plan.share(20), training.failures)
        ),
    }
    validation = choose_validation(settings.validation, dataset, training.model)
    if validation is not None:
        found["validation"] = Validation(
            log,
            plan.every(settings.validation.validate_every, 10),
            validation.measure,
            validation.decisive,
            lambda: saver.write_best(training.run.best),
            # A signal that comes in the last step interrupts nothing: nobody will resume that.
            lambda: stop.received is not None and saver.step < plan.total_steps,
            validation.lower_is_better,
            training.failures,
        )
    return found


def choose_validation(
    settings: ValidationSettings, dataset: Dataset, model
) -> ValidationPlan | None:
    """Chooses what is measured during training, and what selects the best checkpoint.

    Returns:
        None where nothing is to be measured.
    """
    if settings.validate_metrics is not None:
        # Never the test part: a checkpoint that was chosen by it would be measured too well.
        part = "validation" if "validation" in dataset.parts else "train"
        request = Request(
            part,
            settings.validate_metrics,
            settings.validate_features,
            settings.validate_count,
            "validate_metrics",
        )
        return plan_validation(model, dataset, request)
    source = dataset.parts.get("validation")
    if source is None or model.validation_measure is None:
        return None

    def measure():
        return model.validate(pipeline.batches(source, dataset.fields, VALIDATION_BATCH))

    return ValidationPlan(measure, model.validation_measure, lower_is_better=True)


def _sampler(dataset, model):
    """Chooses how samples are shown: points as a plot, everything else as sheets of images."""
    # Read when the first sheet needs them: a file that cannot be read costs sheets only.
    if dataset.kind == "points":

        @functools.cache
        def real():
            (points,) = pipeline.examples(dataset.parts["test"], ("image",), scatter.SHOWN).values()
            return points

        return lambda model: scatter.plot_model(model, real())
    count = model.preview_examples

    @functools.cache
    def examples():
        return _preview_examples(dataset, count) if count else None

    return lambda model: grids.image_grid(model.preview(examples()), model.preview_columns)


def _preview_examples(dataset, count):
    """Reads some test examples by field; of two domains each, `image_a` and `image_b`."""
    parts = {
        domain: dataset.parts.get(f"test{domain}") or dataset.parts[f"train{domain}"]
        for domain in dataset.domains
    }
    count = min(count, max(map(len, parts.values())))
    examples = {}
    for domain, part in parts.items():
        # Of two domains, the smaller one has its examples repeated.
        chosen = Subset(part, np.resize(sample_indices(len(part), count), count))
        read = pipeline.examples(chosen, dataset.fields)
        examples |= {f"{field}{domain}": value for field, value in read.items()}
    return examples

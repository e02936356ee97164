"""What is called beside training, chosen by the settings: samples, alarms, validation, saving."""

import numpy as np

from kgan.callbacks import health
from kgan.callbacks.checkpoint import Checkpoints
from kgan.callbacks.logging import MachineLogger, MeansLogger, Progress
from kgan.callbacks.samples import SampleImages
from kgan.callbacks.stopping import TimeLimit
from kgan.callbacks.validation import Validation
from kgan.cli import settings
from kgan.data import pipeline
from kgan.data.dataset import Subset
from kgan.evaluation import runner
from kgan.evaluation.runner import ValidationPlan
from kgan.evaluation.task import Request
from kgan.plots import grids, scatter

VALIDATION_BATCH = 8


def make(resolved, run, collection, model, plan, log, stop, guard, schedule, is_chief):
    """Makes what is called after each step, and what saves and loads; only the chief saves.

    Args:
        resolved: the settings.
        run: its folder.
        collection: the data.
        model: built.
        plan: `kgan.training.loop.plan.Plan`.
        log: where the numbers go.
        stop: says whether a signal ended the run.
        guard: says whether training went wrong.
        schedule: sets the learning rates.
        is_chief: of several workers only one draws, measures and saves.

    Returns:
        The callbacks in the order in which they are called, and the one of them that saves.
    """
    means = MeansLogger(
        log, resolved.log_every, plan.steps_per_epoch, plan.images_per_step, plan.total_steps
    )
    stateful = {"means": means}

    def refuse(names):
        guard.fail(f"weights not finite: {', '.join(names[:3])}")

    header = {"scheme": resolved.model, "settings": settings.fixed_on_resume(resolved)}
    saver = Checkpoints(
        run.checkpoints,
        header,
        plan.every("checkpoint_every", resolved.checkpoint_every, 10),
        resolved.keep_checkpoints,
        stateful,
        refuse,
        plan.total_steps,
        lambda: guard.diagnosis is not None,
    )
    # After the means, which log the rates of the step that was taken.
    hooks = [means, schedule]
    if resolved.minutes is not None:
        hooks.append(TimeLimit(resolved.minutes))
    if not is_chief:
        return hooks, saver
    stateful["samples"] = SampleImages(
        log,
        run.samples,
        plan.every("sample_every", resolved.sample_every, 20),
        _drawing(resolved, collection),
    )
    hooks.append(stateful["samples"])
    stateful["alarms"] = health.CollapseMonitor(
        log, means, guard, resolved.on_collapse, max(1, plan.total_steps // 20)
    )
    hooks.append(stateful["alarms"])
    watch = validation(resolved, collection, model)
    if watch is not None:
        stateful["validation"] = Validation(
            log,
            plan.every("validate_every", resolved.validate_every, 10),
            watch.measure,
            watch.decisive,
            lambda: saver.write(run.best),
            # A signal that comes in the last step interrupts nothing: nobody will resume that.
            lambda: stop.received is not None and saver.step < plan.total_steps,
            watch.lower_is_better,
        )
        hooks.append(stateful["validation"])
    hooks.append(MachineLogger(log, lambda: guard.diagnosis is not None))
    hooks += [Progress(plan.total_steps, means), saver]
    return hooks, saver


def validation(resolved, collection, model) -> ValidationPlan | None:
    """Chooses what is measured every now and then, and what decides on the best checkpoint.

    Returns:
        None where nothing is to be measured.

    Raises:
        UserError: begins with `--validate_metrics`, for what does not fit.
    """
    if resolved.validate_metrics is not None:
        # Never the test part: a checkpoint that was chosen by it would be measured too well.
        part = "validation" if "validation" in collection.parts else "train"
        request = Request(
            part,
            settings.parse_metrics("validate_metrics", resolved.validate_metrics),
            resolved.validate_features,
            resolved.validate_count,
            "validate_metrics",
        )
        return runner.plan_validation(model, collection, request)
    source = collection.parts.get("validation")
    if source is None or model.validation_measure is None:
        return None

    def measure():
        return model.validate(pipeline.batches(source, collection.fields, VALIDATION_BATCH))

    return ValidationPlan(measure, model.validation_measure, lower_is_better=True)


def _drawing(resolved, collection):
    """Chooses how samples are drawn: points on a plane, everything else as sheets of images."""
    if collection.kind == "points":
        (real,) = pipeline.examples(collection.parts["test"], ("image",), scatter.SHOWN).values()
        return lambda model: scatter.plot_model(model, real)
    wanted = resolved.scheme.MODEL.preview_examples
    examples = _preview_examples(collection, wanted) if wanted else None
    return lambda model: grids.image_grid(model.preview(examples), model.preview_columns)


def _preview_examples(collection, count):
    """Reads some test examples by field; of two domains each, `image_a` and `image_b`."""
    examples = {}
    for domain in collection.domains:
        part = collection.parts.get(f"test{domain}") or collection.parts[f"train{domain}"]
        # Spread over it: neighbours often look alike.
        chosen = Subset(part, np.linspace(0, len(part) - 1, count).astype(int))
        read = pipeline.examples(chosen, collection.fields)
        examples |= {f"{field}{domain}": value for field, value in read.items()}
    return examples

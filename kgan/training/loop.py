"""The one line that every training goes: open, build, resume, fit, measure, export."""

import contextlib
import functools
import logging
import math
import os
import pathlib
import re
import sys
import types

import keras
import tensorflow as tf
from tqdm.contrib.logging import logging_redirect_tqdm

from kgan import randomness
from kgan.callbacks import health
from kgan.callbacks.learning_rates import LearningRates
from kgan.callbacks.stopping import StopBySignal
from kgan.cli import settings
from kgan.data import pipeline as data_pipeline
from kgan.data.dataset import ImageFormat, spec_of
from kgan.data.readers import ReadErrors
from kgan.data.registry import open_dataset
from kgan.data.splits import with_validation
from kgan.distributed import workers
from kgan.evaluation import runner
from kgan.evaluation.task import Request
from kgan.models.base.model import group_batches
from kgan.runs import checkpoint, logs
from kgan.runs.export import export_run
from kgan.runs.folder import Run, create_run, find_job, open_run
from kgan.runs.restore import initialize_from_run
from kgan.training import setup
from kgan.training.plan import make_plan
from kgan.utils.atomic import check_writable, report_write_errors
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")

MEASURED_AT_END = 1000  # images at most, but for pairs: ten times as many can take minutes
FAILED = 1  # exit status of a run that could not be saved from NaN


def train(resolved: types.SimpleNamespace) -> int:
    """Trains as the settings say; returns the exit status (128 + signal where one ended it)."""
    team = workers.join(resolved.strategy, resolved.logical_devices)
    start_logging(team.is_chief)
    try:
        with team.watched():
            return _train(resolved, team)
    except workers.LostWorkerError as error:
        logger.error("another worker is gone (%s); the same command goes on", error)
        # The other's absence may hold up an orderly end for minutes.
        logging.shutdown()
        os._exit(workers.LOST)


def _train(resolved, team) -> int:
    _check_places(resolved)
    _resolve_for_replicas(resolved, team.replicas)
    resolved = _agree(team, resolved)
    keras.utils.set_random_seed(resolved.seed)
    if resolved.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(resolved.precision)

    collection, spec = open_collection(resolved)
    _compare_parts(team, collection)
    with team.strategy.scope():
        model = _build(resolved, spec)
    if resolved.init_from and not resolved.resume:
        initialize_from_run(model, resolved.init_from)
    # What does not fit is refused before anything is written.
    _augmentation(resolved, collection)
    setup.validation(resolved, collection, model)
    plan = make_plan(resolved, collection, model)
    if resolved.dry_run:
        _announce(resolved, collection, model, plan, team)
        return 0
    run = Run(pathlib.Path(_from_chief(team, lambda: _open_or_create(resolved, spec))))
    if not run.flags.exists():
        raise UserError(
            f"--runs_dir={resolved.runs_dir}: worker {team.index} does not see the chief's "
            f"{run.folder}; runs must lie where all workers see them"
        )
    if not team.is_chief:
        return _fit(resolved, run, collection, model, plan, team)
    with run.lock(), _log_file(run):
        if resolved.resume:
            run.make_folders()
            run.remove_strays()
            run.keep_length(resolved)
        _announce(resolved, collection, model, plan, team)
        logger.info("run folder: %s", run.folder)
        return _fit(resolved, run, collection, model, plan, team)


def _agree(team, resolved):
    """Gives all workers the chief's settings, in which a job's earlier run may have been found."""
    if team.is_chief and resolved.job and not resolved.resume:
        resolved = _go_on_with_job(resolved)
    lines, resume, dry_run = team.from_chief(
        [settings.flagfile_text(resolved).splitlines(), resolved.resume, resolved.dry_run]
    )
    if team.is_chief:
        return resolved
    own = settings.parse(lines)
    own.resume, own.dry_run = resume, dry_run
    return own


def _go_on_with_job(resolved):
    """Resumes the run that the same job began; without one the settings stay as they are."""
    folder = find_job(resolved.runs_dir, resolved.job)
    if folder is None:
        return resolved
    own = settings.parse([f"--resume={folder}", *settings.free_arguments(resolved)])
    for name in sorted(resolved.given - set(settings.FREE_ON_RESUME)):
        if getattr(own, name) != getattr(resolved, name):
            raise UserError(
                f"--{name}={getattr(resolved, name)}: --job={resolved.job} is {folder}, which has "
                f"{getattr(own, name)}; begin a new job for another"
            )
    return own


def _compare_parts(team, collection):
    """Sees to it that all workers found the same data."""
    for part in collection.training_parts:
        sizes = team.gather(len(collection.parts[part]))
        if len(set(sizes)) > 1:
            raise UserError(f"--dataset: workers find {sizes} training images; all need the same")


def _from_chief(team, act):
    """Does something on the chief alone, and gives its answer as text to all."""
    return team.from_chief(str(act()) if team.is_chief else None)


def _check_places(resolved):
    """Refuses, before any work is done, places in which nothing can be written."""
    if not resolved.resume:
        check_writable("--runs_dir", resolved.runs_dir)
    if resolved.export:
        check_writable("--export_dir", resolved.export_dir)


def open_collection(resolved: types.SimpleNamespace):
    """Opens the data set of the settings; returns the collection and its spec."""
    size = settings.parse_size(resolved.image_size)
    jitter = resolved.jitter or 1.0
    images = ImageFormat(
        size=size,
        train_size=tuple(math.ceil(side * jitter - 1e-9) for side in size),
        channels=None if resolved.channels == "auto" else int(resolved.channels),
        fit=resolved.fit,
    )
    collection = open_dataset(
        resolved.dataset,
        images,
        kind=resolved.scheme.MODEL.data_kind,
        layout=resolved.layout,
        direction=resolved.direction,
        pairs=resolved.pairs,
        palette=settings.parse_palette(resolved.palette),
        data_dir=resolved.data_dir,
        manual_dir=resolved.manual_dir,
        seed=resolved.seed,
        bad_limit=resolved.bad_limit if resolved.bad_images == "skip" else None,
        classes=settings.parse_classes(resolved.classes) if resolved.classes else None,
    )
    collection = with_validation(collection, resolved.scheme.MODEL.held_out_share)
    return collection, spec_of(collection, size)


def start_logging(speaks: bool = True):
    """Sends what kgan says to standard output, as plain lines; of several workers one speaks."""
    logger.setLevel(logging.INFO if speaks else logging.CRITICAL)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)


@contextlib.contextmanager
def _log_file(run):
    """Writes what is said to the run's log.txt, too, and no longer than the run."""
    path = run.folder / "log.txt"
    with report_write_errors(path):
        handler = _LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with report_write_errors(path):
            handler.close()


class _LogFile(logging.FileHandler):
    """A log file that ends the run where it cannot be written, as every other file does."""

    def emit(self, record):
        with report_write_errors(self.baseFilename):
            super().emit(record)

    def handleError(self, record):
        # logging would print a traceback here and go on.
        raise


def _resolve_for_replicas(resolved, replicas):
    if resolved.sync_batch_norm is None:
        resolved.sync_batch_norm = replicas > 1
    if "batch_size" not in resolved.given:
        resolved.batch_size *= replicas
    elif resolved.batch_size % replicas:
        raise UserError(
            f"--batch_size={resolved.batch_size}: the global batch must be divisible by the "
            f"{replicas} replicas"
        )
    if resolved.batch_size // replicas % resolved.accumulate:
        raise UserError(
            f"--accumulate={resolved.accumulate}: a replica's batch of "
            f"{resolved.batch_size // replicas} cannot be divided by it"
        )


def _build(resolved, spec):
    try:
        return resolved.scheme.build(resolved, spec)
    except ValueError as error:
        # What is refused there came from a flag: that of the argument's name, where there is
        # one, or the size of the images, which the networks do not reach.
        reason = " ".join(str(error).split())
        named = re.match(r"`(\w+)`", reason)
        flag = named[1] if named and hasattr(resolved, named[1]) else "image_size"
        raise UserError(f"--{flag}={getattr(resolved, flag)}: {reason}") from error


def _announce(resolved, collection, model, plan, team):
    logger.info(settings.flagfile_text(resolved).replace("\n", " ").strip())
    logger.info("data: %s", collection.description)
    for name, network in model.networks.items():
        logger.info("%s: %s parameters", name, f"{network.count_params():,}")
    replicas, split = team.replicas, ""
    if replicas > 1:
        workers = f" in {team.count} workers" if team.count > 1 else ""
        split = f" ({replicas} replicas of {plan.batch_size // replicas}{workers})"
    logger.info(
        "plan: %d steps of batch %d%s, %d steps an epoch, %.4g epochs",
        plan.total_steps,
        plan.batch_size,
        split,
        plan.steps_per_epoch,
        plan.total_steps / plan.steps_per_epoch,
    )


def _open_or_create(resolved, spec) -> pathlib.Path:
    if resolved.resume:
        run = open_run(resolved.resume)
        run.latest()  # refuses a run without a checkpoint before anything is said or written
        return run.folder
    dataset = pathlib.Path(resolved.dataset).name.removesuffix(".zip")
    name = resolved.name or f"{resolved.model}-{dataset}"
    return create_run(resolved.runs_dir, name, resolved, spec).folder


def _fit(resolved, run, collection, model, plan, team) -> int:
    newest = None
    if resolved.resume:
        newest = pathlib.Path(_from_chief(team, run.newest_whole))
    if newest is not None and team.is_chief:
        # Before the log opens the files that this rewrites.
        logs.cut_back(run.metrics, run.tensorboard, checkpoint.read(newest)[1]["step"])
    # All workers do the same, but only one of them writes.
    log = logs.ScalarLog(run.metrics, run.tensorboard) if team.is_chief else logs.NoLog()
    stop, guard = StopBySignal(team.gather), health.NaNGuard(resolved.log_every)
    rates = {
        name: float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        for name, optimizer in model.optimizers.items()
    }
    schedule = LearningRates(rates, plan.total_steps, resolved.lr_schedule, resolved.lr_decay_from)
    called, saver = setup.make(
        resolved, run, collection, model, plan, log, stop, guard, schedule, team.is_chief
    )
    if newest is not None:
        step = saver.load(newest, model)
        logger.info("resumed at step %d of %d", step, plan.total_steps)
    while model.completed_steps < plan.total_steps:
        errors = ReadErrors()
        dataset = _dataset(resolved, collection, model, plan, team, errors)
        fit = functools.partial(
            model.fit,
            dataset,
            epochs=1,
            verbose=0,
            callbacks=[guard, *called, stop],
            steps_per_epoch=plan.total_steps - model.completed_steps,
        )
        with logging_redirect_tqdm([logger]):
            errors.run(fit)
        if model.completed_steps < plan.total_steps and not model.stop_training:
            # Keras takes an error of this kind, raised anywhere within a step or a callback, for
            # the end of the data, and ends without a word.
            raise RuntimeError(
                f"training ended by itself after step {model.completed_steps}; something in it "
                "raised StopIteration or OutOfRangeError"
            )
        # The chief looks at more than the others do: at the weights that it saves, too.
        diagnosis = team.from_chief(guard.diagnosis)
        if diagnosis is None:
            break
        attempt = int(keras.ops.convert_to_numpy(model.attempt)) + 1
        if attempt > resolved.max_rollbacks:
            logger.error(
                "stopped after %d rollbacks: %s; try a lower --g_lr and --d_lr, or "
                "--precision=float32",
                attempt - 1,
                diagnosis,
            )
            log.close()
            return FAILED
        good = pathlib.Path(_from_chief(team, run.newest_whole))
        _roll_back(good, model, saver, log, attempt, diagnosis)
    log.close()
    status = 0
    if team.is_chief:
        status = _finish(resolved, run, collection, model, plan, stop.received)
    # Nobody leaves before the chief has ended: systems take an absent worker for a failure.
    return team.gather(status)[0]


def _dataset(resolved, collection, model, plan, team, errors):
    attempt = int(keras.ops.convert_to_numpy(model.attempt))

    def batches(shard=data_pipeline.WHOLE_BATCH):
        dataset = data_pipeline.joint_training_batches(
            [collection.parts[part] for part in collection.training_parts],
            collection.fields,
            batch_size=plan.batch_size,
            seed=randomness.attempt_seed(resolved.seed, attempt),
            start_batch=model.completed_steps * model.batches_per_step,
            augmentation=_augmentation(resolved, collection),
            cache_bytes=resolved.cache_gb * 1e9,
            shard=shard,
            errors=errors,
        )
        return group_batches(dataset, shard.batches_per_step)

    if team.count == 1:
        return batches()
    return team.distribute(batches, model.batches_per_step)


def _roll_back(good, model, saver, log, attempt, diagnosis):
    """Goes back to the last good state; a new attempt has other random numbers, half the rates."""
    step = saver.load(good, model)
    model.attempt.assign(attempt)
    log.cut_back(step)
    words = f"{diagnosis}; back to step {step}, attempt {attempt + 1}, learning rates halved"
    log.text("rollback", step, words)
    logger.warning("warning: %s", words)


def _augmentation(resolved, collection):
    jittered = resolved.jitter is not None and resolved.jitter > 1
    flip = jittered and collection.mirrors if resolved.flip is None else resolved.flip
    if not (jittered or flip):
        return None
    if collection.kind == "points":
        raise UserError(f"--{'flip' if flip else 'jitter'}: points are no images; leave it out")
    return data_pipeline.Augmentation(settings.parse_size(resolved.image_size), flip)


def _finish(resolved, run, collection, model, plan, received) -> int:
    step = model.completed_steps
    if received is not None or step < plan.total_steps:
        logger.info("stopped at step %d of %d; go on with", step, plan.total_steps)
        logger.info("  python -m kgan.train --resume=%s", run.folder)
    if received is not None:
        return 128 + received
    if resolved.evaluate:
        runner.evaluate_run(run, collection, Request(count=MEASURED_AT_END))
    if resolved.export:
        path = export_run(run, resolved.export_dir, resolved.name)
        logger.info("exported: %s", path)
    return 0

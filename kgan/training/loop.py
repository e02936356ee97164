"""The line that every training follows: open, build, resume, fit, evaluate, export."""

import dataclasses
import logging
import os
import pathlib
import shlex

import keras
import tensorflow as tf
from tqdm.contrib.logging import logging_redirect_tqdm

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.cli.settings import FREE_ON_RESUME, Settings
from kgan.data.dataset import DataSpec
from kgan.data.readers import ReadErrors
from kgan.data.registry import absolute_name
from kgan.distributed import workers as distribution
from kgan.distributed.workers import Workers
from kgan.runs import checkpoint, logs
from kgan.runs.data import open_data
from kgan.runs.folder import Run, create_run, find_job, open_run
from kgan.runs.moved_data import check_data, check_place
from kgan.runs.restore import initialize_from_run
from kgan.training import ending, execution
from kgan.training.callbacks import choose_validation, make_callbacks
from kgan.training.data import augmentation, training_batches
from kgan.training.from_data import choose_length, choose_size
from kgan.training.plan import Plan, describe_schedule, keep_schedule
from kgan.training.sizes import describe_sizes
from kgan.utils.atomic import check_writable
from kgan.utils.errors import UserError
from kgan.utils.failures import Failures
from kgan.utils.messages import log_file, logger, start_logging
from kgan.utils.precision import precision
from kgan.utils.signals import SignalWatch


def train(settings: Settings) -> int:
    """Trains as the settings say; returns the exit status (128 + signal where one ended it)."""
    workers = distribution.join(settings.device.strategy, settings.device.logical_devices)
    start_logging(workers.is_chief)
    try:
        with workers.watched(), SignalWatch() as watch:
            return Training(settings, workers, watch).train()
    except distribution.LostWorkerError as error:
        logger.error("another worker is gone (%s); the same command resumes the run", error)
        # The other's absence may delay an orderly end by minutes.
        logging.shutdown()
        os._exit(distribution.LOST)


class Training:
    """Everything that a training needs, from its settings to its run folder.

    Args:
        settings: the resolved flags.
        workers: the processes that train together.
        watch: acknowledges signals; default: one that does so during the steps only.

    Attributes:
        settings: those of the chief, for the number of replicas there is.
        dataset: `kgan.data.dataset.Dataset`.
        spec: `kgan.data.dataset.DataSpec`.
        model: built and compiled in the strategy's scope.
        plan: `kgan.training.plan.Plan`.
        chosen: lines on what was chosen from the data, for the user.
        run: the run folder; None until `train` opens it.
        failures: those of sample sheets, validation and logs, which do not end the training.

    Example:
        >>> settings = parse_training(["--model=gan", "--steps=9", "--noexport"])
        >>> Training(settings, distribution.join("none")).plan.total_steps
        9
    """

    def __init__(self, settings: Settings, workers: Workers, watch: SignalWatch | None = None):
        _check_places(settings)
        self.workers, self.watch = workers, watch or SignalWatch()
        self.failures = Failures()
        settings = settings.replace(dataset=absolute_name(settings.data.dataset))
        settings, self.chosen = choose_size(settings)
        self.settings = self._agreed(_for_replicas(settings, workers.replicas))
        if self.settings.run.resume:
            self.chosen = []
        device = self.settings.device
        keras.utils.set_random_seed(self.settings.run.seed)
        if device.deterministic:
            tf.config.experimental.enable_op_determinism()
        if self.settings.run.resume:
            check_place(self.settings.data.dataset)
        self.dataset, self.spec = open_data(self.settings, stored=self._stored())
        if self.settings.run.resume:
            self._compare_with_run()
        self._compare_parts()
        with precision(device.precision), workers.strategy.scope():
            self.model = build_model(self.settings, self.spec)
        if self.settings.run.init_from and not self.settings.run.resume:
            initialize_from_run(self.model, self.settings.run.init_from)
        # What does not fit is refused before anything is written.
        augmentation(self.settings, self.dataset)
        validation = choose_validation(self.settings.validation, self.dataset, self.model)
        self._is_validated = validation is not None
        self._choose_length()
        data = self.dataset.pass_length, self.model.batches_per_step
        self._length_before = None
        if self.settings.run.resume:
            own = open_run(self.settings.run.resume).settings()
            self._length_before = own.run.lr_schedule_length or Plan.of(own.run, *data).total_steps
            self.settings = keep_schedule(self.settings, own, *data)
        self.plan = Plan.of(self.settings.run, *data)
        self._choose_execution(self.workers.from_chief(self._last_saved_step()))
        self.run: Run | None = None

    def train(self) -> int:
        """Trains; returns the exit status."""
        if self.settings.run.dry_run:
            self._announce()
            if self.dataset.content is not None:
                place = shlex.quote(self.settings.data.dataset)
                logger.info("its files are checked by: python -m kgan.doctor --dataset=%s", place)
            return 0
        self.run = Run(pathlib.Path(self._from_chief(self._open_or_create)))
        if not self.run.flags.exists():
            raise UserError(
                f"--runs_dir={self.settings.run.runs_dir}: worker {self.workers.index} does not "
                f"see the chief's {self.run.folder}; runs must lie where all workers see them"
            )
        if not self.workers.is_chief:
            return self._fit()
        with self.run.lock(), log_file(self.run.folder / "log.txt", self.failures):
            if self.settings.run.resume:
                self.run.make_folders()
                self.run.remove_strays()
                self.run.keep_length(self.settings)
            self._announce()
            logger.info("run folder: %s", self.run.folder)
            return self._fit()

    def _choose_length(self):
        """Chooses the length from the images of a folder or zip, where no flag gives it."""
        if self.dataset.content is None:
            return
        passed = self.dataset.pass_length, self.model.batches_per_step
        settings, lines = choose_length(self.settings, *passed)
        self.chosen += lines
        # All flags are given to workers other than the chief.
        steps, epochs = self.workers.from_chief([settings.run.steps, settings.run.epochs])
        self.settings = self.settings.replace(steps=steps, epochs=epochs)

    def _last_saved_step(self) -> int:
        """Returns the step of a resumed run's last checkpoint, 0 for a new run."""
        folder = self.settings.run.resume
        saved = checkpoint.saved_steps(Run(pathlib.Path(folder)).checkpoints) if folder else []
        return saved[-1] if saved else 0

    def _choose_execution(self, start: int):
        """Chooses how steps are executed from a step on."""
        device = self.settings.device
        steps = execution.steps_per_execution(self.settings, self.plan, self.model, start)
        self.plan = dataclasses.replace(self.plan, steps_per_execution=steps)
        self.model.steps_per_execution = steps
        self.model.jit_compile = execution.uses_xla(
            device.jit, self.workers.replicas, device.deterministic
        )

    # Several workers

    def _agreed(self, settings):
        """Returns the chief's settings, with which a job's earlier run may be resumed."""
        if self.workers.is_chief and settings.run.job and not settings.run.resume:
            settings = _resume_job(settings)
        lines, resume, dry_run = self.workers.from_chief(
            [settings.flagfile_text().splitlines(), settings.run.resume, settings.run.dry_run]
        )
        if self.workers.is_chief:
            return settings
        return parse_training(lines).replace(resume=resume, dry_run=dry_run)

    def _stored(self) -> DataSpec | None:
        """Returns what a resumed run knows of its data, which are read as they were."""
        resume = self.settings.run.resume
        return open_run(resume).spec() if resume else None

    def _compare_with_run(self):
        """Checks that the data are those of the run that is resumed."""
        run = open_run(self.settings.run.resume)
        check_data(run.settings(), run.spec(), self.settings.data.dataset, self.dataset)

    def _compare_parts(self):
        """Checks that all workers found the same data."""
        for part in self.dataset.training_parts:
            sizes = self.workers.gather(len(self.dataset.parts[part]))
            if len(set(sizes)) > 1:
                raise UserError(
                    f"--dataset: workers find {sizes} training images; all need the same"
                )

    def _from_chief(self, act):
        """Calls a function on the chief alone, and returns its result as text to all."""
        return self.workers.from_chief(str(act()) if self.workers.is_chief else None)

    # The run folder

    def _open_or_create(self) -> pathlib.Path:
        settings = self.settings.run
        if settings.resume:
            run = open_run(settings.resume)
            run.latest()  # refuses a run without a checkpoint before anything is said or written
            return run.folder
        dataset = pathlib.Path(self.settings.data.dataset).name.removesuffix(".zip")
        name = settings.name or f"{self.settings.model}-{dataset or 'images'}"
        return create_run(settings.runs_dir, name, self.settings, self.spec).folder

    def _announce(self):
        # A resumed run is given its own flags, all of them.
        names = {"resume"} if self.settings.run.resume else self.settings.given - {"flagfile"}
        given = self.settings.as_arguments(names)
        logger.info("train %s; all flags are in flags.cfg", " ".join(given))
        logger.info("data: %s", self.dataset.description)
        for line in self.chosen:
            logger.info(line)
        for name, network in self.model.networks.items():
            logger.info("%s: %s parameters", name, f"{network.count_params():,}")
        plan, replicas, split = self.plan, self.workers.replicas, ""
        if replicas > 1:
            count = self.workers.count
            workers = f" in {count} workers" if count > 1 else ""
            split = f" ({replicas} replicas of {plan.batch_size // replicas}{workers})"
        epochs = plan.total_steps / plan.steps_per_epoch
        limit = ""
        if plan.minutes is not None:
            minutes = "minute" + "s" * (plan.minutes != 1)
            limit = f"; at most {plan.minutes:g} {minutes} of training"
        logger.info(
            f"plan: {plan.total_steps} steps of batch {plan.batch_size}{split}, "
            f"{plan.steps_per_epoch} steps an epoch, {epochs:.4g} epochs{limit}"
        )
        for line in describe_sizes(self.settings.run, self.model, self._is_validated):
            logger.info("%s", line)
        step = self._last_saved_step()
        for line in describe_schedule(self.settings.run, plan, step, self._length_before):
            logger.warning("%s", line)

    # The loop

    def _fit(self) -> int:
        newest = None
        if self.settings.run.resume:
            newest = pathlib.Path(self._from_chief(self.run.newest_whole))
            # The last one may be damaged.
            self._choose_execution(checkpoint.read(newest)[1]["step"])
        # All workers do the same, but only one of them writes.
        log = logs.NoLog()
        if self.workers.is_chief:
            if newest is not None:
                # Before the log opens the files that this rewrites.
                step = checkpoint.read(newest)[1]["step"]
                logs.cut_back(self.run.metrics, self.run.tensorboard, step)
            log = logs.ScalarLog(self.run.metrics, self.run.tensorboard, self.failures)
        callbacks = make_callbacks(self, log)
        if newest is not None:
            step = callbacks.saver.load(newest, self.model)
            logger.info("resumed at step %d of %d", step, self.plan.total_steps)
            if self.workers.is_chief:
                callbacks.saver.prune()  # also where the run is complete and no training begins
        status = 0
        while self.model.completed_steps < self.plan.total_steps:
            self._fit_once(callbacks.called)
            # The chief checks more than the others do: the weights that it saves, too.
            diagnosis = self.workers.from_chief(callbacks.guard.diagnosis)
            if diagnosis is None:
                break
            if not self._roll_back(callbacks.saver, log, diagnosis):
                status = ending.FAILED
                break
        log.close()
        if status == ending.FAILED:
            return status
        if self.workers.is_chief:
            status = ending.finish(self, callbacks.stop.received)
        # Nobody leaves before the chief has ended: systems take an absent worker for a failure.
        return self.workers.gather(status)[0]

    def _fit_once(self, callbacks):
        """Calls `fit` until the end of the run, or until a callback ends training."""
        model, total = self.model, self.plan.total_steps
        errors = ReadErrors()
        batches = training_batches(self.settings, self.dataset, model, self.workers, errors)

        def fit():
            steps = total - model.completed_steps
            model.fit_batches(batches, steps_per_epoch=steps, verbose=0, callbacks=callbacks)

        with logging_redirect_tqdm([logger]):
            errors.run(fit)
        if model.completed_steps < total and not model.stop_training:
            # Keras takes an error of this kind, raised anywhere within a step or a callback, for
            # the end of the data, and ends without a word.
            raise RuntimeError(
                f"training ended by itself after step {model.completed_steps}; something in it "
                "raised StopIteration or OutOfRangeError"
            )

    def _roll_back(self, saver, log, diagnosis) -> bool:
        """Goes back to the last good state, with other random numbers and half the rates.

        Returns:
            False where this has been tried as often as `--max_rollbacks` allows.
        """
        attempt = self.model.current_attempt + 1
        if attempt > self.settings.run.max_rollbacks:
            rates = " and ".join(f"--{player}_lr" for player in self.model.player_names)
            logger.error(
                f"stopped after {attempt - 1} rollbacks: {diagnosis}; try a lower {rates}, or "
                "--precision=float32"
            )
            return False
        good = pathlib.Path(self._from_chief(self.run.newest_whole))
        step = saver.load(good, self.model)
        self.model.attempt.assign(attempt)
        log.cut_back(step)
        words = f"{diagnosis}; back to step {step}, attempt {attempt + 1}, learning rates halved"
        log.text("rollback", step, words)
        logger.warning("warning: %s", words)
        return True


def _check_places(settings):
    """Refuses, before any work is done, places in which nothing can be written."""
    if not settings.run.resume:
        check_writable("--runs_dir", settings.run.runs_dir)
    if settings.run.export:
        check_writable("--export_dir", settings.run.export_dir)


def _for_replicas(settings, replicas):
    """Resolves the batch size and the batch statistics for a number of replicas."""
    batch_size, accumulate = settings.run.batch_size, settings.run.accumulate
    if settings.device.sync_batch_norm is None:
        settings = settings.replace(sync_batch_norm=replicas > 1)
    if "batch_size" not in settings.given:
        batch_size *= replicas
    elif batch_size % replicas:
        raise UserError(
            f"--batch_size={batch_size}: the global batch must be divisible by the {replicas} "
            "replicas"
        )
    if batch_size // replicas % accumulate:
        raise UserError(
            f"--accumulate={accumulate}: must divide a replica's batch of {batch_size // replicas}"
        )
    return settings.replace(batch_size=batch_size)


def _resume_job(settings):
    """Resumes the run that the same job began; without one the settings stay as they are."""
    folder = find_job(settings.run.runs_dir, settings.run.job)
    if folder is None:
        return settings
    own = parse_training([f"--resume={folder}", *settings.free_arguments()])
    for name in sorted(settings.given - set(FREE_ON_RESUME)):
        if own.values[name] != settings.values[name]:
            raise UserError(
                f"--{name}={settings.values[name]}: --job={settings.run.job} is {folder}, which "
                f"has {own.values[name]}; start a new job for another"
            )
    return own

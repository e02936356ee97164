"""End of a training: what is said, the export and the evaluation."""

from collections.abc import Callable

from kgan.evaluation.runner import evaluate_run
from kgan.evaluation.task import Request
from kgan.runs.export import export_run
from kgan.utils.errors import UserError
from kgan.utils.failures import describe
from kgan.utils.messages import logger

MEASURED_AT_END = 1000  # images at most, but for pairs: ten times as many can take minutes
# Exit status of a run that could not be saved from NaN, and of a complete one whose export or
# evaluation has failed, or whose sample sheets, validation or logs have: training again would
# help none of them.
FAILED = 1


def finish(training, received: int | None) -> int:
    """Ends a training whose last checkpoint has been written; returns the exit status.

    The export comes first: a measurement can be repeated by `kgan.evaluate` at any time, and its
    failure costs neither the export nor the run.

    Args:
        training: `kgan.training.loop.Training`.
        received: the signal that ended it, if one did.
    """
    settings, run, step = training.settings.run, training.run, training.model.completed_steps
    if received is not None or step < training.plan.total_steps:
        logger.info("stopped at step %d of %d; resume with", step, training.plan.total_steps)
        logger.info("  python -m kgan.train --resume=%s", run.folder)
    if received is not None:
        return 128 + received
    # From here on a signal loses nothing: half an export is removed.
    training.watch.words = f"stopping; the training is complete and saved in {run.folder}"

    def export():
        where = settings.export_dir, settings.name, "auto", settings.publish
        done = export_run(run, *where, refuses=False)
        logger.info("exported: %s", done.folder)
        logger.info(done.message)

    def evaluate():
        evaluate_run(run, training.dataset, Request(count=MEASURED_AT_END))

    wanted = {"export": (settings.export, export), "evaluate": (settings.evaluate, evaluate)}
    done = [attempt(verb, act, run) for verb, (is_wanted, act) in wanted.items() if is_wanted]
    failed = training.failures.summary()
    if failed:
        logger.error(
            "error: the training is complete, but not everything of it is shown: %s", failed
        )
    return 0 if all(done) and not failed else FAILED


def attempt(verb: str, act: Callable[[], None], run) -> bool:
    """Does something after a training, and says in one line if it fails.

    Args:
        verb: the command that does it, too.
        act: does it.
        run: the run, whose log receives the traceback of an error that is not the user's.

    Returns:
        Whether it was done.
    """
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is, the training is complete and saved
        if not isinstance(error, UserError):
            logger.debug("%s failed", verb, exc_info=True)
        logger.error(
            "error: the training is complete, but %s failed: %s; python -m kgan.%s --run=%s does "
            "it again",
            *(verb, describe(error), verb, run.folder),
        )
        return False
    return True

"""Measures a trained model, and keeps what was found in its run folder."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable

from kgan.data.dataset import Dataset
from kgan.evaluation.generated import NotFiniteError
from kgan.evaluation.selection import select
from kgan.evaluation.storage import store_result, write_tensorboard
from kgan.evaluation.task import Request, Result
from kgan.metrics.comparison import ERROR
from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.utils.errors import UserError

logger = logging.getLogger("kgan")
EVERYTHING = Request()


def evaluate_run(
    run: Run, collection: Dataset, request: Request = EVERYTHING, which: str = "auto"
) -> list[Result]:
    """Measures a run's best checkpoint (or its last, where no best one is kept) and says it.

    For each kind of evaluation that fits, `metrics-<kind>.jsonl` in the run gets a line;
    TensorBoard shows them beside the curves of the training.

    Args:
        run: where the model is.
        collection: the run's data set.
        request: what is to be measured.
        which: `auto`, `best` or `last`.

    Returns:
        What was found; nothing for models and data that nothing fits.

    Raises:
        UserError: one line, for metrics that do not fit.
    """
    model = load_run(str(run.folder), which)
    results = []
    for task, names in select(model, collection, request):
        began = time.time()
        result = task.measure(names)
        _refuse_left_out(result.left_out, request)
        line = {
            "part": request.part,
            "step": model.completed_steps,
            "time": time.time(),
            "seconds": time.time() - began,
            **result.values,
        }
        store_result(run.folder / f"metrics-{task.name}.jsonl", line)
        print_result(result)
        results.append(result)
    if results:
        write_tensorboard(run)
    return results


@dataclasses.dataclass(frozen=True)
class ValidationPlan:
    """What measures a model now and then while it is trained.

    Args:
        measure: gives values by full name; NaN for a model that draws NaN.
        decisive: the metric that decides which checkpoint is the best.
        lower_is_better: of that metric.
    """

    measure: Callable[[], dict[str, float]]
    decisive: str
    lower_is_better: bool


def plan_validation(model, collection: Dataset, request: Request) -> ValidationPlan:
    """Chooses what the request names, of which the first one decides.

    Raises:
        UserError: begins with the request's flag, for what does not fit and what the data are too
            few for.
    """
    chosen = select(model, collection, request)
    decisive = request.metrics[0]
    for task, names in chosen:
        _refuse_left_out(task.impossible(names), request)

    def measure():
        values: dict[str, float] = {}
        for task, names in chosen:
            try:
                result = task.measure(names)
            except NotFiniteError:
                # Training has its own way out of that.
                return {decisive: math.nan}
            _refuse_left_out(result.left_out, request)
            values |= result.values
        return values

    offered = {name: lower for task, _ in chosen for name, lower in task.offers.items()}
    return ValidationPlan(measure, decisive, offered[decisive])


def _refuse_left_out(left_out, request):
    """Ends in one line where a metric that was asked for by name cannot be computed."""
    for name, reason in left_out.items():
        if name.partition(" ")[0] in (request.metrics or ()):
            raise UserError(f"--{request.flag}={name}: {reason}")


def print_result(result: Result) -> None:
    """Prints a table: name, value, standard error."""
    logger.info("measured: %s", result.title)
    width = max((len(name) for name in result.values), default=0)
    for name, value in result.values.items():
        if name.endswith(ERROR) or name == "pictures":
            continue
        error = result.values.get(f"{name}{ERROR}")
        logger.info("  %-*s %s", width, name, with_error(value, error))
    for name, reason in result.left_out.items():
        logger.info("  %-*s left out: %s", width, name, reason)


def with_error(value: float, error: float | None) -> str:
    """Writes a value with four decimals and, where it is known, its standard error."""
    text = f"{value:.4f}" if abs(value) < 1e4 else f"{value:.4g}"
    return text if error is None else f"{text} ± {error:.4f}"

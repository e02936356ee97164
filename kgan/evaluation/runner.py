"""Evaluations of runs: of a finished run, and at intervals during training."""

import dataclasses
import math
import time
from collections.abc import Callable

from kgan.data.dataset import Dataset
from kgan.evaluation.generated import NotFiniteError
from kgan.evaluation.printing import print_result
from kgan.evaluation.selection import select
from kgan.evaluation.storage import store_result, write_tensorboard
from kgan.evaluation.task import Request, Result
from kgan.runs.folder import Run
from kgan.runs.restore import load_run


def evaluate_run(run: Run, dataset: Dataset, request: Request, which: str = "auto") -> list[Result]:
    """Measures a checkpoint of a run; stores the results in the run folder and logs them.

    Each evaluation that fits writes a line of `metrics-<name>.jsonl`; TensorBoard shows all
    results next to the training curves.

    Args:
        run: the run.
        dataset: the run's dataset.
        request: the metrics to compute.
        which: see `load_run`.

    Returns:
        The results; none if no evaluation fits.
    """
    model = load_run(str(run.folder), which)
    results = []
    for task, names in select(model, dataset, request):
        start = time.time()
        result = task.measure(names)
        request.check(result.unavailable)
        now = time.time()
        about = {"part": request.part, "step": model.completed_steps, "time": now}
        store_result(run, task.name, {**about, "seconds": now - start, **result.values})
        print_result(result)
        results.append(result)
    if results:
        write_tensorboard(run)
    return results


@dataclasses.dataclass(frozen=True)
class ValidationPlan:
    """The measurement of a model at intervals during training.

    Args:
        measure: computes values by full name; NaN for a model that generates NaN.
        decisive: name of the metric that decides which checkpoint is the best.
        lower_is_better: whether lower values of that metric are better.

    Example:
        >>> plan = ValidationPlan(lambda: {"val_l1": 0.25}, "val_l1", lower_is_better=True)
        >>> plan.measure()[plan.decisive]
        0.25
    """

    measure: Callable[[], dict[str, float]]
    decisive: str
    lower_is_better: bool


def plan_validation(model, dataset: Dataset, request: Request) -> ValidationPlan:
    """Plans the requested metrics, the first of which decides on the best checkpoint."""
    chosen = select(model, dataset, request)
    decisive = request.metrics[0]
    for task, names in chosen:
        request.check(task.unavailable(names))

    def measure():
        values: dict[str, float] = {}
        for task, names in chosen:
            try:
                result = task.measure(names)
            except NotFiniteError:
                return {decisive: math.nan}  # training has its own remedy for NaN
            request.check(result.unavailable)
            values |= result.values
        return values

    lower = next(task.metrics[decisive] for task, _ in chosen if decisive in task.metrics)
    return ValidationPlan(measure, decisive, lower)

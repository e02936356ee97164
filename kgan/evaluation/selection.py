"""The evaluations that fit a model and its dataset."""

from kgan.data.dataset import Dataset
from kgan.evaluation import critic, cycles, generated, likelihood, pairs, points
from kgan.evaluation.task import Request, Task
from kgan.utils.errors import UserError

EVALUATIONS = (pairs, cycles, likelihood, generated, points, critic)


def lower_is_better(evaluation: str, value: str) -> bool | None:
    """Returns whether a lower value is better.

    Args:
        evaluation: its name, as in `metrics-<name>.jsonl`.
        value: full name of the value, with its protocol.

    Returns:
        None where neither direction is known to be better.
    """
    known = next((e.LOWER_IS_BETTER for e in EVALUATIONS if evaluation == e.NAME), {})
    prefixes = [prefix for prefix in known if f"{value}_".startswith(f"{prefix}_")]
    return known[max(prefixes, key=len)] if prefixes else None


def select(model, dataset: Dataset, request: Request) -> list[tuple[Task, list[str]]]:
    """Returns the tasks that fit, each with the names of the metrics to compute."""
    tasks = [evaluation.make_task(model, dataset, request) for evaluation in EVALUATIONS]
    tasks = [task for task in tasks if task is not None]
    available = {name: None for task in tasks for name in task.metrics}
    for name in request.metrics or ():
        if name not in available:
            right = ", ".join(available) or "none without --features="
            raise UserError(
                f"--{request.flag}={name}: does not fit this model and its dataset; "
                f"available: {right}"
            )
    chosen = [(task, request.choose(task.metrics)) for task in tasks]
    return [(task, names) for task, names in chosen if names]

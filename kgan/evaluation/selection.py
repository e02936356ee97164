"""Which kinds of evaluation fit a model and its data."""

from kgan.data.dataset import Dataset
from kgan.evaluation import critic, cycles, generated, likelihood, pairs, points
from kgan.evaluation.task import Request, Task
from kgan.utils.errors import UserError

KINDS = (pairs, cycles, likelihood, generated, points, critic)


def lower_is_better(kind: str, name: str) -> bool | None:
    """Says which way a value goes that was kept.

    Args:
        kind: of evaluation, as in `metrics-<kind>.jsonl`.
        name: the full name, with the protocol.

    Returns:
        None where neither is known to be better.
    """
    directions = next((other.DIRECTIONS for other in KINDS if kind == other.NAME), {})
    beginnings = [b for b in directions if f"{name}_".startswith(f"{b}_")]
    return directions[max(beginnings, key=len)] if beginnings else None


def select(model, collection: Dataset, request: Request) -> list[tuple[Task, list[str]]]:
    """Gives what fits, each with the names of the metrics that are to be computed.

    Raises:
        UserError: begins with the flag, where one is asked for that nothing here computes.
    """
    fitting = [kind.fitting(model, collection, request) for kind in KINDS]
    tasks = [task for task in fitting if task is not None]
    offered = [name for task in tasks for name in task.offers]
    for name in request.metrics or ():
        if name not in offered:
            right = ", ".join(dict.fromkeys(offered)) or "none; give --features="
            raise UserError(
                f"--{request.flag}={name}: does not fit this model and its data; {right} do"
            )
    chosen = [(task, request.wanted(task.offers)) for task in tasks]
    return [(task, names) for task, names in chosen if names]

"""Evaluation of a finished run on its own data set."""

from kgan.evaluation.runner import evaluate_run
from kgan.evaluation.task import Request
from kgan.runs.folder import open_run
from kgan.training.data import open_data
from kgan.utils.errors import UserError


def evaluate_run_folder(folder: str, request: Request, which: str = "auto") -> None:
    """Evaluates a run and prints the results, which are stored in its folder.

    Args:
        folder: of the run.
        request: what is measured.
        which: checkpoint: `auto`, `best` or `last`.

    Raises:
        UserError: one line, where nothing fits the model and its data.
    """
    run = open_run(folder)
    # Without jitter, so that images of the training part have the size that the networks take.
    dataset, _ = open_data(run.settings(), jitter=False)
    if not evaluate_run(run, dataset, request, which):
        raise UserError(
            f"--run={folder}: no metric fits its {request.part} part; --features=inception or "
            "pixels compares any images"
        )

"""Models restored from run folders."""

import pathlib

import keras

from kgan.cli.models import build_model
from kgan.runs import checkpoint
from kgan.runs.data import whole_spec
from kgan.runs.folder import Run, open_run
from kgan.utils.errors import UserError
from kgan.utils.precision import precision


def initialize_from_run(model: keras.Model, folder: str) -> None:
    """Assigns the network weights of a run's best (or last) checkpoint to a new model.

    Optimizers, weight averages and the step keep their initial values. The networks may belong to
    another model if the names and shapes of all weights are equal.

    Args:
        model: a built model.
        folder: folder of the trained run.
    """
    try:
        run = open_run(folder)
        path = run.best if run.best.exists() else run.latest()
        arrays, _ = checkpoint.read(path)
        own = {n: v for n, v in model.state().items() if n.partition("/")[0] in model.networks}
        theirs = {n: a for n, a in arrays.items() if n.partition("/")[0] in model.networks}
        checkpoint.restore(own, theirs, path)
    except UserError as error:
        raise UserError(f"--init_from={folder}: {error}") from error


def chosen_checkpoint(run: Run, which: str = "auto") -> pathlib.Path:
    """Returns the path of a run's checkpoint: `best`, `last` or `auto`, see `load_run`."""
    if which == "best" and not run.best.exists():
        raise UserError("--checkpoint=best: this run keeps no best checkpoint; give last or auto")
    return run.latest() if which == "last" or not run.best.exists() else run.best


def describe_checkpoint(folder: str, which: str = "auto") -> str:
    """Returns a line for the user: which checkpoint `load_run` loads, and its step."""
    run = open_run(folder)
    path = chosen_checkpoint(run, which)
    kind = "best" if path == run.best else "last"
    return f"checkpoint: {kind}, step {checkpoint.metadata(path)['step']:,}"


def load_run(folder: str, which: str = "auto", label_maps: bool | None = None) -> keras.Model:
    """Loads a trained model, on one device, with the state of a checkpoint.

    Args:
        folder: the run folder.
        which: `best`, `last`, or `auto`: the best checkpoint if the run keeps one, else the last.
        label_maps: see `kgan.runs.data.whole_spec`.

    Returns:
        The compiled model; its `networks` can be saved as `.keras` files. Of a best checkpoint its
        optimizers begin again; training is resumed from the last one.

    Raises:
        UserError: the folder contains no whole checkpoint of this model.
    """
    run = open_run(folder)
    path = chosen_checkpoint(run, which)
    arrays, header = checkpoint.read(path)
    run.check_origin(header, path)
    settings = run.settings().replace(sync_batch_norm=False)
    with precision(settings.device.precision):
        model = build_model(settings, whole_spec(run, label_maps))
    # Best checkpoints hold nothing that only further training needs.
    checkpoint.restore(model.state(), arrays, path, model.training_state())
    return model

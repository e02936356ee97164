"""From a run folder to a SavedModel."""

import pathlib

from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.atomic import report_write_errors


def export_run(
    run: Run, export_dir: str, name: str | None = None, which: str = "auto"
) -> pathlib.Path:
    """Exports the best checkpoint of a run (or its last, where there is no validation part).

    Args:
        run: the run folder.
        export_dir: the export goes to `<export_dir>/<name>/<version>/`.
        name: default: the run's.
        which: `auto`, `best` or `last`.

    Returns:
        The version's folder.

    Raises:
        UserError: when there is no checkpoint, or the folder cannot be written.
    """
    model = load_run(str(run.folder), which)
    with report_write_errors(f"--export_dir={export_dir}"):
        return write_saved_model(
            model.served_networks, model.signatures(), pathlib.Path(export_dir) / (name or run.name)
        )

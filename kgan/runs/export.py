"""Export of a run as a SavedModel, or in another format."""

import dataclasses
import pathlib

from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.serving.portable import Request, write_portable
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.atomic import report_write_errors


def export_run(
    run: Run, export_dir: str, name: str | None = None, which: str = "auto"
) -> pathlib.Path:
    """Exports a checkpoint of a run.

    Args:
        run: the run folder.
        export_dir: the export goes to `<export_dir>/<name>/<version>/`.
        name: name of the export; default: the run's.
        which: see `load_run`.

    Returns:
        The folder of the version.
    """
    model = load_run(str(run.folder), which)
    with report_write_errors(f"--export_dir={export_dir}"):
        return write_saved_model(
            model.served_networks, model.signatures(), pathlib.Path(export_dir) / (name or run.name)
        )


def export_portable(
    run: Run, export_dir: str, request: Request, name: str | None = None, which: str = "auto"
) -> pathlib.Path:
    """Exports a checkpoint of a run as ONNX or LiteRT files, see `write_portable`.

    Args:
        run: the run folder.
        export_dir: the files go to `<export_dir>/<name>/<format>/<version>/`.
        request: format, signatures and examples.
        name: name of the export; default: the run's.
        which: see `load_run`.

    Returns:
        The folder of the files.
    """
    model = load_run(str(run.folder), which)
    origin = {"run": run.folder.name, "checkpoint": which, "step": model.completed_steps}
    request = dataclasses.replace(request, origin=origin)
    folder = pathlib.Path(export_dir) / (name or run.name)
    with report_write_errors(f"--export_dir={export_dir}"):
        return write_portable(model.served_networks, model.signatures(), folder, request)

"""Export of a run as a SavedModel, published or not, or in another format."""

import dataclasses
import datetime
import math
import pathlib
import shlex
import shutil
from collections.abc import Iterable, Mapping

from kgan import __version__
from kgan.runs import checkpoint, logs
from kgan.runs.folder import Run
from kgan.runs.restore import chosen_checkpoint, load_run
from kgan.serving import versions
from kgan.serving.model_config import write_model_config
from kgan.serving.portable import Request, write_portable
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.atomic import report_write_errors
from kgan.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class Export:
    """A written export.

    Args:
        folder: of the SavedModel.
        message: a line for the user: whether it is served, why, and how to change that.

    Example:
        >>> Export(pathlib.Path("saved_models/mine/1"), "published as version 1").folder.name
        '1'
    """

    folder: pathlib.Path
    message: str


def export_run(
    run: Run,
    export_dir: str,
    name: str | None = None,
    which: str = "auto",
    publish: str = "better",
    *,
    refuses: bool = True,
    warmup: bool | None = None,
    serving_root: str | None = None,
    label_maps: bool | None = None,
) -> Export:
    """Exports a checkpoint of a run.

    Args:
        run: the run folder.
        export_dir: a published version goes to `<export_dir>/<name>/<version>/`, which TensorFlow
            Serving serves if its number is the highest. Others go to `export/` in the run folder.
        name: name of the export; default: the run's.
        which: see `load_run`.
        publish: one of `kgan.utils.choices.PUBLISH`.
        refuses: whether `better` refuses to export what is worse than the served version; else it
            is exported without being published. Then, too, what has been exported before is not
            exported again.
        warmup: see `write_saved_model`.
        serving_root: see `write_model_config`.
        label_maps: see `kgan.runs.data.whole_spec`.
    """
    own = {"run": run.folder, "name": name, "export_dir": export_dir, "publish": "always"}
    again = shlex.join(f"--{flag}={value}" for flag, value in own.items() if value)
    name = name or run.name
    folder = pathlib.Path(export_dir) / name
    record = _record(run, chosen_checkpoint(run, which))
    served = versions.served_version(folder)
    is_published, reason = _decide(record, served, publish)
    if publish == "auto" and is_published and (back := _same(record, versions.retracted(folder))):
        is_published, reason = False, f"version {back.name}, the same, was taken back"
    written = [] if is_published else [versions.served_version(run.exported)]
    if not refuses and publish != "always" and (before := _same(record, [served, *written])):
        return Export(before, f"exported before; python -m kgan.export {again} adds a version")
    if publish == "better" and not is_published and refuses:
        raise UserError(
            f"--publish={publish}: {reason}; --publish=always publishes this one all the same, "
            "--publish=never writes it into the run folder"
        )
    model = load_run(str(run.folder), which, label_maps)  # the signatures alone do not keep it
    if is_published:
        with report_write_errors(f"--export_dir={export_dir}"):
            version = write_saved_model(model.signatures(), folder, record, warmup)
            write_model_config(pathlib.Path(export_dir), serving_root)
        where = [] if export_dir == "saved_models" else [f"--export_dir={export_dir}"]
        back = f"python -m kgan.export {shlex.join([f'--retract={name}', *where])} takes it back"
        published = f"published as version {version.name} of {name} ({reason})"
        return Export(version, f"{published}; {back}")
    with report_write_errors(run.exported):
        version = write_saved_model(model.signatures(), run.exported, record)
        for other in run.exported.iterdir():
            if other.name.isdecimal() and other != version:
                shutil.rmtree(other)
    return Export(version, f"not published ({reason}); python -m kgan.export {again} does it")


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
        return write_portable(model.signatures(), folder, request)


def _decide(record: Mapping, served: pathlib.Path | None, publish: str) -> tuple[bool, str]:
    """Returns whether an export is published, and the reason."""
    if publish == "never":
        return False, "--publish=never"
    if served is None:
        return True, "no other one is served"
    number = f"version {served.name}"
    if publish == "always":
        return True, f"in place of {number}"
    theirs, ours = versions.read_record(served).get("metric"), record["metric"]
    if not (ours and theirs and all(ours[k] == theirs.get(k) for k in ("name", "dataset"))):
        return publish == "better", f"no metric compares it with {number}, which is served"
    sign = 1 if ours["lower_is_better"] else -1
    values = f"{ours['name']} {ours['value']:.4g}, {number} has {theirs['value']:.4g}"
    difference = sign * (theirs["value"] - ours["value"])
    return difference > 0 or (difference == 0 and publish == "better"), values


def _same(record: Mapping, found: Iterable[pathlib.Path | None]) -> pathlib.Path | None:
    """Returns the first version that records the same as a new one would, but for its date."""
    for version in filter(None, found):
        if {**versions.read_record(version), "date": record["date"]} == record:
            return version
    return None


def _record(run: Run, path: pathlib.Path) -> dict:
    """Describes the origin of an export; everything in it is known without the run."""
    _, header = checkpoint.read(path)
    settings, step = run.settings(), header["step"]
    dataset = pathlib.Path(settings.data.dataset).name
    lines = logs.read_metrics(run.metrics)
    of_step = [line for line in lines if line["kind"] == "validation" and line["step"] == step]
    values = {k: v for line in of_step for k, v in line.items() if isinstance(v, float)}
    return {
        "run": run.folder.resolve().name,
        "model": settings.model,
        "dataset": dataset,
        "checkpoint": path.name,
        "step": step,
        "metric": _metric(header["callbacks"].get("validation", {}), values, dataset),
        "metrics": {name: value for name, value in values.items() if math.isfinite(value)},
        "kgan": __version__,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _metric(state: Mapping, values: Mapping[str, float], dataset: str) -> dict | None:
    """Returns the value by which the run chose its best checkpoint; None where there is none."""
    name, lower = state.get("best_name"), state.get("lower_is_better")
    if lower is None or not math.isfinite(values.get(name, math.nan)):
        return None
    return {"name": name, "value": values[name], "lower_is_better": lower, "dataset": dataset}

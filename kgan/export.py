"""`python -m kgan.export --run=DIR`: exports a run for TensorFlow Serving, as ONNX or LiteRT."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.flags import CHECKPOINT, MOVED_DATA, RUN
from kgan.cli.parsing import parse_command
from kgan.cli.values import parse_name
from kgan.models.base.flags import choice, switch, text, texts
from kgan.utils.choices import PUBLISH
from kgan.utils.errors import UserError

FORMATS = ("saved_model", "onnx", "tflite")
FLAGS = (
    RUN,
    CHECKPOINT,
    text("export_dir", "saved_models", "Folder of exports: <export_dir>/<name>/<version>/."),
    text("name", None, "Name of the exported model; default: the name of the run."),
    choice(
        "format",
        "saved_model",
        FORMATS,
        "saved_model: for TensorFlow Serving, in <export_dir>/<name>/<version>/. onnx (needs "
        "kgan[onnx]) and tflite: files of the signatures of plain operations, in "
        "<export_dir>/<name>/<format>/<version>/.",
    ),
    texts("signature", "onnx, tflite: signature to write; default: all named deterministic…"),
    MOVED_DATA,
    choice(
        "quantize",
        None,
        ("int8",),
        "tflite: int8 weights and activations, calibrated on data of the run.",
    ),
    choice(
        "publish",
        "better",
        PUBLISH,
        "Whether it becomes the version that TensorFlow Serving serves. better: unless it is known "
        "to be worse than the one served; auto: if it is the first or better; always; never: it is "
        "written into the run folder.",
    ),
    switch(
        "warmup",
        None,
        "Requests with which TensorFlow Serving warms the model up; default: where kgan[serving] "
        "is installed.",
    ),
    switch(
        "label_maps",
        None,
        "Whether the images that are translated are label maps, for runs of an earlier version "
        "that do not say it and whose data are gone.",
    ),
    text(
        "serving_root",
        None,
        "<export_dir> as TensorFlow Serving sees it, for the paths in <export_dir>/models.config; "
        "default: as there, at first /models.",
    ),
    text(
        "retract",
        None,
        "Instead of an export: NAME or NAME/VERSION of <export_dir>, to take the served or another "
        "version back. It is moved to <export_dir>/<name>/retracted.",
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Exports and prints where to."""
    given = parse_command("kgan.export", FLAGS, arguments)
    _check(given)
    entry.import_tensorflow()
    from kgan.runs.export import export_run
    from kgan.runs.folder import open_run

    if given.retract:
        _retract(given.export_dir, given.retract)
        return
    run = open_run(given.run)
    if given.format != "saved_model":
        _export_portable(run, given)
        return
    own = {name: getattr(given, name) for name in ("warmup", "serving_root", "label_maps")}
    export = export_run(run, given.export_dir, given.name, given.checkpoint, given.publish, **own)
    print(export.folder)
    print(export.message)


def _check(given):
    if not given.run and not given.retract:
        raise UserError("--run is missing; give --run=, or --retract=NAME to take a version back")
    if given.name is not None:
        parse_name("name", given.name)
    if given.run and given.retract:
        raise UserError(f"--retract={given.retract}: stands without --run")
    if given.dataset and not given.quantize:
        raise UserError(f"--dataset={given.dataset}: is for --quantize=, which reads images")
    if given.quantize and given.format != "tflite":
        raise UserError(f"--quantize={given.quantize}: is for --format=tflite")
    if given.serving_root and not given.serving_root.startswith("/"):
        raise UserError(
            f"--serving_root={given.serving_root}: TensorFlow Serving takes absolute paths; right "
            "would be such as /models"
        )
    if given.signature and given.format == "saved_model":
        raise UserError(
            f"--signature={given.signature[0]}: a SavedModel has all signatures; right would be "
            "no --signature, or --format=onnx or tflite"
        )


def _retract(export_dir, what):
    import pathlib

    from kgan.serving import versions
    from kgan.serving.model_config import write_model_config
    from kgan.utils.atomic import report_write_errors

    with report_write_errors(f"--export_dir={export_dir}"):
        aside, served = versions.retract(export_dir, what)
        write_model_config(pathlib.Path(export_dir))
    print(aside)
    now = f"version {served.name} is served now" if served else "no version is served now"
    print(f"taken back; {now}; moving the folder back publishes it again")


def _export_portable(run, given) -> None:
    from kgan.runs.export import export_portable
    from kgan.serving.portable import Request, written_files
    from kgan.training.data import calibration_examples

    # Of models that generate from latents the seeds are enough.
    examples = calibration_examples(run, given.dataset) if given.quantize else None
    request = Request(given.format, given.signature, given.quantize, examples)
    where = given.export_dir, request, given.name, given.checkpoint
    for file in written_files(export_portable(run, *where)):
        print(file)


if __name__ == "__main__":
    entry.run(main)

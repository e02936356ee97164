"""`python -m kgan.evaluate --run=DIR`: measures a trained model, or images, against real images."""

import dataclasses
from collections.abc import Sequence

from kgan.cli import entry, values
from kgan.cli.flags import BAD_LIMIT, CHECKPOINT, MOVED_DATA, RUN
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import choice, integer, text
from kgan.utils.choices import PARTS
from kgan.utils.errors import UserError

MEASURED = ("run", "saved_model", "images")
FEATURES = (
    "digits, stacked_digits, pixels, keras_inception, one of keras.applications; default: what fits"
)
FLAGS = (
    RUN,
    CHECKPOINT,
    MOVED_DATA,
    text("saved_model", None, "Exported model to measure, such as saved_models/NAME/1."),
    text("images", None, "Folder or zip of generated images to measure."),
    text("real", None, "Folder or zip of real images; for --saved_model and --images."),
    text(
        "image_size",
        None,
        "Size in pixels to which images are resized before they are compared, such as 128 or "
        "HEIGHTxWIDTH; for --saved_model and --images. Default: the features get each at its own.",
    ),
    choice(
        "fit",
        "resize",
        ("resize", "crop"),
        "How images of another shape are made to fit: resize, or crop the centre, as in the "
        "training; for --saved_model and --images.",
    ),
    text("metrics", None, "Comma-separated metrics, such as fid,kid; default: all that fit."),
    text("features", None, f"Features that images are compared by: {FEATURES}."),
    integer(
        "count",
        10_000,
        (2, 1_000_000),
        "Maximum number of generated images, and of real ones of a run's dataset.",
    ),
    integer(
        "real_count",
        None,
        (2, 10_000_000),
        "Maximum number of images of --real, always the same random sample; default: all.",
    ),
    text(
        "value_range",
        None,
        "The levels of the image files that are black and white, such as 0,4095 for 12 bits in "
        "16-bit files; for --saved_model and --images. Default: those of the files, and for "
        "floating point images the lowest and highest of --real.",
    ),
    dataclasses.replace(BAD_LIMIT, default=None),
    choice("part", "test", PARTS, "Part of the run's dataset that is measured."),
)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = parse_command("kgan.evaluate", FLAGS, arguments, renamed={"pictures": "images"})
    _check(given)
    names = None if given.metrics is None else values.parse_metrics("metrics", given.metrics)
    size = None if given.image_size is None else values.parse_size("image_size", given.image_size)
    levels = given.value_range and values.parse_value_range("value_range", given.value_range)
    entry.import_tensorflow()
    from kgan.evaluation import folders, runner
    from kgan.evaluation.task import Request
    from kgan.runs.folder import open_run
    from kgan.runs.moved_data import open_run_data
    from kgan.utils.messages import start_logging

    start_logging()
    request = Request(given.part, names, given.features, given.count)
    if given.run is None:
        limit = BAD_LIMIT.default if given.bad_limit is None else given.bad_limit
        protocol = folders.Protocol(size, given.fit, given.real_count, limit, levels)
        folders.evaluate_images(given.saved_model, given.images, given.real, request, protocol)
        return
    run = open_run(given.run)
    settings = run.settings()
    if given.bad_limit is not None:
        settings = settings.replace(bad_limit=given.bad_limit)
    dataset, _ = open_run_data(run, given.dataset, [given.part], settings)
    if not runner.evaluate_run(run, dataset, request, given.checkpoint):
        raise UserError(
            f"--run={given.run}: no metric fits its {given.part} part; --features=pixels or "
            "keras_inception compares any images"
        )


def _check(given):
    measured = [f"--{name}" for name in MEASURED if getattr(given, name)]
    if len(measured) != 1:
        found = " and ".join(measured) or "nothing to measure"
        raise UserError(f"{found}: give one of {', '.join(f'--{name}=' for name in MEASURED)}")
    if given.run and given.real:
        raise UserError(f"--real={given.real}: a run has its own real images; remove --real")
    if given.dataset and not given.run:
        raise UserError(f"--dataset={given.dataset}: is for --run; right would be --real=")
    for name in ("image_size", "real_count", "value_range"):
        if given.run and getattr(given, name) is not None:
            raise UserError(
                f"--{name}={getattr(given, name)}: is for --images and --saved_model; right would "
                f"be no --{name}"
            )
    if not given.run and not given.real:
        raise UserError(f"{measured[0]}: needs --real=, a folder or zip of real images")


if __name__ == "__main__":
    entry.run(main)

"""`python -m kgan.evaluate --run=DIR`: measures a trained model, or images, against real images."""

from collections.abc import Sequence

from kgan.cli import entry, values
from kgan.cli.flags import CHECKPOINT, RUN
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
    text("saved_model", None, "Exported model to measure, such as saved_models/NAME/1."),
    text("images", None, "Folder or zip of generated images to measure."),
    text("real", None, "Folder or zip of real images; for --saved_model and --images."),
    text(
        "image_size",
        None,
        "Size in pixels at which --images and --real are compared, such as 128 or HEIGHTxWIDTH; "
        "default: the size of --images.",
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
    integer("count", 10_000, (2, 1_000_000), "Maximum number of generated and of real images."),
    choice("part", "test", PARTS, "Part of the run's dataset that is measured."),
)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = parse_command("kgan.evaluate", FLAGS, arguments, renamed={"pictures": "images"})
    _check(given)
    names = None if given.metrics is None else values.parse_metrics("metrics", given.metrics)
    size = None if given.image_size is None else values.parse_size("image_size", given.image_size)
    entry.import_tensorflow()
    from kgan.evaluation import folders, runner
    from kgan.evaluation.task import Request
    from kgan.runs.folder import open_run
    from kgan.training.data import open_data
    from kgan.utils.messages import start_logging

    start_logging()
    request = Request(given.part, names, given.features, given.count)
    if given.run is None:
        folders.evaluate_images(
            given.saved_model, given.images, given.real, request, size, given.fit
        )
        return
    run = open_run(given.run)
    # Without jitter, so that images of the training part have the size that the networks take.
    dataset, _ = open_data(run.settings(), jitter=False, split_rule=run.spec().split_rule)
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
    if given.image_size and not given.images:
        raise UserError(
            f"--image_size={given.image_size}: is for --images; a model has its own size"
        )
    if not given.run and not given.real:
        raise UserError(f"{measured[0]}: needs --real=, a folder or zip of real images")


if __name__ == "__main__":
    entry.run(main)

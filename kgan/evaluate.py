"""`python -m kgan.evaluate --run=DIR`: measures a trained model, or images, against real images."""

import functools
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.utils.errors import UserError

MEASURED = ("run", "saved_model", "images")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    string = functools.partial(flags.DEFINE_string, default=None, flag_values=values)
    settings.define_run_flags(values)
    string("saved_model", help="Exported model to measure, such as saved_models/NAME/1.")
    string("images", help="Folder or zip of generated images to measure.")
    string("real", help="Folder or zip of real images; for --saved_model and --images.")
    string("metrics", help="Comma-separated metrics, such as fid,kid; default: all that fit.")
    about = (
        "Features that images are compared by: digits, stacked_digits, pixels, inception, or a "
        "name in keras.applications; default: those of the dataset, for folders pixels."
    )
    string("features", help=about)
    about = "Maximum number of generated and of real images; default 10000."
    flags.DEFINE_integer("count", 10_000, about, 2, 1_000_000, flag_values=values)
    about = "Part of the run's dataset: train, validation or test (default)."
    parts = ["train", "validation", "test"]
    flags.DEFINE_enum("part", "test", parts, about, flag_values=values)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    renamed = {"pictures": "images"}
    given = settings.parse_command("kgan.evaluate", define_flags, arguments, (), renamed)
    if given is None:
        return
    _check(given)
    names = None if given.metrics is None else settings.parse_metrics("metrics", given.metrics)
    entry.import_tensorflow()
    from kgan.evaluation import folders, runner
    from kgan.evaluation.task import Request
    from kgan.runs.folder import open_run
    from kgan.training import loop

    request = Request(given.part, names, given.features, given.count)
    loop.start_logging()
    if given.run is None:
        folders.evaluate_images(given.saved_model, given.images, given.real, request)
        return
    run = open_run(given.run)
    resolved = run.settings()
    resolved.jitter = None  # training images, too, are measured at the networks' size
    dataset, _ = loop.open_collection(resolved)
    if not runner.evaluate_run(run, dataset, request, given.checkpoint):
        wanted = "use --features=inception or pixels, which fit all images"
        raise UserError(f"--run={given.run}: no evaluation fits its {given.part} part; {wanted}")


def _check(given):
    measured = [f"--{name}" for name in MEASURED if getattr(given, name)]
    if len(measured) != 1:
        found = " and ".join(measured) or "nothing to measure"
        raise UserError(f"{found}: give one of {', '.join(f'--{name}=' for name in MEASURED)}")
    if given.run and given.real:
        raise UserError(f"--real={given.real}: a run has its own real images; remove --real")
    if not given.run and not given.real:
        raise UserError(f"{measured[0]}: needs --real=, a folder or zip of real images")


if __name__ == "__main__":
    entry.run(main)

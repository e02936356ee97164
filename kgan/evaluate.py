"""`python -m kgan.evaluate --run=DIR`: measures a trained model, or images, beside real ones."""

from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings
from kgan.utils.errors import UserError

LEAST, MOST = 2, 1_000_000
WHAT = ("run", "saved_model", "images")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""

    def string(name, default, about):
        flags.DEFINE_string(name, default, about, flag_values=values)

    string("run", None, "The run folder.")
    string("saved_model", None, "An exported model that draws from seeds: saved_models/NAME/1.")
    string("images", None, "A folder or zip of generated images.")
    string("pictures", None, "The earlier name of --images.")
    string("real", None, "For --saved_model and --images: a folder or zip of real ones.")
    string("metrics", None, "Which, NAME,NAME…; default: all that fit.")
    string(
        "features",
        None,
        "What images are compared by: digits, stacked_digits, pixels, inception, or a name in "
        "keras.applications; default: what fits the data.",
    )
    flags.DEFINE_integer(
        "count", 10_000, "Images of each kind, at most.", LEAST, MOST, flag_values=values
    )
    flags.DEFINE_enum(
        "part",
        "test",
        ["train", "validation", "test"],
        "Which part of a run's data set.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "auto",
        ["auto", "best", "last"],
        "auto: the best where there is one.",
        flag_values=values,
    )


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = settings.parse_command("kgan.evaluate", define_flags, arguments, needed=())
    if given is None:
        return
    given.images = given.images or given.pictures
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
    resolved.jitter = None  # measured as the networks take them, the training part, too
    collection, _ = loop.open_collection(resolved)
    if not runner.evaluate_run(run, collection, request, given.checkpoint):
        raise UserError(
            f"--run={given.run}: nothing fits its {given.part} part; --features=inception or "
            "pixels compares any images"
        )


def _check(given):
    asked = [name for name in WHAT if getattr(given, name)]
    if len(asked) != 1:
        many = " and ".join(f"--{name}" for name in asked) or "nothing to measure"
        raise UserError(f"{many}: right would be one of {', '.join(f'--{n}=' for n in WHAT)}")
    if (given.real is None) != (asked == ["run"]):
        raise UserError(
            f"--real={given.real}: a run has its own real images; leave it out"
            if given.real
            else f"--{asked[0]}: needs --real=, a folder or zip of real images"
        )


if __name__ == "__main__":
    entry.run(main)

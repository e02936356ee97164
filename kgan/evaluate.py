"""`python -m kgan.evaluate --run=DIR`: measures a trained translation model on unseen pictures."""

from collections.abc import Sequence

from absl import flags

from kgan import cli, settings
from kgan.errors import UserError


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("run", None, "The run folder.", flag_values=values)
    flags.DEFINE_enum(
        "part", "test", ["train", "validation", "test"], "Which part of its data set.",
        flag_values=values,
    )  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    given = settings.parse_command("kgan.evaluate", define_flags, arguments, needed=("run",))
    if given is None:
        return
    cli.import_tensorflow()
    from kgan import evaluating, runs, training

    run = runs.open_run(given.run)
    training.start_logging()
    resolved = run.settings()
    resolved.jitter = None  # measured as the networks take them, the training part, too
    collection, _ = training.open_collection(resolved)
    if not evaluating.evaluate_run(run, collection, given.part):
        raise UserError(
            f"--run={given.run}: only runs on pairs with a {given.part} part can be measured"
        )


if __name__ == "__main__":
    cli.run(main)

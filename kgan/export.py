"""`python -m kgan.export --run=DIR`: writes a SavedModel of a run for TensorFlow Serving."""

from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("run", None, "The run folder.", flag_values=values)
    flags.DEFINE_string(
        "export_dir",
        "saved_models",
        "The export goes to <export_dir>/<name>/<version>/.",
        flag_values=values,
    )
    flags.DEFINE_string("name", None, "Default: the run's.", flag_values=values)
    flags.DEFINE_enum(
        "checkpoint",
        "auto",
        ["auto", "best", "last"],
        "auto: the best where there is one.",
        flag_values=values,
    )


def main(arguments: Sequence[str]) -> None:
    """Exports and prints where to."""
    given = settings.parse_command("kgan.export", define_flags, arguments, needed=("run",))
    if given is None:
        return
    entry.import_tensorflow()
    from kgan.runs.export import export_run
    from kgan.runs.folder import open_run

    run = open_run(given.run)
    print(export_run(run, given.export_dir, given.name, given.checkpoint))


if __name__ == "__main__":
    entry.run(main)

"""`python -m kgan.export --run=DIR`: a SavedModel of a run for TensorFlow Serving."""

import functools
from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    string = functools.partial(flags.DEFINE_string, flag_values=values)
    settings.define_run_flags(values)
    about = "Folder of exports; this one is written to <export_dir>/<name>/<version>/."
    string("export_dir", "saved_models", about)
    string("name", None, "Name of the exported model; default: the name of the run.")


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

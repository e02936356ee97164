"""`python -m kgan.export --run=DIR`: writes a SavedModel of a run for TensorFlow Serving."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.flags import CHECKPOINT, RUN
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import text

FLAGS = (
    RUN,
    CHECKPOINT,
    text("export_dir", "saved_models", "Folder of exports: <export_dir>/<name>/<version>/."),
    text("name", None, "Name of the exported model; default: the name of the run."),
)


def main(arguments: Sequence[str]) -> None:
    """Exports and prints where to."""
    given = parse_command("kgan.export", FLAGS, arguments, needed=("run",))
    entry.import_tensorflow()
    from kgan.runs.export import export_run
    from kgan.runs.folder import open_run

    print(export_run(open_run(given.run), given.export_dir, given.name, given.checkpoint))


if __name__ == "__main__":
    entry.run(main)

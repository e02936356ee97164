"""`python -m kgan.report --run=DIR [--run=DIR …]`: writes an HTML page about runs."""

from collections.abc import Sequence

from kgan.cli import entry
from kgan.cli.parsing import parse_command
from kgan.models.base.flags import text, texts

FLAGS = (
    texts("run", "Folder of a run; repeat the flag to compare several runs on one page."),
    text("out", None, "HTML file to write; default: report.html in the folder of the first run."),
)


def main(arguments: Sequence[str]) -> None:
    """Writes the page and prints where to."""
    given = parse_command("kgan.report", FLAGS, arguments, needed=("run",))
    entry.import_tensorflow()
    from kgan.reports import page

    print(page.write(given.run, given.out))


if __name__ == "__main__":
    entry.run(main)

"""`python -m kgan.report --run=DIR [--run=DIR …]`: an HTML page about runs, in a single file."""

from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    about = "Folder of a run; repeat the flag to compare several runs on one page."
    flags.DEFINE_multi_string("run", [], about, flag_values=values)
    about = "HTML file to write; default: report.html in the folder of the first run."
    flags.DEFINE_string("out", None, about, flag_values=values)


def main(arguments: Sequence[str]) -> None:
    """Writes the page and prints where to."""
    given = settings.parse_command("kgan.report", define_flags, arguments, needed=("run",))
    if given is None:
        return
    entry.import_tensorflow()
    from kgan.reports import page

    print(page.write(given.run, given.out))


if __name__ == "__main__":
    entry.run(main)

"""`python -m kgan.report --run=DIR [--run=DIR …]`: one page on runs, to keep and to pass on."""

from collections.abc import Sequence

from absl import flags

from kgan.cli import entry, settings


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_multi_string(
        "run", [], "A run folder; given again, the runs stand side by side.", flag_values=values
    )
    flags.DEFINE_string(
        "out", None, "The page; default: report.html in the first run's folder.", flag_values=values
    )


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

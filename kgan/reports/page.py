"""HTML reports about runs: one page with the contents of their folders.

The page needs no network and no other file: styles, curves and images are part of it. The other
modules of this package make its parts, `report.html` is the template.
"""

import errno
import os
import pathlib
from collections.abc import Sequence

import jinja2

from kgan.reports import panels, records, sheets, tables
from kgan.utils.atomic import atomic_write, report_write_errors

TEMPLATE = pathlib.Path(__file__).with_name("report.html")


def write(folders: Sequence[str], out: str | None = None) -> pathlib.Path:
    """Writes the page; returns its path.

    Args:
        folders: run folders; repetitions are ignored.
        out: the file; None: `report.html` in the first run's folder.
    """
    found = records.read(folders)
    path = pathlib.Path(out) if out else found[0].run.folder / "report.html"
    text = render(found)
    with report_write_errors(f"--out={path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with atomic_write(path) as place:
        place.write_text(text, encoding="utf-8")
    return path


def render(found: Sequence[records.Record]) -> str:
    """Returns the page as text."""
    groups = records.group(found)
    # Names of runs, classes and folders are escaped.
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        records=found,
        groups=groups,
        legend=panels.legend(groups),
        facts=tables.facts(found),
        commands=[tables.command(record) for record in found],
        sections=tables.metrics(groups),
        panels=panels.plot(groups),
        smoothed=panels.is_smoothed(groups),
        samples=sheets.samples(found),
        settings=tables.settings(found),
        events=[tables.events(record) for record in found],
    )

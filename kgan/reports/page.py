"""Writes a report on runs: one page of HTML with all that their folders say.

The page needs no network and no other file: style, curves and images are in it. What stands in
its parts is worked out in `kgan/page`, how it looks is in `kgan/page/report.html`.
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
    """Writes the page; returns where to.

    Args:
        folders: of runs; one that is given twice counts once.
        out: the file; None: `report.html` in the first run's folder.

    Raises:
        UserError: one line, for a folder that is no run or has nothing logged, for damaged files,
            and for a page that cannot be written.
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
    """Writes the page as text."""
    groups = records.groups(found)
    # What people called their runs, classes and folders must not be taken for HTML.
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        records=found,
        groups=groups,
        entries=panels.legend(groups),
        facts=tables.facts(found),
        commands=[tables.command(record) for record in found],
        sections=tables.metrics(groups),
        panels=panels.draw(groups),
        smoothed=panels.smoothed(groups),
        shows=sheets.shows(found),
        settings=tables.settings(found),
        events=[tables.events(record) for record in found],
    )

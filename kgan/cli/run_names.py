"""Names of runs on the command line: a folder, a number, a part of the name, or `latest`."""

import os
import pathlib
import re

from kgan.utils.errors import UserError

NEWEST = ("latest", "last", "newest")
SHOWN = 5  # runs in an error


def find_run(flag: str, text: str, runs_dir: str = "runs") -> str:
    """Returns the folder of the run that a text means.

    Args:
        flag: its name, for the error.
        text: a folder; or, of the runs in `runs_dir`, a number such as 2 or 00002, `latest` for
            the highest number, a name, or a part of a name that only one run has.
        runs_dir: folder of the numbered runs.

    Raises:
        UserError: no run is meant, or several are; the line lists them.

    Example:
        >>> find_run("run", "runs/00002-dcgan-digits")
        'runs/00002-dcgan-digits'
    """
    if os.path.isfile(os.path.join(text, "flags.cfg")) or os.sep in text:
        return text
    runs = _numbered(pathlib.Path(runs_dir))
    if text in NEWEST:
        found = list(runs)[-1:]
    elif text.isdecimal():
        found = [name for name in runs if int(name.partition("-")[0]) == int(text)]
    else:
        found = [name for name in runs if text in (name, name.partition("-")[2])]
        found = found or [name for name in runs if text and text in name]
    if len(found) == 1:
        return str(runs[found[0]])
    if not found and os.path.lexists(text):
        return text
    shown = [*(found or runs)]
    listed = ", ".join([*(["…"] if len(shown) > SHOWN else []), *shown[-SHOWN:]]) or "no run"
    if found:
        raise UserError(f"--{flag}={text}: could be {listed}; give the number of one of them")
    raise UserError(
        f"--{flag}={text}: no run in {runs_dir} is meant by this, which has {listed}; give a "
        "number, a part of a name, latest or a folder (--runs_dir says where the runs are)"
    )


def _numbered(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the run folders in a folder by name, the highest number last."""
    try:
        names = [path.name for path in folder.iterdir() if re.match(r"\d+-", path.name)]
    except (OSError, ValueError):  # there is none, or none can have this name
        return {}
    names = [name for name in names if (folder / name / "flags.cfg").is_file()]
    return {name: folder / name for name in sorted(names, key=_by_number)}


def _by_number(name):
    return int(name.partition("-")[0]), name

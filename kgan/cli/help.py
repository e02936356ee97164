"""Texts of `--help`."""

import re
from collections.abc import Iterable, Sequence

from kgan.cli.flags import SHARED_FLAGS, SHARED_NAMES
from kgan.cli.models import model_names, model_summary
from kgan.models.base.flags import Flag

# What the words of the shared flags are called in a model without a discriminator.
ONE_PLAYER = {"generator updates": "updates", "generator": "model"}


def of_training(values, model: type | None) -> str:
    """Writes the help of `kgan.train`.

    Args:
        values: absl's flags that are defined, of which some shared ones may be missing.
        model: the class of `--model`, if one is given.
    """
    lines = ["python -m kgan.train --model=NAME [--flag=value …]", "", "Models:"]
    lines += [f"  {name:10} {model_summary(name)}" for name in model_names()]
    defaults = model.defaults if model else {}
    shared = [f for f in SHARED_FLAGS if f.name != "undefok" and f.name in values]
    rows = list(_rows(shared, defaults))
    if model and "d" not in model.player_names:
        rows = [
            re.sub("generator updates|generator", lambda word: ONE_PLAYER[word[0]], row)
            for row in rows
        ]
    lines += ["", "Flags of every run:", *rows]
    if model:
        own = [flag for flag in model.flags() if flag.name not in SHARED_NAMES]
        lines += ["", "Flags of this model:", *_rows(own, defaults)]
    return "\n".join(lines)


def of_command(module: str, table: Iterable[Flag], needed: Sequence[str]) -> str:
    """Writes the help of a command."""
    wanted = "".join(f" --{name}=…" for name in needed)
    return of_table(f"python -m {module}{wanted} [--flag=value …]", table)


def of_table(usage: str, table: Iterable[Flag]) -> str:
    """Writes a usage line and a line for each flag."""
    return "\n".join([usage, "", *_rows(table, {})])


def _rows(table, defaults):
    for flag in table:
        default = defaults.get(flag.name, flag.default)
        shown = "" if default in (None, "", (), []) or default is False else f" [{default}]"
        yield f"  --{flag.name:18} {flag.help}{shown}"

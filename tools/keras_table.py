"""The table of docs/keras.md: every way in which Keras users call a model, tried on every model.

    python -m tools.keras_table [--models=wgan,pix2pix]

The ways are those of tests/models/keras_ways.py. A table of all models is written to the page, one
of some models to the screen. Exit status 1 where a way does not work. 25 minutes on two cores.
"""

import sys
import time
from collections.abc import Sequence

import keras
from tqdm import tqdm

from kgan.cli import entry
from kgan.cli.models import model_names
from tests.models.keras_ways import WAYS, Case
from tests.models.test_keras import build_of
from tools import command

YES, NONE = "yes", "–"


def tried(model: str, way: str) -> str:
    """Tries a way on a new model; returns `yes`, `–` where it has no meaning, or what failed."""
    keras.utils.set_random_seed(0)
    case = Case(build_of(model))
    if not WAYS[way].fits(case):
        return NONE
    try:
        WAYS[way].function(case)
    except Exception as error:  # noqa: BLE001 (whatever it is belongs into the table)
        return f"**no**: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return YES


def table(models: Sequence[str]) -> tuple[str, list[str]]:
    """Tries all ways on models; returns the table, and a line for each that does not work."""
    text, group, failed = "", None, []
    bar = tqdm(total=len(WAYS) * len(models), unit="way", disable=not sys.stderr.isatty())
    with bar:
        for name, way in WAYS.items():
            if way.group != group:
                group = way.group
                text += f"\n**{group}**\n\n{command.columns('way', *models)}"
            cells = []
            for model in models:
                cells.append(tried(model, name))
                bar.update()
                if cells[-1] not in (YES, NONE):
                    failed.append(f"{model}, {way.about}: {cells[-1]}")
            text += command.row(way.about, *cells)
    return text, failed


def main(arguments: Sequence[str]) -> None:
    """Writes the table; ends with status 1 where a way does not work."""
    given = command.parse("keras_table", arguments, models=",".join(model_names()))
    models, began = given.models.split(","), time.monotonic()
    text, failed = table(models)
    minutes = (time.monotonic() - began) / 60
    text += f"\n{len(WAYS)} ways, {len(models)} models, {minutes:.0f} minutes.\n"
    if models == model_names():
        command.write("keras", text)
    else:
        print(text)
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    entry.run(main)

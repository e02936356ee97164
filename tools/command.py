"""Command lines and output files of the tools."""

import pathlib
import types
from collections.abc import Sequence

import numpy as np

from kgan.cli.parsing import parse_command
from kgan.data import pipeline
from kgan.data.dataset import ImageFormat
from kgan.data.registry import open_dataset
from kgan.models.base.flags import Flag
from kgan.utils.errors import UserError

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
BEGIN, END = "<!-- generated -->", "<!-- end -->"
HELP = {
    "work": "Folder for runs and results; it is kept, and the same command continues there.",
    "data_dir": "Folder of data sets that TFDS has prepared; default: tfds/ in --work.",
    "manual_dir": "Folder of original files, such as those of MNIST, where nothing can be "
    "downloaded.",
    "steps": "Generator updates of each run.",
    "seconds": "Seconds of each measurement of speed.",
    "requests": "Number of requests of each row.",
    "minutes": "Minutes of training of each run.",
    "seeds": "Runs of each row, with the seeds 0, 1, …",
    "seed": "Seed of everything random.",
    "epochs": "Passes over the training part.",
    "parallel": "Number of runs that are trained at a time.",
    "run": "Run folder; repeat the flag for several.",
    "only": "Comma-separated names, or a part of a name: what is tried.",
    "tries": "Number of tries of each fault and model.",
    "models": "Comma-separated model names.",
    "direction": "Direction of translation: AtoB or BtoA.",
    "cifar10": "Folder or zip of CIFAR-10's images.",
    "images": "Zip of pairs, such as camvid_pairs_128.zip.",
    "published_length": "Also train one run for as many steps as the paper.",
}


def parse(
    tool: str, arguments: Sequence[str], needed: Sequence[str] = (), **defaults
) -> types.SimpleNamespace:
    """Parses a tool's flags.

    Args:
        tool: its name.
        arguments: without the program's name.
        needed: flags that have to be given.
        **defaults: by flag; a list stands for a flag that can be repeated, and a class for a flag
            of that type without a default.

    Returns:
        The flags as attributes.

    Raises:
        UserError: one line, for anything that is wrong.
    """
    table = []
    for name, default in defaults.items():
        kind = default if isinstance(default, type) else type(default)
        start = None if kind is default else default
        table.append(Flag(name, list[str] if kind is list else kind, start, HELP[name]))
    return parse_command(f"tools.{tool}", table, arguments, needed)


def read_digits(
    name: str, part: str, side: int, given: types.SimpleNamespace, count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a part of a data set of digits, or a sample of `count` examples.

    Returns:
        Images float32 [N, side, side, 1] in [-1, 1], and labels int32 [N].
    """
    folders = {"data_dir": given.data_dir, "manual_dir": given.manual_dir}
    shape = ImageFormat((side, side), (side, side), 1)
    dataset = open_dataset(name, shape, kind="labelled", **folders)
    fields = pipeline.examples(dataset.parts[part], ("image", "label"), count)
    return fields["image"], fields["label"]


def write(page: str, *parts: str) -> None:
    """Writes the generated part of a page, which is between two comments; the prose stays.

    Args:
        page: its name, without docs/ and .md.
        *parts: text, in this order.

    Raises:
        UserError: where the comments are missing.
    """
    path = DOCS / f"{page}.md"
    before, _, rest = path.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise UserError(f"{path}: {BEGIN} or {END} is missing; put them around the generated part")
    path.write_text(f"{before}{BEGIN}\n{''.join(parts)}{END}{after}")


def row(*words) -> str:
    """Writes a line of a Markdown table."""
    return f"| {' | '.join(map(str, words))} |\n"


def columns(*names: str) -> str:
    """Writes the head of a Markdown table."""
    return row(*names) + "|---" * len(names) + "|\n"

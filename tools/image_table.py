"""The tables of docs/images.md: every kind of image file, read and written.

    python -m tools.image_table

The files are those of tools/image_kinds.py, which the tests of reading use, too. Each is read as
training, `generate` and `evaluate` read it, and by the graph of an export. A minute on two cores.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from kgan.cli import entry
from kgan.data.encoding import encode_image
from kgan.data.file_kinds import KINDS, is_image
from kgan.data.preparation import Preparation
from kgan.data.shaping import prepare
from kgan.serving.decoding import decode_images
from kgan.serving.signatures import encode_png
from kgan.utils.errors import UserError
from tools import command
from tools.image_kinds import CASES, ID_CASES, PALETTE, Case

SIZE = (16, 16)
YES, NO = "yes", "no"
DEEP = Preparation(SIZE, 3, depth=16)
FLOATING = Preparation(SIZE, 3, depth=32, value_range=(0.0, 1.0))
IDS = Preparation(SIZE, 12, nearest=True, encoding="ids", void=255)
COLOURED = Preparation(SIZE, 4, nearest=True, encoding="one_hot", palette=tuple(PALETTE))
# What training data can be, and how their images are prepared.
WRITTEN = {
    "8 bits": Preparation(SIZE, 3, depth=8),
    "16 bits, grey": Preparation(SIZE, 1, depth=16),
    "16 bits, RGB": DEEP,
    "16 bits, grey, `--value_range=0,4095`": Preparation(SIZE, 1, depth=16, value_range=(0, 4095)),
    "floating point, grey": dataclasses.replace(FLOATING, channels=1),
    "floating point, RGB": FLOATING,
    "label maps as numbers of 12 classes": IDS,
    "label maps as numbers of 300 classes": Preparation(
        SIZE, 300, nearest=True, encoding="ids", void=65535
    ),
    "label maps in colours, one-hot": COLOURED,
}


@functools.cache
def graph(preparation: Preparation) -> Callable:
    """Returns the graph with which an export reads files."""
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(lambda files: decode_images(files, preparation), signature)


def difference(case: Case, preparation: Preparation) -> float | None:
    """Returns by how many levels of 255 an export reads a file differently; None: it refuses it."""
    trained = prepare(case.data, case.name, preparation)
    if preparation == FLOATING:  # which no export reads, whatever the preparation is
        preparation = DEEP
    try:
        served = graph(preparation)(tf.constant([case.data]))[0].numpy()
    except tf.errors.InvalidArgumentError:
        return None
    return float(np.abs(served - trained).max() * 127.5)


def reading(cases: Sequence[Case], preparation: Callable[[Case], Preparation]) -> tuple[str, dict]:
    """Reads all files; returns rows of the table, and the largest difference: lossy, others."""
    rows, most = "", {True: 0.0, False: 0.0}
    for case in cases:
        found = difference(case, preparation(case))
        most[case.lossy] = max(most[case.lossy], found or 0.0)
        apart = "–" if found is None else "0" if found < 0.001 else f"{found:.0f}"
        rows += command.row(case.name, YES, NO if found is None else YES, apart)
    return rows, most


def writing() -> str:
    """Writes an image of each kind; returns rows of the table."""
    rows = ""
    for name, preparation in WRITTEN.items():
        image = np.linspace(-1, 1, 256 * preparation.channels, dtype=np.float32)
        image = image.reshape(*SIZE, preparation.channels)
        data, suffix = encode_image(image, preparation)
        served = encode_png(image[np.newaxis], preparation).numpy()[0]
        rows += command.row(name, _described(data, suffix), _described(served, ".png"))
    return rows


def _described(data: bytes, suffix: str) -> str:
    if suffix == ".tif":
        return "TIFF, 32-bit float"
    colours = {0: "grey", 2: "RGB", 6: "RGB with alpha"}[data[25]]
    return f"PNG, {colours}, {data[24]} bits"


def named() -> str:
    """Returns a row for each kind of file that not every installation reads."""
    rows = ""
    for kind in KINDS:
        try:
            suffix = kind.suffixes[0]
            place, beginning = (kind.beginnings or ((0, b""),))[0]
            prepare(b"\0" * place + beginning + b"\0" * 99, f"photo{suffix}", DEEP)
        except UserError as error:
            said = str(error) if not is_image(f"photo{suffix}") else "read by Pillow"
        rows += command.row(kind.name, " ".join(f"`{s}`" for s in kind.suffixes), said)
    return rows


def page() -> str:
    """Returns the generated part of the page."""

    def of_depth(case):
        return FLOATING if case.depth == 32 else DEEP

    images, most = reading(CASES, of_depth)
    ids, most_ids = reading(ID_CASES, lambda case: IDS)
    exact = max(most[False], most_ids[False])
    columns = command.columns(
        "kind of file", "training, generate, evaluate", "export", "largest difference"
    )
    return (
        "Largest difference between training and export, in levels of 255: "
        f"{most[True]:.0f} of lossy files, {exact:.0f} of all others.\n\n"
        f"{columns}{images}\n"
        "**Label maps whose levels, or indices of a palette, are numbers of classes**\n\n"
        f"{columns}{ids}\n"
        "**Written**\n\n"
        f"{command.columns('training data', 'generate', 'export')}{writing()}\n"
        "**Kinds that need something, or are only named**\n\n"
        f"{command.columns('kind', 'suffixes', 'what is said')}{named()}"
    )


def main(arguments: Sequence[str]) -> None:
    """Writes the tables."""
    command.parse("image_table", arguments)
    command.write("images", "\n", page(), "\n")


if __name__ == "__main__":
    entry.run(main)

"""The sample images of a report: a few sheets of each run, small enough to stand in the page."""

import base64
import dataclasses
import io
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image

from kgan.plots import grids
from kgan.reports.records import Record
from kgan.utils.errors import UserError

MOST = 12  # sheets of a run
LONGEST = 1000  # pixels of a sheet's longer side
MOST_BYTES = 64_000  # of a sheet: with 12 of each of two runs the page stays below 3 MB
WIDE = 480  # pixels to which small sheets are enlarged on the page, by whole numbers
QUALITIES = (90, 80, 65)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sample image.

    Args:
        step: when it was drawn.
        uri: the image itself.
        width: on the page, in CSS pixels.
        height: the same.
        crisp: whether its pixels are to be seen as such where it is enlarged.
    """

    step: int
    uri: str
    width: int
    height: int
    crisp: bool


@dataclasses.dataclass(frozen=True)
class Show:
    """The sheets of all runs.

    Args:
        steps: at which any of them has one, increasing.
        runs: the sheets of each run, by step.
        width: of the widest.
    """

    steps: list[int]
    runs: list[list[Sheet]]
    width: int


def shows(records: Sequence[Record]) -> Show:
    """Picks up to 12 sheets of each run, evenly from first to last."""
    found = [_of_run(record) for record in records]
    every = [sheet for sheets in found for sheet in sheets]
    widest = max((sheet.width for sheet in every), default=0)
    return Show(sorted({sheet.step for sheet in every}), found, widest)


def _of_run(record):
    paths = sorted(record.run.samples.glob("step-*.png"))
    paths = [path for path in paths if re.fullmatch(r"step-\d+", path.stem)]
    picked = np.linspace(0, len(paths) - 1, min(MOST, len(paths))).round().astype(int)
    return [_sheet(paths[number]) for number in picked]


def _sheet(path: pathlib.Path) -> Sheet:
    try:
        with Image.open(path) as opened:
            image = opened.convert("L") if opened.mode == "L" else grids.on_white(opened)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: damaged, no image; remove it") from error
    if max(image.size) > LONGEST:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    kind, content = encode(image)
    zoom = max(1, min(4, WIDE // image.width))
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    width, height = image.width * zoom, image.height * zoom
    return Sheet(int(path.stem.partition("-")[2]), uri, width, height, kind == "png")


def encode(image: Image.Image) -> tuple[str, bytes]:
    """Writes an image as PNG where that is small enough, else as JPEG, at last a smaller one.

    Returns:
        `png` or `jpeg`, and the file.
    """
    content = _file(image, "PNG", optimize=True)
    if len(content) <= MOST_BYTES:
        return "png", content
    while True:
        for quality in QUALITIES:
            content = _file(image, "JPEG", quality=quality, subsampling=0)
            if len(content) <= MOST_BYTES:
                return "jpeg", content
        size = (max(1, image.width * 3 // 4), max(1, image.height * 3 // 4))
        image = image.resize(size, Image.Resampling.LANCZOS)


def _file(image, kind, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

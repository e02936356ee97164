"""Sample images of a report: some sheets of each run, compressed to fit into the page."""

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

MAX_SHEETS = 12  # of a run
MAX_SIDE = 1000  # pixels
MAX_BYTES = 64_000  # of a sheet: a page of two runs with 12 sheets each stays below 3 MB
MIN_WIDTH = 480  # pixels; the page enlarges smaller sheets by an integer factor, up to 4
QUALITIES = (90, 80, 65)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet of sample images.

    Args:
        step: the step at which it was generated.
        uri: the image as a data URI.
        width: in CSS pixels.
        height: in CSS pixels.
        crisp: whether the page shows its pixels as sharp squares when it enlarges it.

    Example:
        >>> Sheet(20, "data:image/png;base64,", 240, 120, crisp=True).step
        20
    """

    step: int
    uri: str
    width: int
    height: int
    crisp: bool


@dataclasses.dataclass(frozen=True)
class Samples:
    """The sheets of all runs.

    Args:
        runs: the sheets of each run, by step.

    Example:
        >>> sheet = Sheet(20, "data:image/png;base64,", 240, 120, crisp=True)
        >>> Samples([[sheet], []]).steps
        [20]
    """

    runs: list[list[Sheet]]

    @property
    def steps(self) -> list[int]:
        """All steps at which a run has a sheet, increasing."""
        return sorted({sheet.step for sheets in self.runs for sheet in sheets})

    @property
    def width(self) -> int:
        """The width of the widest sheet."""
        return max((sheet.width for sheets in self.runs for sheet in sheets), default=0)


def samples(records: Sequence[Record]) -> Samples:
    """Selects up to 12 sheets of each run, evenly from the first to the last."""
    return Samples([_of_run(record) for record in records])


def _of_run(record):
    paths = sorted(record.run.samples.glob("step-*.png"))
    paths = [path for path in paths if re.fullmatch(r"step-\d+", path.stem)]
    chosen = np.linspace(0, len(paths) - 1, min(MAX_SHEETS, len(paths))).round().astype(int)
    return [_sheet(paths[number]) for number in chosen]


def _sheet(path: pathlib.Path) -> Sheet:
    try:
        with Image.open(path) as opened:
            image = opened.convert("L") if opened.mode == "L" else grids.on_white(opened)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: damaged; remove it") from error
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    kind, content = encode(image)
    zoom = max(1, min(4, MIN_WIDTH // image.width))
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    width, height = image.width * zoom, image.height * zoom
    return Sheet(int(path.stem.partition("-")[2]), uri, width, height, kind == "png")


def encode(image: Image.Image) -> tuple[str, bytes]:
    """Encodes an image as PNG if that is small enough, else as JPEG, if need be at a smaller size.

    Returns:
        `png` or `jpeg`, and the contents of the file.
    """
    content = _file(image, "PNG", optimize=True)
    if len(content) <= MAX_BYTES:
        return "png", content
    while True:
        for quality in QUALITIES:
            content = _file(image, "JPEG", quality=quality, subsampling=0)
            if len(content) <= MAX_BYTES:
                return "jpeg", content
        size = (max(1, image.width * 3 // 4), max(1, image.height * 3 // 4))
        image = image.resize(size, Image.Resampling.LANCZOS)


def _file(image, kind, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

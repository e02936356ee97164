"""A page next to translations: input, output and target of each image side by side."""

import os
import pathlib
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jinja2
from PIL import Image

from kgan.data import decode
from kgan.generation import saving
from kgan.generation.inputs import Inputs
from kgan.plots import grids
from kgan.utils.errors import UserError, printable

NAME = "index.html"
FOLDER = "index_files"  # of the images that are shown
SIDE = 512  # pixels; larger images are shown smaller
SHOWN_AS_IT_IS = (".png", ".jpg", ".webp")  # what browsers show
TEMPLATE = pathlib.Path(__file__).with_name("results.html")


class _Shown(NamedTuple):
    """An image of the page: what it shows, what it links to, and its size in pixels."""

    source: str
    link: str
    width: int
    height: int


class ResultsPage:
    """The page and the images that it shows besides the translations.

    Args:
        names: of the translations, by name of the input.
        targets: images to compare with, which have the names of the inputs; None: there are none.

    Example:
        >>> ResultsPage({"a.jpg": "a.png"}).files
        ['index.html', 'index_files/input/a.png.jpg', 'index_files/output/a.png.jpg']
    """

    def __init__(self, names: Mapping[str, str], targets: Inputs | None = None):
        self.names = names
        self._targets = targets
        self._target_of = _matched(names, targets) if targets else {}

    @property
    def files(self) -> list[str]:
        """The names of all files that may be written."""
        kinds = ["input", "output", *(["target"] if self._target_of else [])]
        return [NAME, *(_place(kind, name) for kind in kinds for name in self.names.values())]

    def add(
        self, outputs, name: str, images: Mapping[str, Image.Image], plain: bool = True
    ) -> None:
        """Writes the images of one row.

        Args:
            outputs: has a function `write(name, content)`.
            name: of the input.
            images: `input`, `output` and, where it is known, `target`.
            plain: whether the file of the output shows what people want to see.
        """
        own = self.names[name]
        target = self._target_of.get(name)
        if target:
            try:
                found = decode.decode(self._targets.read(target), self._targets.label(target))
                images = {**images, "target": grids.on_white(found)}
            except UserError:
                pass  # it is shown as missing
        for kind, image in images.items():
            if kind == "output" and plain and _is_shown(own, image):
                continue
            small = grids.on_white(image)
            small.thumbnail((SIDE, SIDE))
            outputs.write(_place(kind, own), saving.encode(small, ".jpg"))

    def finish(self, outputs, title: str, facts: Sequence[str], skipped: Sequence[str]) -> None:
        """Writes the page about all translations that are there."""
        rows = [
            {
                "name": printable(name),
                "images": [_shown(outputs.folder, kind, own) for kind in ("input", "output")]
                + [_shown(outputs.folder, "target", own)],
            }
            for name, own in self.names.items()
            if (outputs.folder / own).is_file()
        ]
        columns = ["input", "output", "target"]
        if not any(row["images"][2] for row in rows):
            columns.pop()
            rows = [row | {"images": row["images"][:2]} for row in rows]
        environment = jinja2.Environment(
            autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
        )
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        text = template.render(
            title=title, facts=facts, skipped=skipped, rows=rows, columns=columns
        )
        outputs.write(NAME, text.encode("utf-8", errors="replace"))


def _place(kind: str, name: str) -> str:
    return f"{FOLDER}/{kind}/{name}.jpg"


def _is_shown(name: str, image: Image.Image) -> bool:
    """Checks whether a translation is shown as it is."""
    return pathlib.Path(name).suffix in SHOWN_AS_IT_IS and max(image.size) <= 2 * SIDE


def _shown(folder: pathlib.Path, kind: str, own: str) -> _Shown | None:
    place = _place(kind, own)
    if not (folder / place).is_file():
        if kind != "output":
            return None
        place = own
    try:
        with Image.open(folder / place) as image:
            width, height = image.size
    except OSError:  # the user has changed the file
        return None
    link = own if kind == "output" else place
    return _Shown(_url(place), _url(link), width, height)


def _url(name: str) -> str:
    return urllib.parse.quote(os.fsencode(name))


def _matched(names, targets: Inputs) -> dict[str, str]:
    """Returns the target of each input: of the same path without suffix, else of the same name."""
    paths = {_stem(target): target for target in targets.names}
    bare = {pathlib.PurePosixPath(stem).name: target for stem, target in paths.items()}
    found = {
        name: paths.get(_stem(name)) or bare.get(pathlib.PurePosixPath(_stem(name)).name)
        for name in names
    }
    if not any(found.values()):
        raise UserError(
            f"--target={printable(targets.path)}: has no image of the same name as an input, such "
            f"as {printable(next(iter(names), ''))}"
        )
    return found


def _stem(name: str) -> str:
    return os.path.splitext(name)[0].casefold()

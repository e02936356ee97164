"""What the image files of a folder are: kinds, sizes, damage and copies."""

import collections
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from kgan.data import decode, shaping
from kgan.data.folder.files import Folder, Zip
from kgan.data.folder.sides import Entry
from kgan.utils import progress
from kgan.utils.errors import UserError

THREADS = 4
MODES = {
    **dict.fromkeys(("1", "L"), "grey"),
    **dict.fromkeys(("LA", "La"), "grey with alpha"),
    **dict.fromkeys(("RGB", "YCbCr", "CMYK", "LAB", "HSV"), "colour"),
    **dict.fromkeys(("RGBA", "RGBa", "PA"), "colour with alpha"),
    "P": "palette",
    "F": "float",
}


class FileFacts(NamedTuple):
    """What is known of an image file once it is decoded.

    Args:
        part: of the data set.
        name: of the file.
        size: (height, width) in pixels; None where it cannot be read.
        kind: such as `JPEG, colour`.
        digest: of its bytes.
        error: why it cannot be read, or None.

    Example:
        >>> FileFacts("train", "1.jpg", (48, 64), "JPEG, colour", "5f3c", None).size
        (48, 64)
    """

    part: str
    name: str
    size: tuple[int, int] | None
    kind: str
    digest: str
    error: str | None


@dataclasses.dataclass(frozen=True)
class Checkup:
    """The facts on the images of a data set, and what follows from all of them.

    Example:
        >>> one = FileFacts("train", "1.jpg", (48, 64), "JPEG, colour", "5f3c", None)
        >>> Checkup([one, one._replace(part="test", name="2.jpg")]).shared_by_parts()
        [('1.jpg', '2.jpg')]
    """

    facts: Sequence[FileFacts]

    def unreadable(self) -> list[str]:
        """Returns why images cannot be read, a message for each."""
        return [fact.error for fact in self.facts if fact.error]

    def kinds(self) -> Mapping[str, int]:
        """Returns how many files there are of each kind, the commonest first."""
        return _counted(fact.kind for fact in self.facts if fact.kind)

    def sizes(self) -> Mapping[tuple[int, int], int]:
        """Returns how many images have each (height, width), the commonest first."""
        return _counted(fact.size for fact in self.facts if fact.size)

    def shared_by_parts(self) -> list[tuple[str, str]]:
        """Returns files of equal bytes in different parts, such as train and test."""
        return [(a.name, b.name) for a, b in self._copies() if a.part != b.part]

    def copies_within_parts(self) -> list[tuple[str, str]]:
        """Returns files of equal bytes in the same part."""
        return [(a.name, b.name) for a, b in self._copies() if a.part == b.part]

    def _copies(self):
        first: dict[str, FileFacts] = {}
        found = []
        for fact in self.facts:
            before = first.setdefault(fact.digest, fact)
            if before is not fact and fact.digest:
                found.append((before, fact))
        return found


def _counted(values):
    return dict(collections.Counter(values).most_common())


def check_files(
    files: Folder | Zip, parts: Mapping[str, Sequence[Entry]], halves: bool = False
) -> Checkup:
    """Decodes all images of a data set.

    Args:
        files: the folder or zip.
        parts: entries by part, see `layouts.Layout`.
        halves: whether images are two side by side, of which each has half the width.
    """
    work = [(part, name) for part in parts for entry in parts[part] for name in entry.names]

    def look(item):
        part, name = item
        try:
            data = files.read(name)
        except UserError as error:
            return FileFacts(part, name, None, "", "", str(error))
        digest = hashlib.sha256(data).hexdigest()
        try:
            height, width = decode.image_size(data, files.label(name))
            image = decode.decode(data, files.label(name))
            if image.mode == "F":
                shaping.check_finite(np.asarray(image), files.label(name))
        except UserError as error:
            return FileFacts(part, name, None, "", digest, str(error))
        size = (height, width // 2 if halves else width)
        return FileFacts(part, name, size, _kind(name, image), digest, None)

    shown = {"desc": "checking", "unit": "image", "delay": 2, "leave": False}
    with ThreadPoolExecutor(THREADS) as pool, progress.bar(total=len(work), **shown) as bar:
        facts = []
        for fact in pool.map(look, work):
            facts.append(fact)
            bar.update(1)
    return Checkup(facts)


def _kind(name: str, image: Image.Image) -> str:
    """Returns the format of a decoded image, and what its pixels are."""
    mode = image.mode
    pixels = MODES.get(mode) or ("grey of 16 bits" if mode.startswith("I") else mode)
    return f"{image.format or name.rpartition('.')[2].upper()}, {pixels}"

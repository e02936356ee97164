"""Fingerprints of the images of a data set, by which moved data are known again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from kgan.data.folder.files import Folder, Zip
from kgan.data.folder.layouts import evenly
from kgan.data.folder.sides import Entry
from kgan.utils.errors import UserError

# What is compared, from the coarsest on, and how a difference is called.
ASPECTS = {
    "names": "equally many {part} images, but of other names",
    "sizes": "{part} images of the same names, but files of other sizes",
    "sample": "{part} images of the same names and sizes, but of other contents",
}


def content_of(files: Folder | Zip, parts: Mapping[str, Sequence[Entry]]) -> dict[str, dict]:
    """Computes what identifies the images of each part, without reading all of them.

    The path of the folder does not count, nor do folders that contain everything.

    Returns:
        By part: `count`, and hashes of the `names`, of the `sizes` of the files and of a `sample`
        of their contents.

    Example:
        >>> import pathlib, tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (root / "1.png").write_bytes(b"some bytes")
        >>> content_of(Folder(root), {"train": [Entry(("1.png",), "1.png")]})["train"]["count"]
        1
    """
    return {part: _fingerprint(files, entries) for part, entries in parts.items()}


def _fingerprint(files, entries):
    sizes = (str(files.size(name)) for entry in entries for name in entry.names)
    sample = (_digest_of(files, name) for entry in evenly(entries) for name in entry.names)
    return {
        "count": len(entries),
        "names": _digest(entry.inner for entry in entries),
        "sizes": _digest(sizes),
        "sample": _digest(sample),
    }


def _digest_of(files, name) -> str:
    try:
        return hashlib.sha256(files.read(name)).hexdigest()
    except UserError:
        return "unreadable"


def _digest(words: Iterable[str]) -> str:
    text = "\0".join(words).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]


def difference(
    before: Mapping[str, Mapping], now: Mapping[str, Mapping], parts: Iterable[str] | None = None
) -> str | None:
    """Says how the images of a data set differ from those of a run; None where they do not.

    Args:
        before: of the run, see `content_of`.
        now: of the data set.
        parts: the parts that count; None: all of both.

    Example:
        >>> difference({"train": {"count": 9}}, {"train": {"count": 8}})
        '8 train images, the run has 9'
    """
    for part in parts if parts is not None else dict.fromkeys([*before, *now]):
        was, found = before.get(part), now.get(part)
        if was == found:
            continue
        counts = [0 if side is None else side["count"] for side in (found, was)]
        if counts[0] != counts[1]:
            return f"{counts[0]} {part} images, the run has {counts[1]}"
        for aspect, words in ASPECTS.items():
            if was[aspect] != found[aspect]:
                return words.format(part=part)
    return None

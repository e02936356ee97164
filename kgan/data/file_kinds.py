"""Kinds of image files: those that are read, and those that can only be named."""

import collections
import dataclasses
import functools
import importlib
import importlib.util
import os
from collections.abc import Iterable

from PIL import features

LOSSLESS_SUFFIXES = (
    *(".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".pgm", ".ppm", ".pbm", ".pnm"),
)
# What Pillow always reads. No other formats are tried, whatever the name of a file: some of
# Pillow's other readers start programs.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM")
_SUFFIXES = (*LOSSLESS_SUFFIXES, ".jpg", ".jpeg", ".jpe", ".jfif", ".webp")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of image file that not every installation reads.

    Args:
        name: of the kind, for messages.
        suffixes: of file names, in lower case.
        remedy: what makes its images readable.
        pillow: Pillow's name of the format; empty: it is never read.
        feature: the feature of Pillow that it needs.
        plugin: the module that adds the format to Pillow.
        beginnings: first bytes of its files, from the position that comes with them.

    Example:
        >>> kind_of("photo.HEIC").name
        'HEIC'
    """

    name: str
    suffixes: tuple[str, ...]
    remedy: str
    pillow: str = ""
    feature: str = ""
    plugin: str = ""
    beginnings: tuple[tuple[int, bytes], ...] = ()

    @property
    def refusal(self) -> str:
        """What is said of a file of this kind."""
        return f"{self.name} images {self.remedy}"


def _converted(name, suffixes, *beginnings, into="PNG or JPEG"):
    return Kind(name, suffixes, f"are not read; right would be {into}", beginnings=beginnings)


def _brands(*names):
    return tuple((4, b"ftyp" + name) for name in names)


_RAW = (
    *(".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".orf", ".rw2"),
    *(".raf", ".pef", ".srw", ".x3f", ".3fr", ".erf", ".kdc", ".mrw"),
)
KINDS = (
    Kind(
        "HEIC",
        (".heic", ".heif", ".hif"),
        "need the plugin pillow-heif (pip install pillow-heif)",
        "HEIF",
        plugin="pillow_heif",
        beginnings=_brands(b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"),
    ),
    Kind(
        "AVIF",
        (".avif", ".avifs"),
        "need a Pillow with AVIF (pip install --upgrade pillow)",
        "AVIF",
        feature="avif",
        beginnings=_brands(b"avif", b"avis"),
    ),
    Kind(
        "JPEG XL",
        (".jxl",),
        "need the plugin pillow-jxl-plugin (pip install pillow-jxl-plugin)",
        "JXL",
        plugin="pillow_jxl",
        beginnings=((0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL ")),
    ),
    Kind(
        "JPEG 2000",
        (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        "need a Pillow with JPEG 2000 (pip install --upgrade pillow)",
        "JPEG2000",
        feature="jpg_2000",
        beginnings=((0, b"\0\0\0\x0cjP  "), (0, b"\xff\x4f\xff\x51")),
    ),
    _converted("camera raw", _RAW, (0, b"FUJIFILMCCD-RAW"), (4, b"ftypcrx "), into="PNG or TIFF"),
    _converted("Photoshop", (".psd", ".psb"), (0, b"8BPS")),
    _converted("GIMP", (".xcf",), (0, b"gimp xcf")),
    _converted("SVG", (".svg", ".svgz"), (0, b"<svg")),
    _converted("PDF", (".pdf", ".ai"), (0, b"%PDF")),
    _converted("PostScript", (".eps", ".ps"), (0, b"%!PS"), (0, b"\xc5\xd0\xd3\xc6")),
    _converted("OpenEXR", (".exr",), (0, b"\x76\x2f\x31\x01"), into="a 32-bit float TIFF"),
    _converted("Radiance HDR", (".hdr", ".pic"), (0, b"#?RA"), into="a 32-bit float TIFF"),
    _converted("PFM", (".pfm",), (0, b"PF\n"), (0, b"Pf\n"), into="a 32-bit float TIFF"),
    _converted("DICOM", (".dcm", ".dicom"), (128, b"DICM"), into="a 16-bit PNG or TIFF"),
    _converted("TGA", (".tga",)),
    _converted("icon", (".ico", ".icns"), (0, b"\0\0\x01\0"), (0, b"icns")),
    _converted("DirectDraw", (".dds",), (0, b"DDS ")),
    _converted("QOI", (".qoi",), (0, b"qoif")),
    _converted("JPEG XR", (".jxr", ".wdp", ".hdp"), (0, b"II\xbc")),
)


@functools.cache
def _is_read(kind: Kind) -> bool:
    """Returns whether this installation reads a kind; its plugin is then in use."""
    if kind.feature:
        return bool(features.check(kind.feature))
    if not kind.plugin or importlib.util.find_spec(kind.plugin) is None:
        return False
    module = importlib.import_module(kind.plugin)
    # One plugin waits to be asked, the other does not.
    getattr(module, "register_heif_opener", lambda: None)()
    return True


@functools.cache
def formats() -> tuple[str, ...]:
    """Returns Pillow's names of the formats that are read."""
    return (*_FORMATS, *(kind.pillow for kind in KINDS if _is_read(kind)))


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Returns the suffixes, in lower case, of the files that are read."""
    return (*_SUFFIXES, *(s for kind in KINDS if _is_read(kind) for s in kind.suffixes))


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def is_image(name: str) -> bool:
    """Checks whether a file name has the suffix of an image that is read."""
    return _suffix(name) in suffixes()


def is_lossless(name: str) -> bool:
    """Checks whether a file name has the suffix of a format that keeps every level."""
    return _suffix(name) in LOSSLESS_SUFFIXES


def kind_of(name: str, data: bytes = b"") -> Kind | None:
    """Returns the kind of a file that is not read, by its first bytes or else its suffix."""
    unread = [kind for kind in KINDS if not _is_read(kind)]
    for kind in unread:
        if any(data[place : place + len(b)] == b for place, b in kind.beginnings):
            return kind
    suffix = _suffix(name)
    return next((kind for kind in unread if suffix in kind.suffixes), None)


def unread(names: Iterable[str]) -> dict[Kind, list[str]]:
    """Groups the files whose kind can only be named by kind; other files are left out.

    Example:
        >>> [(kind.name, found) for kind, found in unread(["a.svg", "b.png", "c.txt"]).items()]
        [('SVG', ['a.svg'])]
    """
    found = collections.defaultdict(list)
    for name in names:
        kind = kind_of(name)
        if kind is not None:
            found[kind].append(name)
    return dict(found)


def unread_note(names: Iterable[str]) -> str | None:
    """Describes the files that were left out of a folder; None: none were.

    Example:
        >>> unread_note(["a.svg", "b.svg", "c.png"])
        'left out: 2 SVG (a.svg …): SVG images are not read; right would be PNG or JPEG'
    """
    parts = [
        f"{len(files)} {kind.name} ({files[0]}{' …' if len(files) > 1 else ''}): {kind.refusal}"
        for kind, files in unread(names).items()
    ]
    return f"left out: {'; '.join(parts)}" if parts else None

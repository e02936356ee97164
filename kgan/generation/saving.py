"""Files that `kgan.generate` writes: places, formats, and that none replaces another."""

import io
import pathlib
import re

from PIL import Image

from kgan.generation.names import numbered
from kgan.utils.atomic import atomic_write, make_folder
from kgan.utils.errors import UserError, printable

# By suffix, Pillow's name of the format and how it is written.
KINDS = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 4, "exact": True}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}
LOSSLESS = (".png", ".tif", ".tiff")
# Of colour profiles: by their four letters, the modes of the images that they fit.
_PROFILE_MODES = {b"RGB ": ("RGB", "RGBA"), b"GRAY": ("L", "LA", "I;16")}
_LOOKS_LIKE_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")


def file_suffix(out: str, kinds: tuple[str, ...], what: str = "") -> str | None:
    """Returns the suffix if `--out` names a file, in lower case; None if it names a folder.

    A folder is what exists as one, what ends in `/` and what has no suffix.

    Args:
        out: the value of `--out`.
        kinds: suffixes that can be written.
        what: is written, for the message.

    Raises:
        UserError: the suffix is that of a file of another kind.
    """
    path = pathlib.Path(out)
    if path.is_dir() or out.endswith("/") or not _LOOKS_LIKE_SUFFIX.fullmatch(path.suffix):
        return None
    if path.suffix.lower() not in kinds:
        raise UserError(
            f"--out={out}: {what or 'an image'} cannot be written as {path.suffix}; give a name "
            f"that ends in {', '.join(kinds)}, or for a folder one that ends in /"
        )
    return path.suffix.lower()


def encode(image: Image.Image, suffix: str, profile: bytes | None = None) -> bytes:
    """Returns the contents of a file.

    Args:
        image: grey or RGB, with alpha or without. A JPEG is written without alpha: models get
            their images on white, so that the colours are those on white.
        suffix: a key of `KINDS`.
        profile: ICC profile, which is kept if it fits the image's channels.
    """
    kind, options = KINDS[suffix]
    if kind == "JPEG" and image.mode in ("RGBA", "LA"):
        image = image.convert(image.mode.removesuffix("A"))
    if fits_profile(profile, image.mode):
        options = {**options, "icc_profile": profile}
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def fits_profile(profile: bytes | None, mode: str) -> bool:
    """Checks whether there is an ICC profile, and whether it is for images of a mode of Pillow."""
    return bool(profile) and mode in _PROFILE_MODES.get(profile[16:20], ())


def write(path: pathlib.Path, content: bytes) -> None:
    """Writes a file, and its folder where there is none."""
    make_folder(path.parent, f"--out={path}")
    with atomic_write(path) as place:
        place.write_bytes(content)


def write_new(path: pathlib.Path, content: bytes, named: bool) -> pathlib.Path:
    """Writes a file unless there is one of this content; a file of another content is kept.

    Args:
        path: where to write.
        content: of the file.
        named: whether the user named the file. Another file of this name is an error then; else
            the new one gets a number.

    Returns:
        The path of the file.
    """
    for place in numbered(path):
        if not place.exists() and not place.is_symlink():
            write(place, content)
            return place
        if place.is_file() and place.read_bytes() == content:
            return place
        if named:
            raise UserError(
                f"--out={printable(str(place))}: exists and has other contents; remove it, or give "
                "another name"
            )
    raise AssertionError


def output_place(
    run: str, out: str | None, default: str, kinds: tuple[str, ...], single: str = ""
) -> tuple[pathlib.Path, str | None]:
    """Returns where to write, and the suffix if that is a file: `--out`, or a place in the run.

    Args:
        run: the run folder.
        out: the value of `--out`.
        default: a file name.
        kinds: suffixes of files that can be written.
        single: the reason why it has to be a single file, if it has to.
    """
    path = pathlib.Path(out or f"{run}/{default}")
    suffix = file_suffix(out, kinds) if out else path.suffix
    if single and suffix is None:
        raise UserError(f"--out={out}: {single}; give a name that ends in {', '.join(kinds)}")
    return path, suffix

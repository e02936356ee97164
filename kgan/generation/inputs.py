"""The images that `kgan.generate` translates: one file, or those of a folder or a zip."""

import dataclasses
import hashlib
import os
import pathlib
import zipfile
from collections.abc import Callable, Sequence

from kgan.data.file_kinds import kind_of
from kgan.data.folder.files import (
    Folder,
    Zip,
    image_names,
    is_ignored,
    natural_key,
    open_files,
)
from kgan.generation.translator import Prepared, Translator
from kgan.utils.errors import UserError, printable


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Images to translate, by name.

    Args:
        path: the value of `--input`.
        files: the folder or zip that they are read from.
        names: paths in it, in natural order.
        single: whether `path` is one image.

    Example:
        >>> Inputs("photos/a.jpg", Folder(pathlib.Path("photos")), ["a.jpg"], True).label("a.jpg")
        'photos/a.jpg'
    """

    path: str
    files: Folder | Zip
    names: Sequence[str]
    single: bool

    @property
    def identity(self) -> str:
        """What the inputs are known by: their real path."""
        return os.path.realpath(os.path.expanduser(self.path))

    def label(self, name: str) -> str:
        """Returns the name of an image in messages."""
        return self.files.label(name)

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file."""
        return self.files.read(name)

    def begin(self, translator: Translator, name: str) -> tuple[str, Callable[[], Prepared]]:
        """Reads a file; returns the hash of its contents, and a function that prepares it."""
        data = self.files.read(name)
        digest = hashlib.sha256(data).hexdigest()
        return digest, lambda: translator.read(data, self.files.label(name), name)

    def apart_from(self, out: pathlib.Path) -> "Inputs":
        """Checks that nothing that is read can be written over, and leaves out what lies in `out`.

        Args:
            out: the folder or file that is written.

        Returns:
            The inputs without earlier outputs: without what lies in `out`, if that is a folder
            inside of the folder that is read.

        Raises:
            UserError: `out` is an input, or the folder of one, or lies above it; also by a link.
        """
        return _apart_from(self, out)

    def places(self) -> list[str]:
        """Returns the real paths of the files that are read."""
        if isinstance(self.files, Zip):
            return [os.path.realpath(self.files.path)]
        return [os.path.realpath(self.files.root / name) for name in self.names]


def open_inputs(path: str, flag: str = "--input") -> Inputs:
    """Opens one image, or all images of a folder or zip, whatever its layout.

    Args:
        path: the file or folder.
        flag: the flag that `path` is the value of, for messages.
    """
    place = pathlib.Path(os.path.expanduser(path))
    if not place.exists():
        raise UserError(
            f"{flag}={printable(str(path))}: no such file or folder; right would be an image, or a "
            "folder or zip of images"
        )
    if place.is_file() and place.suffix.lower() != ".zip" and not zipfile.is_zipfile(place):
        return Inputs(path, Folder(place.parent), [place.name], True)
    files, found = open_files(path, flag)
    names = image_names(found)
    if not names:
        raise UserError(
            f"{flag}={printable(str(path))}: contains no images; right would be a folder or zip "
            "of JPEG, PNG, GIF, BMP, WebP or TIFF files"
        )
    # Images of kinds that are not read are named as skipped when their turn comes.
    others = [name for name in found if kind_of(name) and not is_ignored(name)]
    return Inputs(path, files, sorted([*names, *others], key=natural_key), False)


def _apart_from(inputs: Inputs, out: pathlib.Path) -> Inputs:
    if not out.exists():
        return inputs
    where = f"--out={printable(str(out))}"
    own = os.path.realpath(os.path.expanduser(inputs.path))
    if not out.is_dir():
        if any(os.path.exists(place) and os.path.samefile(out, place) for place in inputs.places()):
            raise UserError(f"{where}: is an image that is read; give another name")
        return inputs
    if _lies_in(own, out) or os.path.samefile(out, own):
        raise UserError(
            f"{where}: holds what is read, {printable(inputs.path)}; give another folder"
        )
    if isinstance(inputs.files, Folder) and not inputs.single:
        root = pathlib.Path(own)
        if _lies_in(os.path.realpath(out), root):
            inner = os.path.relpath(os.path.realpath(out), own).casefold() + "/"
            kept = [name for name in inputs.names if not name.casefold().startswith(inner)]
            inputs = dataclasses.replace(inputs, names=kept)
    by_folder = {os.path.dirname(place): place for place in inputs.places()}
    for place in by_folder.values():
        if _lies_in(place, out):
            raise UserError(
                f"{where}: holds an image that is read, {printable(place)}; give another folder"
            )
    if not inputs.names:
        raise UserError(f"{where}: holds all images of {printable(inputs.path)}")
    return inputs


def _lies_in(path: str, folder: str | pathlib.Path) -> bool:
    """Checks whether a folder is above a path, whatever the upper and lower case of its name."""
    above = os.path.dirname(path)
    while True:
        if os.path.exists(above) and os.path.samefile(above, folder):
            return True
        if os.path.dirname(above) == above:
            return False
        above = os.path.dirname(above)

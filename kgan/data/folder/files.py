"""Files of a folder or a zip, read by name."""

import os
import pathlib
import re
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from kgan.data.dataset import plural
from kgan.data.file_kinds import is_image
from kgan.utils.errors import UserError, printable

FILE_LIMIT = 2**28  # bytes of one image, in a folder or unpacked from a zip
# The other methods unpack everything at once, however small the size in the zip's directory.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What operating systems, network storage and editors put next to images, in lower case.
IGNORED = (
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost+found"),
    *("$recycle.bin", "recycler", "system volume information", "__pycache__", "_gsdata_"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"),
)
# Lock files, copies of editors, and downloads that did not end.
IGNORED_BEGINNINGS = (".", "~$")
IGNORED_ENDINGS = ("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".swp")
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, KeyError)


class Folder:
    """The files below a folder.

    Args:
        root: path of the folder.

    Example:
        >>> import tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (root / "a.txt").write_text("hello")
        >>> [(name, Folder(root).read(name)) for name in Folder(root).names()]
        [('a.txt', b'hello')]
    """

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.notes: list[str] = []

    def names(self) -> Iterator[str]:
        """Yields paths below the root, with `/`; paths of folders end in `/`.

        Links are followed, also those that lead out of the root. A link to a folder that contains
        it is left out, since it would never end; `notes` then names it.

        Raises:
            UserError: a link without a suffix, as those to folders are, leads to nothing.
        """
        self.notes, links = [], _Links()
        real = os.path.realpath(self.root)
        yield from self._walk("", (real,), links, linked=False)
        if links.repeated:
            self.notes.append(
                f"{plural(links.repeated, 'file')} found again through links, and counted each time"
            )

    def _walk(
        self, inner: str, above: tuple[str, ...], links: "_Links", linked: bool
    ) -> Iterator[str]:
        with os.scandir(self.root / inner) as listing:
            found = sorted(listing, key=lambda item: item.name)
        for item in found:
            name, real = inner + item.name, os.path.join(above[-1], item.name)
            if is_ignored(item.name):
                continue
            is_link = item.is_symlink()
            if is_link:
                real = os.path.realpath(real)
                if not os.path.exists(real):
                    self._check_broken(name, real)
            # What a link leads to is looked up by its real path: links in a circle raise errors.
            if os.path.isdir(real) if is_link else item.is_dir():
                if real in above:
                    self.notes.append(
                        f"{printable(name)}/ is a link to a folder that contains it, left out"
                    )
                    continue
                yield name + "/"
                yield from self._walk(name + "/", (*above, real), links, linked or is_link)
            elif not is_link and item.is_file() or is_link and not _is_special(real):
                links.count(real, linked or is_link)
                yield name

    def _check_broken(self, name: str, target: str) -> None:
        """Refuses a broken link that may stand for a folder of images, which would be missed."""
        if not os.path.splitext(name)[1]:
            raise UserError(
                f"{self.label(name)}: a link to {printable(target)}, which does not exist; right "
                "would be a link to a folder, or none"
            )

    def size(self, name: str) -> int:
        """Returns the bytes that a file has, -1 where that cannot be found."""
        try:
            return os.stat(self.root / name).st_size
        except OSError:
            return -1

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file; raises UserError if it cannot be read."""
        try:
            with open(self.root / name, "rb") as file:
                if os.fstat(file.fileno()).st_size > FILE_LIMIT:
                    raise UserError(_too_large(self.label(name)))
                return file.read()
        except OSError as error:
            reason = error.strerror
            if os.path.islink(self.root / name) and not os.path.exists(self.root / name):
                reason = f"a link to {printable(os.readlink(self.root / name))}, which is missing"
            raise UserError(
                f"{self.label(name)}: cannot be read ({reason}); right would be a readable file"
            ) from error

    def label(self, name: str) -> str:
        """Returns the name of a file in messages."""
        return printable(str(self.root / name))


def _is_special(path: str) -> bool:
    """Checks whether a path is a pipe or a device; a missing file is not, reading reports it."""
    return os.path.exists(path) and not os.path.isfile(path)


class _Links:
    """Counts the files that are found a second time, through a link."""

    def __init__(self):
        self.seen: set[str] = set()
        self.through_links: list[str] = []

    def count(self, real: str, through_link: bool) -> None:
        if through_link:
            self.through_links.append(real)
        else:
            self.seen.add(real)

    @property
    def repeated(self) -> int:
        linked = set(self.through_links)
        return len(self.through_links) - len(linked - self.seen)


class Zip:
    """The members of a zip, which several threads can read.

    Args:
        path: path of the zip.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "some.zip")
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("a.txt", b"hello")
        >>> files = Zip(path)
        >>> [(name, files.read(name)) for name in files.names()]
        [('a.txt', b'hello')]
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.notes: list[str] = []
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._open: tuple[int, zipfile.ZipFile] | None = None
        self._members: dict[str, str] = {}  # by name with `/`, the name in the zip

    def __getstate__(self) -> dict:
        return {"path": self.path, "_members": self._members, "_sizes": self._sizes}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["path"])
        self._members, self._sizes = state["_members"], state["_sizes"]

    def names(self) -> list[str]:
        """Returns the names of the members; names of folders end in `/`."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                found = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise UserError(
                f"{printable(str(self.path))}: not a whole zip file ({error}); right would be a "
                "folder or a zip of images"
            ) from error
        found = {self._checked(info): info for info in found}
        self._members = {name: info.filename for name, info in found.items()}
        self._sizes = {name: info.file_size for name, info in found.items()}
        return list(self._members)

    def size(self, name: str) -> int:
        """Returns the unpacked bytes of a member."""
        return self._sizes[name]

    def _checked(self, info: zipfile.ZipInfo) -> str:
        name = info.filename.replace("\\", "/").removeprefix("./")
        label, pieces = self.label(name), name.split("/")
        if name.startswith("/") or ".." in pieces or pieces[0].endswith(":"):
            raise UserError(
                f"{label}: is outside of the zip; right would be a name without leading / and .."
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UserError(f"{label}: a link; right would be the file itself")
        if info.flag_bits & 1:
            raise UserError(f"{label}: encrypted; right would be a zip without password")
        if info.compress_type not in METHODS:
            raise UserError(
                f"{label}: has an unusual compression method; right would be a zip of stored or "
                "deflated files"
            )
        if info.file_size > FILE_LIMIT:
            raise UserError(_too_large(label))
        return name

    def read(self, name: str) -> bytes:
        """Returns the bytes of a member; raises UserError if it is damaged."""
        try:
            with self._lock:
                archive = self._archive()
                info = archive.getinfo(self._members[name])
                # Not `archive.read`, which unpacks everything before it checks the size.
                with archive.open(info) as member:
                    return member.read(info.file_size)
        except _DAMAGE as error:
            reason = printable(str(error)) or type(error).__name__
            raise UserError(
                f"{self.label(name)}: cannot be unpacked ({reason}); right would be a whole zip"
            ) from error

    def _archive(self) -> zipfile.ZipFile:
        # Processes that share an open file share its position, so that each opens its own.
        if self._open is None or self._open[0] != os.getpid():
            self._open = os.getpid(), zipfile.ZipFile(self.path)
        return self._open[1]

    def label(self, name: str) -> str:
        """Returns the name of a member in messages."""
        return printable(f"{self.path}/{name}")


def _too_large(label: str) -> str:
    return f"{label}: more than {FILE_LIMIT >> 20} MiB; right would be a smaller image"


def open_files(path: str | os.PathLike, flag: str) -> tuple[Folder | Zip, list[str]]:
    """Opens a folder or a zip and lists what is in it.

    Args:
        path: a folder or a .zip.
        flag: flag that messages name, such as `--dataset`.

    Returns:
        The files and their names; names of folders end in `/`.
    """
    where = f"{flag}={printable(str(path))}"
    place = pathlib.Path(os.path.expanduser(path))
    try:
        if place.is_dir():
            files = Folder(place)
        elif place.is_file() and is_image(place.name) and not zipfile.is_zipfile(place):
            raise UserError(
                f"{where}: is a single image; right would be a folder or a .zip of images"
            )
        elif place.is_file():
            files = Zip(place)
        else:
            raise UserError(
                f"{where}: no such folder or file; right would be a folder or a .zip of images"
            )
        return files, list(files.names())
    except OSError as error:
        named = printable(str(error.filename or path))
        raise UserError(
            f"{where}: {named} cannot be read ({error.strerror or error}); right would be a "
            "readable folder or zip"
        ) from error


def image_names(names: Iterable[str]) -> list[str]:
    """Returns the names of the images among files, in natural order."""
    found = (name for name in names if is_image(name) and not is_ignored(name))
    return sorted(found, key=natural_key)


def natural_key(name: str) -> tuple:
    """Returns a sorting key by which 9.png comes before 10.png."""
    pieces = re.split(r"([0-9]+)", name)
    # Digits are compared by length, then as text: int() refuses very long ones.
    pieces[1::2] = [(len(d.lstrip("0")), d.lstrip("0")) for d in pieces[1::2]]
    return tuple(pieces), name


def is_ignored(name: str) -> bool:
    """Checks whether a file is hidden, or comes from an operating system or an editor.

    Example:
        >>> [is_ignored(name) for name in ("@eaDir/cat.jpg", "cat.jpg.part", "cat/1.jpg")]
        [True, True, False]
    """
    return any(
        piece.startswith(IGNORED_BEGINNINGS)
        or piece.lower() in IGNORED
        or piece.lower().endswith(IGNORED_ENDINGS)
        for piece in name.rstrip("/").split("/")
    )

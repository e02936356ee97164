"""The journal of a folder of translations: what was made by which call, so that it can go on."""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence

from kgan.utils.atomic import make_folder, report_write_errors, try_lock
from kgan.utils.errors import UserError, printable

NAME = "translations.jsonl"
BEGINNING = b'{"call": '  # of a journal


class Journal:
    """The journal of a folder, open for writing; other processes are kept out until it is closed.

    The first line describes the call, each further one a file, with the hashes of its input and of
    its own contents. A line is written before its file, which is renamed to its name when it is
    whole: a file that is in the journal and exists is whole, and one of other contents was changed
    by the user.

    Args:
        folder: of the outputs; made where it is missing.
        call: what the outputs depend on, by name.

    Raises:
        UserError: the folder holds files of another call, or a file of the journal's name that is
            none, or another process writes there.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> with Journal(folder, {"seed": 1}) as journal:
        ...     journal.announce("a.png", "abc", b"image", input="a.jpg")
        ...     journal.is_made("a.png", "abc")
        False
        >>> _ = (folder / "a.png").write_bytes(b"image")
        >>> with Journal(folder, {"seed": 1}) as journal:
        ...     journal.is_made("a.png", "abc")
        True
    """

    def __init__(self, folder: pathlib.Path, call: Mapping[str, object]):
        self.folder = folder
        self._call = {name: value for name, value in call.items() if value is not None}
        self._announced: dict[str, str | None] = {}
        self._made: dict[str, list[str]] = {}

    def __enter__(self):
        make_folder(self.folder, f"--out={self.folder}")
        with report_write_errors(f"--out={self.folder}"):
            # Unbuffered: what is written survives the end of the process.
            self._file = open(self.folder / NAME, "a+b", buffering=0)
        try:
            if not try_lock(self._file):
                raise UserError(
                    f"--out={printable(str(self.folder))}: another process writes there; wait for "
                    "it, or give another folder"
                )
            self._read()
            self._remove_leftovers()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *error):
        self._file.close()

    def _read(self):
        lines = read_lines(self.folder / NAME)
        data = (self.folder / NAME).read_bytes()
        if not data.startswith(BEGINNING) and not BEGINNING.startswith(data):
            raise UserError(
                f"--out={printable(str(self.folder))}: its {NAME} was not made by this command; "
                "give another folder"
            )
        if lines:
            if differing := differences(lines[0].get("call"), self._call):
                raise UserError(
                    f"--out={printable(str(self.folder))}: holds translations of another call "
                    f"({differing}); give another folder"
                )
        else:
            self._write({"call": self._call})
        if data and not data.endswith(b"\n"):  # cut off by a crash
            self._file.write(b"\n")
        for line in lines:
            if "output" in line:
                self._announced[line["output"]] = line.get("digest")
                self._made.setdefault(line["output"], []).append(line.get("made"))

    def _remove_leftovers(self):
        for name in self._announced:
            path = self.folder / name
            for left in path.parent.glob(f".{_literal(path.name)}.*.writing"):
                left.unlink(missing_ok=True)

    def _write(self, line):
        with report_write_errors(self.folder / NAME):
            self._file.write(json.dumps(line).encode() + b"\n")

    def check_free(self, names: Sequence[str]) -> None:
        """Raises UserError where one of these names belongs to a file that kgan has not made."""
        taken = [
            name
            for name in names
            if name not in self._announced and os.path.lexists(self.folder / name)
        ]
        if taken:
            more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
            raise UserError(
                f"--out={printable(str(self.folder))}: {printable(taken[0])}{more} would be "
                "overwritten and was not made by this command; give another folder"
            )

    def is_made(self, name: str, digest: str) -> bool:
        """Checks whether a file was made from an input of this hash, and is still there.

        Raises:
            UserError: it was made from another input, and then changed by the user.
        """
        path = self.folder / name
        if name not in self._announced or not path.is_file():
            return False
        *earlier, last = self._made[name]
        is_same = self._announced[name] == digest
        if None in (last, *earlier):  # of an earlier version of kgan
            return is_same
        found = content_hash(path.read_bytes())
        if found in (last, *earlier):
            # After an interruption the file of an earlier input may be there.
            return is_same and found == last
        if not is_same:
            raise UserError(
                f"{printable(str(path))}: was changed since it was made, and so was its input; "
                "rename it for a new translation"
            )
        return True

    def announce(self, name: str, digest: str | None, content: bytes, **details) -> None:
        """Notes that a file is about to be written.

        Args:
            name: of the file.
            digest: the hash of its input; None: it has none.
            content: of the file.
            details: of the line.
        """
        made = content_hash(content)
        known = self._made.get(name, [""])[-1]
        if self._announced.get(name, "") != digest or digest is not None and known != made:
            self._write({"output": name, "digest": digest, "made": made, **details})
            self._announced[name] = digest
            self._made.setdefault(name, []).append(made)


def content_hash(content: bytes) -> str:
    """Returns the hash by which the contents of a file are known."""
    return hashlib.sha256(content).hexdigest()


def read_lines(path: pathlib.Path) -> list[dict]:
    """Returns the lines of a journal without a last one that is incomplete; [] without a file."""
    lines = []
    if path.is_file():
        for text in path.read_bytes().split(b"\n"):
            try:
                line = json.loads(text)
            except ValueError:
                continue
            lines += [line] if isinstance(line, dict) else []
    return lines


def differences(made: object, call: Mapping[str, object]) -> str:
    """Returns in words in what two calls differ; an empty text where they are equal."""
    made = made if isinstance(made, dict) else {}
    names = [name for name in {**made, **call} if made.get(name) != call.get(name)]
    if names == ["weights"]:  # whose hashes say nothing to a reader
        return "by the same checkpoint before it was trained further"
    names = [name for name in names if name != "weights"]
    return ", ".join(f"{name} {made.get(name)}, now {call.get(name)}" for name in names)


def suits(folder: pathlib.Path, call: Mapping[str, object]) -> bool:
    """Checks whether a call may write into a folder: a new one, or that of an equal call."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    lines = read_lines(folder / NAME)
    call = {name: value for name, value in call.items() if value is not None}
    return bool(lines) and not differences(lines[0].get("call"), call)


def _literal(name):
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)

"""A folder of answers: nothing in it is overwritten, and what is there is not asked for again."""

import collections
import json
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

from kgan.data.file_kinds import is_image
from kgan.utils.errors import UserError

RECORD = ".kgan-client.json"
SKIPPED = "skipped.txt"


def find_images(given: str) -> tuple[pathlib.Path, list[str]]:
    """Returns the folder of the images of `--input`, and their names below it, sorted."""
    path = pathlib.Path(given)
    if path.is_file():
        return path.parent, [path.name]
    if not path.is_dir():
        raise UserError(f"--input={given}: no such file or folder; right would be images")
    found = [
        os.path.relpath(os.path.join(folder, name), path)
        for folder, folders, names in os.walk(path)
        if not folders.sort() and not os.path.basename(folder).startswith(".")
        for name in sorted(names)
        if is_image(name) and not name.startswith(".")
    ]
    if not found:
        raise UserError(f"--input={given}: contains no images; right would be PNG or JPEG files")
    return path, found


def png_names(names: Sequence[str]) -> list[str]:
    """Returns the names of the answers; `a.jpg.png` where `a.jpg` and `a.png` would clash.

    Example:
        >>> png_names(["a.jpg", "b/a.jpg", "b/a.gif"])
        ['a.png', 'b/a.jpg.png', 'b/a.gif.png']
    """
    short = [str(pathlib.PurePath(name).with_suffix(".png")) for name in names]
    counts = collections.Counter(map(str.lower, short))
    return [
        s if counts[s.lower()] == 1 else f"{name}.png" for s, name in zip(short, names, strict=True)
    ]


def open_folder(out: str, origin: Mapping, source: pathlib.Path | None) -> pathlib.Path:
    """Makes the folder of the answers, or opens that of an interrupted call.

    Args:
        out: the value of `--out`.
        origin: what the answers are of; they are continued only where it is the same.
        source: folder of the inputs, or None.

    Raises:
        UserError: the folder contains something else, or is that of the inputs.
    """
    folder = pathlib.Path(out)
    if source is not None:
        whole, own = source.resolve(), folder.resolve()
        if own == whole or whole in own.parents:
            raise UserError(f"--out={out}: lies in the folder of --input; give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = folder / RECORD
        has_answers = any(path != record for path in folder.iterdir())
        if has_answers and not record.exists():
            raise UserError(f"--out={out}: is not empty; give a new folder")
        if has_answers and json.loads(record.read_text()) != dict(origin):
            raise UserError(
                f"--out={out}: holds answers to other flags; give a new folder for these"
            )
        if not has_answers:
            record.unlink(missing_ok=True)
            write_new(record, (json.dumps(dict(origin), indent=2) + "\n").encode())
    except (OSError, ValueError) as error:
        raise UserError(f"--out={out}: cannot be used ({error})") from error
    return folder


def write_new(path: pathlib.Path, data: bytes) -> None:
    """Writes a file in full or not at all, and only where there is none.

    Raises:
        UserError: it cannot be written, or is there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".writing") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.link(file.name, path)  # fails where there is a file, which a renaming would replace
    except OSError as error:
        raise UserError(f"--out: {path} cannot be written ({error.strerror})") from error

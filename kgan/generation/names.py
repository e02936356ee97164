"""Names of the files that are written: one for each input, none of them equal on any system."""

import hashlib
import itertools
import pathlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

LONGEST = 180  # bytes of a name: systems allow 255, and the name of a temporary file is longer


def output_names(names: Sequence[str], suffix: str, reserved: Sequence[str] = ()) -> list[str]:
    """Returns a name for the output of each input, with the same folders.

    Two names count as equal if some system takes them for the same file: if they differ in upper
    and lower case or in the form of Unicode only.

    Args:
        names: of the inputs, paths with `/`.
        suffix: of the outputs, such as `.png`.
        reserved: names that no output may have.

    Returns:
        The input's name with the new suffix; `a.jpg.png` where `a.jpg` and `a.png` would get the
        same name; with a number where these are equal, too.

    Example:
        >>> output_names(["a.jpg", "a.png", "b/c.v2.gif"], ".png")
        ['a.jpg.png', 'a.png.png', 'b/c.v2.png']
    """
    names = [_shortened(name) for name in names]
    short = [str(pathlib.PurePosixPath(name).with_suffix(suffix)) for name in names]
    counts = Counter(map(_key, short))
    wanted = [
        s if counts[_key(s)] == 1 else f"{name}{suffix}"
        for s, name in zip(short, names, strict=True)
    ]
    # A name that can be kept is kept: only what is left over gets numbers.
    folders = {_key(str(parent)) for name in wanted for parent in pathlib.PurePath(name).parents}
    taken = {*folders, *map(_key, reserved)}
    everyone = set(map(_key, wanted))
    found = []
    for name in wanted:
        stem = name.removesuffix(suffix)
        candidates = (f"{stem}-{number}{suffix}" for number in itertools.count(2))
        for candidate in itertools.chain([name], candidates):
            is_others = candidate != name and _key(candidate) in everyone
            if _key(candidate) not in taken and not is_others:
                break
        taken.add(_key(candidate))
        found.append(candidate)
    return found


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _shortened(name: str) -> str:
    """Shortens the last part of a path if it is long; what is cut off becomes a hash."""
    folder, slash, last = name.rpartition("/")
    data = last.encode(errors="surrogateescape")
    if len(data) <= LONGEST:
        return name
    start = data[: LONGEST - 17].decode(errors="ignore")
    suffix = pathlib.PurePosixPath(last).suffix[:8]
    return f"{folder}{slash}{start}-{hashlib.sha256(data).hexdigest()[:8]}{suffix}"


def numbered(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path, and then the same with the numbers 2, 3, … behind its stem."""
    others = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in itertools.count(2))
    return itertools.chain([path], others)

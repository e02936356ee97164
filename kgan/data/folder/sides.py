"""The two sides A and B of image pairs and of unpaired sets, found from folders and file names."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kgan.data.dataset import plural
from kgan.data.file_kinds import is_image
from kgan.data.folder.files import natural_key
from kgan.utils.errors import UserError, printable

PART_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# Folders of photographs and of what belongs to them, as data sets of segmentation call them.
INPUTS = (
    *("a", "images", "image", "imgs", "img", "photos", "photo", "jpegimages", "leftimg8bit"),
    *("inputs", "input", "source", "src", "rgb", "lr", "low", "lowres", "lq", "noisy", "blur"),
    *("blurred", "blurry", "degraded", "rainy", "hazy", "foggy", "before"),
)
LABELS = (
    *(
        "masks",
        "mask",
        "labels",
        "label",
        "annotations",
        "annotation",
        "annot",
        "segmentationclass",
    ),
    *("segmentationclassaug", "segmentations", "segmentation", "seg", "gtfine", "gt"),
    *("groundtruth", "ground_truth", "labelmaps"),
)
TARGETS = (
    *("b", "targets", "target", "tgt", "hr", "high", "highres", "hq", "clean", "sharp"),
    "after",
    *LABELS,
)
SIDES = {**dict.fromkeys(INPUTS, "A"), **dict.fromkeys(TARGETS, "B")}
# What a file's name has before or after the part that a pair has in common.
MARKS = {
    "A": (*INPUTS, "real", "in"),
    "B": (*TARGETS, "out", "output", "l", "color", "labelids", "gtfine_labelids", "gtfine_color"),
}
LEFT_OUT = 0.05  # share of images without a partner that are left out; more are refused
_FOLDER = re.compile(
    f"(?:({'|'.join(PART_FOLDERS)})[_-]?)?({'|'.join(sorted(SIDES, key=len, reverse=True))})?", re.I
)


class Entry(NamedTuple):
    """One example.

    Args:
        names: its file, or its two files A and B.
        inner: its path within the folder of its part.

    Example:
        >>> Entry(("train/cat/1.png",), "cat/1.png").inner
        'cat/1.png'
    """

    names: tuple[str, ...]
    inner: str


Tree = dict[str, list[Entry]]  # by part of the data set


class Sides(NamedTuple):
    """Images of two sides.

    Args:
        trees: by side, A and B, the images by part.
        names: by side, what the files are called in messages, such as `masks/`.
        labels: whether B is called a label map.

    Example:
        >>> images = [Entry((name,), name) for name in ("img/1.jpg", "img/2.jpg", "label/1.png")]
        >>> found = find_sides(images)
        >>> found.names, [entry.inner for entry in found.trees["A"]["train"]]
        ({'A': 'img/', 'B': 'label/'}, ['1.jpg', '2.jpg'])
    """

    trees: Mapping[str, Tree]
    names: Mapping[str, str]
    labels: bool

    def note(self) -> str:
        """Says which side is which, for the user."""
        return f"A = {self.names['A']}, B = {self.names['B']}"


def find_sides(
    entries: Sequence[Entry], given: Sequence[str] | None = None, any_two: bool = False
) -> Sides | None:
    """Finds two sides of images in folders such as `trainA/`, `A/train/`, `images/` and `masks/`.

    Args:
        entries: all images.
        given: what `--sides` names for A and B: folders, or patterns with `*` of file names.
        any_two: whether two folders are sides, too, if at most one of their names is known; in
            natural order, unless the known name decides.

    Returns:
        None where there are not exactly two.
    """
    placed = [(entry, *_place(entry.inner, given)) for entry in entries]
    if given is None and not {"A", "B"} <= {side for _, _, side, *_ in placed}:
        # Below other folders, as train/street/blur/ and train/street/sharp/ are.
        deep = [(entry, *_place_below(entry.inner)) for entry in entries]
        if {"A", "B"} <= {side for _, _, side, *_ in deep}:
            placed = deep
    if given is None and any_two and len({side for _, _, side, *_ in placed} - {None}) < 2:
        # By folder, the side that it is known as: of photos/ and maps/ the first is A.
        found = {folder or _first(rest): side or "" for _, _, side, rest, folder in placed}
        if len(found) == 2 and all(folder or "/" in rest for _, _, _, rest, folder in placed):
            first, second = sorted(found, key=natural_key)
            given = (
                (second, first) if found[first] == "B" or found[second] == "A" else (first, second)
            )
            placed = [(entry, *_place(entry.inner, given)) for entry in entries]
    sides = {side for _, _, side, *_ in placed}
    letters = {rest for _, _, side, rest, _ in placed if side is None and rest[1:2] == "/"}
    if letters and {folder.lower() for *_, folder in placed} <= {"a", "b", ""}:
        return None  # A/, B/ and C/ are classes
    if given is None and "B" in sides and "A" not in sides:
        # train/ next to train_labels/, or 1.jpg next to masks/1.png
        placed = [(entry, part, side or "A", *more) for entry, part, side, *more in placed]
        sides = {side for _, _, side, *_ in placed}
    if not {"A", "B"} <= sides:
        return None
    trees: dict[str, Tree] = {"A": {}, "B": {}}
    called: dict[str, set[str]] = {"A": set(), "B": set()}
    for entry, part, side, rest, folder in placed:
        if side:
            trees[side].setdefault(part or "train", []).append(Entry(entry.names, rest))
            called[side].add(folder)
    if given is None and any(len({f.lower() for f in names if f}) > 1 for names in called.values()):
        return None  # images/ and photos/: which is A is not known
    names = {side: "/ and ".join(sorted(called[side] - {""})) for side in "AB"}
    names = {side: f"{name}/" if name else "the other images" for side, name in names.items()}
    if given:
        names = {
            side: name if "*" in name else f"{name}/"
            for side, name in zip("AB", given, strict=True)
        }
    return Sides(trees, names, any(folder.lower() in LABELS for folder in called["B"]))


def _first(inner: str) -> str:
    return inner.split("/", 1)[0]


def _place(inner: str, given: Sequence[str] | None) -> tuple[str | None, str | None, str, str]:
    """Returns the part, the side, the path without their folders, and the side's folder."""
    if given is None:
        return _consume(inner, None)
    for side, wanted in zip("AB", given, strict=True):
        folders = wanted.strip("/").lower().split("/")
        pieces = inner.split("/")
        lower = [piece.lower() for piece in pieces[:-1]]
        if "*" not in wanted:
            for start in range(len(lower) - len(folders) + 1):
                if lower[start : start + len(folders)] == folders:
                    left = [*pieces[:start], *pieces[start + len(folders) :]]
                    part, _, rest, _ = _consume("/".join(left), side)
                    return part, side, rest, wanted
            continue
        pattern = re.escape(wanted).replace(r"\*", "(.*)")
        found = re.fullmatch(pattern, inner if "/" in wanted else pieces[-1], re.I)
        if found:
            kept = "" if "/" in wanted else "/".join([*pieces[:-1], ""])
            part, _, rest, _ = _consume(kept + "/".join(found.groups()) + "/", None)
            return part, side, rest.rstrip("/") + os.path.splitext(inner)[1], wanted
    return None, None, inner, ""


def _place_below(inner: str) -> tuple[str | None, str | None, str, str]:
    """Returns what `_place` does, for a side's folder at any depth, but not A/ and B/."""
    part, side, rest, folder = _consume(inner, None)
    pieces = rest.split("/")
    for number, piece in enumerate(pieces[:-1]):
        if side is None and len(piece) > 1 and piece.lower() in SIDES:
            left = "/".join([*pieces[:number], *pieces[number + 1 :]])
            return part, SIDES[piece.lower()], left, piece
    return part, side, rest, folder


def _consume(inner: str, side: str | None) -> tuple[str | None, str | None, str, str]:
    part, folder, pieces = None, "", inner.split("/")
    while len(pieces) > 1:
        found = _FOLDER.fullmatch(pieces[0])
        new_part, new_side = found.groups() if found else (None, None)
        if not (new_part or new_side) or (new_part and part) or (new_side and side):
            break
        part = PART_FOLDERS[new_part.lower()] if new_part else part
        if new_side:
            side, folder = SIDES[new_side.lower()], new_side
        pieces = pieces[1:]
    return part, side, "/".join(pieces), folder


def find_marked(entries: Sequence[Entry]) -> Sides | None:
    """Finds pairs of files in the same folder: `1.jpg` and `1_mask.png`, or `1.jpg` and `1.png`.

    Returns:
        None where fewer than nearly all images belong to such pairs.
    """
    keys = {key for e in entries for key in (os.path.splitext(e.inner)[0], _unmarked(e.inner, "A"))}
    b_side = [e for e in entries if (key := _unmarked(e.inner, "B")) and key in keys]
    if b_side:
        chosen = set(b_side)
        a_side = [entry for entry in entries if entry not in chosen]
        mark = os.path.splitext(b_side[0].inner)[0].removeprefix(_unmarked(b_side[0].inner, "B"))
        names = {"A": "the other images", "B": f"*{mark}.*"}
        labels = mark.lower().lstrip("_-. ") not in ("a", "b", "target", "targets", "tgt")
    else:
        suffixes = sorted({os.path.splitext(entry.inner)[1].lower() for entry in entries})
        if len(suffixes) != 2:
            return None
        # Photographs are lossy, label maps are not.
        suffixes.sort(key=lambda suffix: suffix in (".png", ".gif", ".bmp", ".tif", ".tiff"))
        a_side, b_side = (
            [e for e in entries if e.inner.lower().endswith(suffix)] for suffix in suffixes
        )
        names, labels = {side: f"*{s}" for side, s in zip("AB", suffixes, strict=True)}, False
    trees = {side: by_part(found) for side, found in (("A", a_side), ("B", b_side))}
    sides = Sides(trees, names, labels)
    return sides if are_pairs(sides) else None


def by_part(entries: Iterable[Entry]) -> Tree:
    """Assigns the images of one side to parts, by folders such as train/ and test/."""
    tree: Tree = {}
    for entry in entries:
        part, _, rest, _ = _consume(entry.inner, "A")
        tree.setdefault(part or "train", []).append(Entry(entry.names, rest))
    return tree


def _unmarked(inner: str, side: str) -> str | None:
    """Returns a path without its suffix and the mark of a side; None where it has no mark."""
    stem = os.path.splitext(inner)[0]
    folder, slash, name = stem.rpartition("/")
    marks = "|".join(sorted(MARKS[side], key=len, reverse=True))
    if side == "B" and is_image(name):  # 1.jpg.png belongs to 1.jpg
        return folder + slash + os.path.splitext(name)[0]
    bare = re.sub(f"[_\\-. ](?:{marks})$", "", name, flags=re.I)
    if bare == name:
        bare = re.sub(f"^(?:{marks})(?:[_\\-. ]|(?=\\d))", "", name, flags=re.I)
    return None if bare == name else folder + slash + bare


def pair_up(sides: Sides, where: str = "--dataset") -> tuple[Tree, int, list[str]]:
    """Pairs the images of two sides by their names, without suffixes and marks such as `_mask`.

    Args:
        sides: see `find_sides`.
        where: beginning of messages.

    Returns:
        The pairs by part, the number of images without a partner, and up to three of these with
        their side. The name that a pair has in common is its `inner`.

    Raises:
        UserError: two images of a side have the same name.
    """
    best, failure = None, None
    for bare in ((), ("B",), ("A", "B")):
        try:
            found = _pair_up(sides, bare, where)
        except UserError as error:
            failure = failure or error
            continue
        if best is None or found[1] < best[1]:
            best = found
        if not best[1]:
            break
    if best is None or (failure and not any(best[0].values())):
        raise failure
    return best


def _pair_up(sides, bare, where):
    tree, alone, count = {}, [], 0
    for part in sides.trees["A"] | sides.trees["B"]:
        a, b = (
            _by_key(sides.trees[side].get(part, ()), side if side in bare else None, where)
            for side in "AB"
        )
        tree[part] = [Entry(a[key].names + b[key].names, key) for key in a if key in b]
        single = sorted(a.keys() ^ b.keys(), key=natural_key)
        count += len(single)
        for key in single[: 3 - len(alone)]:
            has, lacks = ("A", "B") if key in a else ("B", "A")
            alone.append((key, has, lacks, part))
    return {part: pairs for part, pairs in tree.items() if pairs}, count, alone


def _by_key(entries: Sequence[Entry], mark: str | None, where: str) -> dict[str, Entry]:
    """Returns images by name without suffix: photographs are often .jpg, their labels .png."""
    found: dict[str, Entry] = {}
    for entry in entries:
        key = (mark and _unmarked(entry.inner, mark)) or os.path.splitext(entry.inner)[0]
        if key in found:
            raise UserError(
                f"{where}: {printable(entry.names[0])} and {printable(found[key].names[0])} "
                "have the same name; right would be one image per name, which --sides=A,B chooses "
                "by folders or patterns such as *.jpg,*_color.png"
            )
        found[key] = entry
    return found


def are_pairs(sides: Sides) -> bool:
    """Checks whether nearly all images of two sides belong to each other by their names."""
    try:
        build_pairs(sides, "", [])
    except UserError:
        return False
    return True


def build_pairs(sides: Sides, where: str, notes: list[str]) -> Tree:
    """Makes the pairs of two sides; `notes` gets what is left out.

    Raises:
        UserError: too many images have no partner, or there is no part to train on.
    """
    tree, count, alone = pair_up(sides, where)
    total = sum(len(entries) for side in sides.trees.values() for entries in side.values())
    of_b = [item for item in alone if item[1] == "B"]
    # Of many photographs often only some have been labelled.
    few = count <= LEFT_OUT * total or (sides.labels and not of_b and count < total)
    if alone and not (few and tree.get("train")):
        key, has, lacks, part = alone[0]
        raise UserError(
            f"{where}: {printable(key)} is in {sides.names[has]} but not in {sides.names[lacks]}, "
            f"part {part} ({plural(count, 'such image')}); right would be equal names in both, "
            "two sets without pairs (--layout=unpaired), or other --sides=A,B"
        )
    if "train" not in tree:
        raise UserError(f"{where}: has no pairs in a part train; right would be train/ or no parts")
    if count:
        named = ", ".join(printable(item[0]) for item in alone)
        more = ", …" if count > len(alone) else ""
        notes.append(f"{plural(count, 'image')} without a partner left out ({named}{more})")
    return tree


def build_unpaired(sides: Sides, where: str) -> Tree:
    """Makes the parts `train_a`, `train_b` and, where both sides have them, `test_a`, `test_b`.

    A validation part serves as the test part where there is none.
    """
    tree: Tree = {}
    for side, letter in (("A", "a"), ("B", "b")):
        parts = sides.trees[side]
        for part in ("train", "test"):
            entries = parts.get(part) or (part == "test" and parts.get("validation"))
            if entries:
                tree[f"{part}_{letter}"] = entries
    for part in ("train", "test"):
        found = [side for side in "AB" if f"{part}_{side.lower()}" in tree]
        if len(found) == 1:
            raise UserError(
                f"{where}: has images of a part {part} in {sides.names[found[0]]} alone; right "
                f"would be some in both {sides.names['A']} and {sides.names['B']}"
            )
    if "train_a" not in tree:
        raise UserError(f"{where}: has no part train; right would be train/ or no parts")
    return tree

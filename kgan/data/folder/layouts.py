"""Layouts of folders of images, recognised from the names of the files.

No file is opened here: what names do not show, whether images are twice as wide as high, a function
argument returns.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from kgan.data.dataset import plural
from kgan.data.file_kinds import unread_note
from kgan.data.folder import sides as two_sides
from kgan.data.folder.files import image_names, is_ignored, natural_key
from kgan.data.folder.sides import PART_FOLDERS, Entry, Sides, Tree
from kgan.data.splits import SPLIT_RULE, hold_out
from kgan.utils.errors import UserError, printable

LAYOUTS = ("unpaired", "paired", "paired_folders", "labelled", "images")
TWO_SIDED = ("unpaired", "paired")  # kinds of data for which two sides are looked for
UNPAIRED_FOLDERS = {"traina": "train_a", "trainb": "train_b", "testa": "test_a", "testb": "test_b"}
PARTS = ("train", "validation", "test", *UNPAIRED_FOLDERS.values())
SAMPLE = 16  # images that are read to decide something about all of them
# An image that is wider than this, in heights, is two side by side where a model needs pairs: 2.67
# of two at 4:3. Single photographs have 1.78 (16:9) at most, panoramas aside.
WIDE = 1.9


@dataclasses.dataclass(frozen=True)
class Layout:
    """A layout and the examples of each part.

    Args:
        name: one of `LAYOUTS`.
        parts: entries by part of the data set, in natural order.
        class_names: for `labelled`; an entry's class is the first folder of its inner path.
        notes: what was held out or left out, for the user.

    Example:
        >>> names = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]
        >>> found = find_layout(names, size_of=None)
        >>> found.name, found.class_names
        ('labelled', ('cat', 'dog'))
    """

    name: str
    parts: Mapping[str, Sequence[Entry]]
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def labels(self, part: str) -> list[int]:
        """Returns the class number of each entry of a part of a labelled layout."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return [numbers[_first(entry.inner)] for entry in self.parts[part]]


def find_layout(
    names: Iterable[str],
    size_of: Callable[[str], tuple[int, int]],
    wanted: str = "auto",
    where: str = "--dataset",
    kind: str | None = None,
    sides: Sequence[str] | None = None,
    split_rule: int = SPLIT_RULE,
) -> Layout:
    """Recognises the layout of a folder and assigns its images to parts.

    Args:
        names: paths of all files, with `/`; paths of folders end in `/` and serve only to detect
            empty ones.
        size_of: returns (height, width) of an image; may raise UserError for a damaged one.
        wanted: one of `LAYOUTS`; `auto`: it is recognised.
        where: beginning of messages.
        kind: what the model trains on (`kgan.data.registry.NEEDS`), which decides where names allow
            several layouts: `trainA/` and `trainB/` are pairs for `paired`, where their names are
            equal. None: single images.
        sides: what `--sides` gives for A and B: folders, or patterns of file names.
        split_rule: see `kgan.data.splits.hold_out`.

    Returns:
        A Layout. Without a test part, a tenth of the training part is held out for it; of pairs
        without a validation part, a twentieth. A hash of the name decides which: a file keeps its
        part when others are added, except in sets of less than about 200 images, whose held-out
        parts are filled up to their shares.
    """
    if wanted not in ("auto", *LAYOUTS):
        raise UserError(f"--layout={wanted}: unknown; right would be auto, {', '.join(LAYOUTS)}")
    names = [name for name in names if not is_ignored(name)]
    folders = [name for name in names if name.endswith("/")]
    images = image_names(names)
    others = len(names) - len(folders) - len(images)
    if not images:
        left_out = unread_note(name for name in names if not is_ignored(name))
        raise UserError(
            f"{where}: contains no images ({plural(others, 'other file')}); right would be a "
            "folder or zip of JPEG, PNG, GIF, BMP, WebP or TIFF files"
            + (f"; {left_out}" if left_out else "")
        )
    entries = _unwrap(images, keep=1 if wanted == "labelled" else 0)
    name, found = _find_sides(entries, size_of, where, wanted, kind, sides)
    if name == "auto":
        name = _recognise(entries, size_of, where)
        found = two_sides.find_sides(entries) if name == "paired_folders" else None
    notes = []
    if found is None:
        tree = _BUILDERS[name](entries, where)
        notes += _mention_masks(entries, name)
    elif name == "unpaired":
        tree = two_sides.build_unpaired(found, where)
        notes.append(found.note())
    else:
        tree = two_sides.build_pairs(found, where, notes)
        notes.append(found.note())
    # Of pairs, images without a partner are named by a note of their own.
    trees = found.trees.values() if found and name != "unpaired" else [tree]
    left_out = len(images) - sum(len(e.names) for t in trees for part in t.values() for e in part)
    class_names = ()
    if name == "labelled":
        class_names = _check_classes(tree, folders, where)
    _check_count(tree, where)
    # Nothing is held out of unpaired sets, nor of pairs that are taken for such.
    notes += hold_out(tree, "unpaired" if kind == "unpaired" else name, split_rule)
    if left_out:
        notes.append(f"{plural(left_out, 'image')} elsewhere left out")
    if others:
        notes.append(f"{plural(others, 'file')} of other types left out")
    parts = {part: tree[part] for part in PARTS if part in tree}
    return Layout(name, parts, class_names, tuple(notes))


def evenly(items: Sequence, count: int = SAMPLE) -> list:
    """Returns up to `count` evenly spaced items of a sequence, with its first and last."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _first(inner: str) -> str:
    return inner.split("/", 1)[0]


def _top(entry: Entry) -> str:
    """Returns the outermost folder in lower case, or "" for a file in no folder."""
    return _first(entry.inner).lower() if "/" in entry.inner else ""


def _inside(entries: Iterable[Entry]) -> list[Entry]:
    return [Entry(names, inner.split("/", 1)[1]) for names, inner in entries]


def _unwrap(images: Sequence[str], keep: int) -> list[Entry]:
    """Removes folders that contain everything from the paths, unless their name has a meaning.

    Args:
        images: names of the images.
        keep: number of folders that must stay in the path of every image.
    """
    entries = [Entry((name,), name) for name in images]
    while all(entry.inner.count("/") > keep for entry in entries):
        tops = {_first(entry.inner) for entry in entries}
        if len(tops) > 1 or tops.pop().lower() in PART_FOLDERS | UNPAIRED_FOLDERS:
            break
        entries = _inside(entries)
    return entries


def _strip(tree: Tree, keep: int) -> Tree:
    """Removes a folder that all parts have from the paths, such as `images` in train/images/."""
    while all(e.inner.count("/") > keep for part in tree.values() for e in part):
        if len({_first(e.inner) for part in tree.values() for e in part}) > 1:
            break
        tree = {part: _inside(entries) for part, entries in tree.items()}
    return tree


def _group(entries: Sequence[Entry], folders: Mapping[str, str]) -> Tree:
    tree: Tree = {}
    for entry in entries:
        part = folders.get(_top(entry))
        if part:
            tree.setdefault(part, []).extend(_inside([entry]))
    return tree


def _has_parts(entries: Sequence[Entry]) -> bool:
    """Checks whether folders named train, val, test are parts and not classes.

    `train` may also be a class of vehicles: alone among other folders it is a part only if it
    contains folders.
    """
    tree = _group(entries, PART_FOLDERS)
    others = {_top(entry) for entry in entries} - set(PART_FOLDERS) - {""}
    deep = any("/" in entry.inner for part in tree.values() for entry in part)
    return bool(tree) and (len(tree) > 1 or not others or deep)


def _split(entries: Sequence[Entry], where: str, inside: str = "") -> Tree:
    if not _has_parts(entries):
        return {"train": list(entries)}
    tree = _group(entries, PART_FOLDERS)
    if "train" not in tree:
        found = " and ".join(f"{inside}{part}/" for part in tree)
        raise UserError(f"{where}: has {found} but no {inside}train/; right would be both")
    return tree


def _find_sides(
    entries: Sequence[Entry], size_of: Callable, where: str, wanted: str, kind: str | None, given
) -> tuple[str, Sides | None]:
    """Finds data of two sides; returns the layout, and the sides where there are two.

    Raises:
        UserError: `--sides` fits nothing.
    """
    unpaired = wanted == "unpaired" or (wanted == "auto" and kind == "unpaired")
    name = "unpaired" if unpaired else "paired_folders"
    if given is not None:
        found = two_sides.find_sides(entries, given)
        if found is None:  # perhaps they name a folder that contains everything, too
            whole = [Entry(entry.names, entry.names[0]) for entry in entries]
            found = two_sides.find_sides(whole, given)
        if found is None:
            raise UserError(
                f"--sides={','.join(given)}: {where.removeprefix('--dataset=')} has no images for "
                "both; right would be two of its folders, or patterns such as *.jpg,*_mask.png"
            )
        return name, found
    if wanted not in ("auto", name) or (wanted == "auto" and kind not in TWO_SIDED):
        return wanted, None
    if unpaired:
        found = two_sides.find_sides(entries, any_two=True) or two_sides.find_marked(entries)
        return (name if found else wanted), found
    # Folders decide before shapes do: photographs of streets are twice as wide as high, too.
    found = two_sides.find_sides(entries) or two_sides.find_marked(entries)
    if not (found and two_sides.are_pairs(found)):
        two = two_sides.find_sides(entries, any_two=True)
        found = two if two and two_sides.are_pairs(two) else found
    if found:
        return name, found
    halves = wanted == "auto" and _are_halves(entries, size_of)
    return ("paired" if halves else wanted), None


def _are_halves(entries: Sequence[Entry], size_of: Callable) -> bool:
    """Checks whether all images are so wide that they can only be two side by side."""
    sizes = [size for size in map(_attempt(size_of), evenly(entries)) if size is not None]
    return bool(sizes) and all(width >= WIDE * height for height, width in sizes)


def _attempt(size_of: Callable) -> Callable:
    def size(entry):
        try:
            return size_of(entry.names[0])
        except UserError:  # a damaged image; the others decide
            return None

    return size


def _mention_masks(entries: Sequence[Entry], name: str) -> list[str]:
    """Says where single images seem to have label maps among them."""
    found = two_sides.find_sides(entries)
    if found is None or not found.labels or name not in ("labelled", "images"):
        return []
    return [
        f"{found.names['A']} and {found.names['B']} look like images and their label maps, and "
        "both are used; give the folder of the images alone as --dataset to leave the maps out"
    ]


def _recognise(entries: Sequence[Entry], size_of: Callable, where: str) -> str:
    tops = {_top(entry) for entry in entries}
    if tops & set(UNPAIRED_FOLDERS):
        return "unpaired"
    sides = _inside(entry for entry in entries if _top(entry) in ("a", "b"))
    if {"a", "b"} <= tops and any(_top(entry) in PART_FOLDERS for entry in sides):
        return "paired_folders"
    tree = _strip(_split(entries, where), keep=0)
    bare = ["/" not in entry.inner for part in tree.values() for entry in part]
    if not any(bare):
        return "labelled"
    if not all(bare):
        raise UserError(
            f"{where}: has images both in folders and next to them; right would be "
            "--layout=labelled (folders are classes, images next to them are left out) or "
            "--layout=images (all images, without labels)"
        )
    pairs = _has_parts(entries) and _is_double_width(tree["train"], size_of)
    return "paired" if pairs else "images"


def _is_double_width(entries: Sequence[Entry], size_of: Callable) -> bool:
    sizes, failure = [], None
    for entry in evenly(entries):
        try:
            sizes.append(size_of(entry.names[0]))
        except UserError as error:  # a damaged image; the others decide
            failure = error
    if not sizes:
        raise failure
    # One pixel more or less, as scaling leaves it.
    return all(abs(width - 2 * height) <= 1 for height, width in sizes)


def _build_labelled(entries: Sequence[Entry], where: str) -> Tree:
    tree = _split([entry for entry in entries if "/" in entry.inner], where)
    tree = {part: [e for e in tree[part] if "/" in e.inner] for part in tree}
    tree = {part: found for part, found in tree.items() if found}
    if "train" not in tree:
        raise UserError(
            f"{where}: has no class folders with images; right would be a folder for each "
            "class, in train/ or not, or --layout=images"
        )
    return _strip(tree, keep=1)


def _build_unpaired(entries: Sequence[Entry], where: str) -> Tree:
    tree = _group(entries, UNPAIRED_FOLDERS)
    for stem in ("train", "test"):
        found = [f"{stem}{side}/" for side in "AB" if f"{stem}_{side.lower()}" in tree]
        if len(found) == 1 or (not found and stem == "train"):
            raise UserError(
                f"{where}: has {' and '.join(found) or 'neither trainA/ nor trainB/'} with "
                f"images; right would be both {stem}A/ and {stem}B/"
            )
    return tree


def _build_paired_folders(entries: Sequence[Entry], where: str) -> Tree:
    raise UserError(
        f"{where}: has no A/ with images and no B/; right would be A/ and B/, other names that "
        "--sides=A,B gives, or files such as 1.jpg next to 1_mask.png"
    )


_BUILDERS = {
    "unpaired": _build_unpaired,
    "paired": _split,
    "paired_folders": _build_paired_folders,
    "labelled": _build_labelled,
    "images": _split,
}


def _check_classes(tree: Tree, folders: Sequence[str], where: str) -> tuple[str, ...]:
    """Returns the class names; raises UserError for empty folders and untrained classes."""
    found = {_first(entry.inner) for entry in tree["train"]}
    for part, entries in tree.items():
        full = {_first(entry.inner) for entry in entries}
        for root in {entry.names[0].removesuffix(entry.inner) for entry in entries}:
            inner = {_first(f[len(root) :]) for f in folders if f.startswith(root) and f != root}
            if empty := inner - full:
                raise UserError(
                    f"{where}: class folder {printable(root + min(empty, key=natural_key))}/ has "
                    "no images; right would be some, or no such folder"
                )
        if full - found:
            raise UserError(
                f"{where}: class {printable(min(full - found))} is in {part} but not in train; "
                "right would be the same classes"
            )
    return tuple(sorted(found, key=natural_key))


def _check_count(tree: Tree, where: str) -> None:
    for part, entries in tree.items():
        if part.startswith("train") and len(entries) < 2:
            raise UserError(
                f"{where}: only one image to train on in part {part}; right would be at least "
                "two, better some hundreds"
            )

"""Opening of data sets by name, as the kind of data that a model trains on."""

import dataclasses
import functools
import os
import re
from collections.abc import Sequence

import numpy as np

from kgan.data.builtin.digits import open_digits
from kgan.data.builtin.facades import open_facades
from kgan.data.builtin.faces import open_faces
from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.builtin.points import open_mixture
from kgan.data.builtin.scenes import open_scenes
from kgan.data.builtin.typeset import open_typeset
from kgan.data.builtin.usps import open_usps
from kgan.data.dataset import CONTENTS, SINGLE_IMAGES, Dataset, ImageFormat
from kgan.data.folder.reading import open_folder, survey_folder
from kgan.data.preparation import Preparation
from kgan.data.splits import SPLIT_RULE
from kgan.data.tfds.source import open_tfds
from kgan.data.transform.classes import choose_classes
from kgan.data.transform.derived_pairs import derive_pairs
from kgan.data.transform.skipping import SkippingSource
from kgan.data.transform.stacked import stack_dataset
from kgan.data.transform.unpaired import SEPARATOR, join_datasets, split_pairs
from kgan.utils.choices import Ids
from kgan.utils.errors import UserError, printable


def _open_points(images, *, name, seed):
    return open_mixture(name, seed=seed)


# By name, the function that opens a built-in data set and the options that it takes.
BUILT_IN = {
    "digits": (open_digits, ()),
    "typeset": (open_typeset, ("seed",)),
    "faces": (open_faces, ("seed",)),
    "facades": (open_facades, ("seed", "direction")),
    "scenes": (open_scenes, ("seed", "direction")),
    "usps": (open_usps, ("manual_dir",)),
    **{name: (functools.partial(_open_points, name=name), ("seed",)) for name in MIXTURES},
}
STACKED = {"stacked_mnist": "mnist"}  # data sets of triples, by name the single images' data set
# As TFDS writes them: name, configuration, version. Anything else can only be a path.
TFDS_NAME = re.compile(r"(\w+(/[\w.,=-]+)*(:[\d.*]+)?)?")

_CLASS_FOLDERS = "give a folder with one subfolder per class"
# What models train on, by `data_kind`: the kinds that serve unchanged, what messages call it, and
# what would be right instead of another kind. Labels and attributes can also be ignored.
NEEDS = {
    "images": (("images", "points"), "single images", "give such a data set, or --layout=images"),
    "labelled": (("labelled",), CONTENTS["labelled"], _CLASS_FOLDERS),
    "attributes": (("attributes",), CONTENTS["attributes"], "give faces"),
    "conditional": (
        ("labelled", "attributes"),
        "images with labels or attributes",
        f"{_CLASS_FOLDERS}, or faces",
    ),
    "paired": (
        ("paired",),
        "image pairs",
        "pairs can be derived with --pairs=edges|grey|lowres|noisy|masked; of a folder, "
        "--layout=paired reads left halves as A and right ones as B, --sides=A,B names two folders",
    ),
    "unpaired": (
        ("unpaired",),
        "two unpaired sets of images",
        "give two data sets, as in digits+typeset, or a folder with trainA and trainB, or name two "
        "folders by --sides=A,B; of a folder, --layout=paired takes left halves as A and right "
        "ones as B",
    ),
    "points": (("points",), "points", "give ring or grid"),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of opening a data set; each kind of source uses some of them.

    Args:
        layout: layout of a folder (`kgan.data.folder.layouts.LAYOUTS`); `auto`: it is recognised.
        sides: folders, or patterns of file names, of A and B in a folder.
        direction: `AtoB` or `BtoA`, for pairs.
        pairs: derives pairs from single images (`kgan.data.transform.derived_pairs.MAKERS`).
        palette: RGB colours of label maps, in 0 … 255, or `Ids`; None: they are recognised.
        label_encoding, value_range: see `kgan.data.folder.looking.Asked`.
        stored: preparations with which a run was trained, see `open_folder`.
        data_dir: TFDS's folder of prepared data sets.
        manual_dir: folder with the original files of a TFDS data set or of `usps`.
        seed: seed of everything that is sampled.
        bad_limit: largest share of unreadable images in a folder, which are skipped; None: the
            first one is an error.
        classes: names or numbers of the classes of a labelled data set to keep; None: all.
        split_rule: see `kgan.data.splits.hold_out`.

    Example:
        >>> Options(seed=3).direction
        'AtoB'
    """

    layout: str = "auto"
    sides: Sequence[str] | None = None
    direction: str = "AtoB"
    pairs: str | None = None
    palette: Sequence[tuple[int, int, int]] | Ids | None = None
    label_encoding: str = "auto"
    value_range: tuple[float, float] | None = None
    stored: tuple[Preparation, Preparation] | None = None
    data_dir: str | None = None
    manual_dir: str | None = None
    seed: int = 0
    bad_limit: float | None = None
    classes: Sequence[str] | None = None
    split_rule: int = SPLIT_RULE

    def select(self, *names: str) -> dict:
        """Returns some options by name."""
        return {name: getattr(self, name) for name in names}


def open_dataset(name: str, images: ImageFormat, *, kind: str, **options) -> Dataset:
    """Opens a built-in data set, a folder or zip, or a TFDS data set.

    Args:
        name: a key of `BUILT_IN` or `STACKED`, a path, or a TFDS name (`mnist`,
            `cycle_gan/horse2zebra`). A path that exists takes precedence over a TFDS name. Two
            names with a `+` between them make an unpaired data set.
        images: size, channels and fit.
        kind: what the model trains on, a key of `NEEDS`.
        **options: see `Options`.

    Raises:
        UserError: the data set cannot be opened or does not suit the model.

    Example:
        >>> open_dataset("ring", ImageFormat((1, 1), (1, 1)), kind="points").pass_length
        100000
    """
    options = Options(**options)
    if options.pairs is not None and kind != "paired":
        raise UserError(
            f"--pairs={options.pairs}: this model needs {NEEDS[kind][1]}; right would be no --pairs"
        )
    if SEPARATOR in name and not os.path.exists(os.path.expanduser(name)):
        dataset = join_datasets(name, functools.partial(_open_domain, images, options))
        _check_maps(dataset, options)
    else:
        # Pairs are made of single images, whatever their folders are called.
        dataset = _open_one(name, images, options, kind if options.pairs is None else None)
    if options.pairs is not None:
        dataset = derive_pairs(dataset, options.pairs, options.seed)
    return _as_kind(dataset, kind, name)


def absolute_name(name: str) -> str:
    """Returns the name of a data set under which it is found from every folder.

    Example:
        >>> absolute_name("digits"), absolute_name("/usr//"), absolute_name("missing.zip")
        ('digits', '/usr', 'missing.zip')
    """
    if SEPARATOR in name and not os.path.exists(os.path.expanduser(name)):
        return SEPARATOR.join(map(absolute_name, name.split(SEPARATOR)))
    place = os.path.expanduser(name)
    return os.path.abspath(place) if _is_path(name) and os.path.exists(place) else name


def missing_paths(name: str) -> list[str]:
    """Returns the paths that a name of a data set stands for and that do not exist."""
    if os.path.exists(os.path.expanduser(name)):
        return []
    names = name.split(SEPARATOR)
    return [n for n in names if _is_path(n) and not os.path.exists(os.path.expanduser(n))]


def _is_path(name: str) -> bool:
    if name in BUILT_IN or name in STACKED:
        return False
    return os.path.exists(name) or not TFDS_NAME.fullmatch(name)


def image_sizes(name: str, kind: str, options: Options) -> list[tuple[int, int]]:
    """Returns the sizes of a sample of the images of a folder or zip.

    Args:
        name: see `open_dataset`.
        kind: see `open_dataset`.
        options: `layout`, `sides` and `pairs` count.

    Returns:
        (height, width) in pixels; of each half of a pair. Empty for data sets of other sources.
    """
    if SEPARATOR in name and not os.path.exists(os.path.expanduser(name)):
        domains = name.split(SEPARATOR)
        return [size for each in domains for size in image_sizes(each, "images", options)]
    if not _is_path(name):
        return []
    how = options.select("layout", "sides")
    return survey_folder(name, kind=None if options.pairs else kind, **how).sizes


def _check_maps(dataset, options):
    """Checks that label maps were found where flags say that there are some."""
    given = {
        "palette=ids": isinstance(options.palette, Ids),
        "label_encoding=one_hot": options.label_encoding == "one_hot",
    }
    wrong = [flag for flag, asked in given.items() if asked]
    if wrong and not any(shape.classes for shape in dataset.preparations):
        raise UserError(
            f"--{wrong[0]}: neither {dataset.name.replace(SEPARATOR, ' nor ')} has such label "
            f"maps; right would be none of --{wrong[0].partition('=')[0]}, or a folder of grey PNG "
            "files whose levels are numbers of classes"
        )


def _open_domain(images, options, name, channels, number):
    if options.stored is not None:  # each data set has one of the two
        options = dataclasses.replace(options, stored=(options.stored[number],) * 2)
    if channels is not None:
        images = dataclasses.replace(images, channels=channels)
    if options.manual_dir is not None:
        # Two data sets may have files of the same name: each may have a subfolder of its name.
        own = os.path.join(os.path.expanduser(options.manual_dir), name)
        if os.path.isdir(own):
            options = dataclasses.replace(options, manual_dir=own)
    return _open_one(name, images, options, is_domain=True)


def _open_one(name, images, options, kind=None, is_domain=False):
    limit = None
    if name in BUILT_IN:
        function, names = BUILT_IN[name]
        dataset = function(images, **options.select(*names))
    elif name in STACKED:
        dataset = _open_stacked(name, images, options)
    elif _is_path(name):
        palette = options.palette
        if palette is not None and not isinstance(palette, Ids):
            palette = np.array(palette, np.uint8)
        names = ["layout", "sides", "direction", "label_encoding", "value_range", "stored"]
        how = {**options.select(*names), "split_rule": options.split_rule, "is_domain": is_domain}
        dataset = open_folder(name, images, palette=palette, kind=kind, **how)
        limit = options.bad_limit
    else:
        dataset = open_tfds(name, images, **options.select("data_dir", "manual_dir"))
    # Before unreadable images are replaced: the replacement must belong to the classes, too.
    if options.classes is not None:
        dataset = choose_classes(dataset, options.classes)
    if limit is not None:
        parts = {part: SkippingSource(source, limit) for part, source in dataset.parts.items()}
        dataset = dataclasses.replace(dataset, parts=parts)
    return dataset


def _open_stacked(name, images, options):
    if images.channels not in (None, 3):
        raise UserError(
            f"--channels={images.channels}: {name} has 3, one per digit; right would be no "
            "--channels"
        )
    single = _open_one(STACKED[name], dataclasses.replace(images, channels=1), options)
    return stack_dataset(single, seed=options.seed)


def _as_kind(dataset, kind, name):
    kinds, needed, hint = NEEDS[kind]
    if dataset.kind in kinds:
        return dataset
    if kind == "unpaired" and dataset.kind == "paired":
        return split_pairs(dataset)
    if kind == "images" and dataset.kind in SINGLE_IMAGES:
        return dataclasses.replace(dataset, kind=kind, class_names=())
    raise UserError(
        f"--dataset={printable(name)}: contains {CONTENTS[dataset.kind]}; this model needs "
        f"{needed}; {hint}"
    )

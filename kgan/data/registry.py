"""From the name that a user gives to the collection that a scheme trains on."""

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
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import printable
from kgan.data.folder.reading import open_folder
from kgan.data.tfds.source import open_tfds
from kgan.data.transform.classes import choose_classes
from kgan.data.transform.derived_pairs import derive_pairs
from kgan.data.transform.skipping import SkippingSource
from kgan.data.transform.stacked import stack_dataset
from kgan.data.transform.unpaired import SEPARATOR, join_datasets
from kgan.utils.errors import UserError

# By name, what opens it.
BUILT_IN = {
    "digits": lambda images, options: open_digits(images),
    "typeset": lambda images, options: open_typeset(images, seed=options.seed),
    "faces": lambda images, options: open_faces(images, seed=options.seed),
    "facades": lambda images, options: open_facades(
        images, seed=options.seed, direction=options.direction
    ),
    "scenes": lambda images, options: open_scenes(
        images, seed=options.seed, direction=options.direction
    ),
    **{
        name: lambda images, options, name=name: open_mixture(name, seed=options.seed)
        for name in MIXTURES
    },
    "stacked_mnist": lambda images, options: _open_stacked("mnist", images, options),
    "usps": lambda images, options: open_usps(images, manual_dir=options.manual_dir),
}
# A scheme that is told what an image shows takes either kind as it is; one that draws from noise
# draws points, too.
ONE_OF = {"conditional": ("labelled", "attributes"), "images": ("images", "points")}
# What a scheme may be given in place of the kind it names: what is known of an image beside its
# pixels can be left unused.
SERVES_AS = {"images": ("images", "labelled", "attributes")}
# As TFDS writes them: name, configuration, version. Anything else can only be a path.
TFDS_NAME = re.compile(r"(\w+(/[\w.,=-]+)*(:[\d.*]+)?)?")
MENDS = {
    "paired": "pairs can be made of single images with --pairs=edges|grey|lowres|noisy|masked",
    "images": "give plain images, or --layout=images",
    "labelled": "give a folder with one subfolder a class",
    "conditional": "give a folder with one subfolder a class, or faces",
    "attributes": "give faces",
    "unpaired": "give two sets, as in digits+typeset, or a folder with trainA and trainB",
}


def open_dataset(
    name: str,
    images: ImageFormat,
    *,
    kind: str,
    layout: str = "auto",
    direction: str = "AtoB",
    pairs: str | None = None,
    palette: list[tuple[int, int, int]] | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    seed: int = 0,
    bad_limit: float | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Opens a built-in set, a folder or zip, or a TFDS data set.

    Args:
        name: a key of `BUILT_IN`, a path, or a
            TFDS name (`mnist`, `cycle_gan/horse2zebra`). A path wins over TFDS where it exists.
            Two of them with a `+` between are an unpaired set.
        images: size, channels and fit.
        kind: what the scheme trains on, of `kgan.data.dataset.KINDS`, or `conditional`.
        layout: of a folder; `auto` looks.
        direction: `AtoB` or `BtoA`, for pairs.
        pairs: how to derive pairs from single images, or None.
        palette: RGB colours of a label map.
        data_dir: TFDS' folder of prepared sets.
        manual_dir: folder with the original files of a TFDS set or of `usps`.
        seed: of what is drawn.
        bad_limit: the share of images of a folder that may be unreadable and are skipped; None:
            the first one is an error.
        classes: names or numbers of the classes of a labelled set to keep; None: all.

    Raises:
        UserError: one line, for whatever cannot be opened or does not fit the scheme.
    """
    if pairs is not None and kind != "paired":
        raise UserError(
            f"--pairs={pairs}: this scheme trains on {kind} images; right would be no --pairs"
        )
    options = _Options(
        layout=layout,
        direction=direction,
        palette=None if palette is None else np.array(palette, np.uint8),
        data_dir=data_dir,
        manual_dir=manual_dir,
        seed=seed,
        bad_limit=bad_limit,
        classes=classes,
    )
    if SEPARATOR in name and not os.path.exists(os.path.expanduser(name)):
        collection = join_datasets(name, functools.partial(_open_side, images, options))
    else:
        collection = _open_one(name, images, options)
    if pairs is not None:
        collection = derive_pairs(collection, pairs, seed)
    return _as_kind(collection, kind, name)


@dataclasses.dataclass(frozen=True)
class _Options:
    """What `open_dataset` was given that one source or another asks for."""

    layout: str
    direction: str
    palette: np.ndarray | None
    data_dir: str | None
    manual_dir: str | None
    seed: int
    bad_limit: float | None
    classes: Sequence[str] | None


def _open_side(images, options, name, channels):
    if channels is not None:
        images = dataclasses.replace(images, channels=channels)
    if options.manual_dir is not None:
        # Two sets may have files of one name: a folder for each, called as the sets are, below.
        own = os.path.join(os.path.expanduser(options.manual_dir), name)
        if os.path.isdir(own):
            options = dataclasses.replace(options, manual_dir=own)
    return _open_one(name, images, options)


def _open_one(name, images, options):
    limit = None
    if name in BUILT_IN:
        collection = BUILT_IN[name](images, options)
    elif os.path.exists(name) or not TFDS_NAME.fullmatch(name):
        collection = open_folder(
            name,
            images,
            layout=options.layout,
            direction=options.direction,
            palette=options.palette,
        )
        limit = options.bad_limit
    else:
        collection = open_tfds(
            name, images, data_dir=options.data_dir, manual_dir=options.manual_dir
        )
    # Before what skips bad images: the one that stands in must be of the classes, too.
    if options.classes is not None:
        collection = choose_classes(collection, options.classes)
    if limit is not None:
        parts = {k: SkippingSource(part, limit) for k, part in collection.parts.items()}
        collection = dataclasses.replace(collection, parts=parts)
    return collection


def _open_stacked(name, images, options):
    if images.channels not in (None, 3):
        raise UserError(
            f"--channels={images.channels}: stacked_{name} has 3, one a digit; leave it out"
        )
    return stack_dataset(
        _open_one(name, dataclasses.replace(images, channels=1), options), seed=options.seed
    )


def _as_kind(collection, kind, name):
    if collection.kind in ONE_OF.get(kind, (kind,)):
        return collection
    if collection.kind not in SERVES_AS.get(kind, ()):
        raise UserError(
            f"--dataset={printable(name)}: holds {collection.kind} images, this scheme trains on "
            f"{kind} ones; {MENDS[kind]}"
        )
    return dataclasses.replace(collection, kind=kind, class_names=())

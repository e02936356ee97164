"""From the name that a user gives to the collection that a scheme trains on."""

import dataclasses
import os
import re

import numpy as np

from kgan.data.bad_pictures import SkippingSource
from kgan.data.collection import Collection, Pictures
from kgan.data.derived_pairs import derive_pairs
from kgan.data.digits import open_digits
from kgan.data.facades import open_facades
from kgan.data.faces import open_faces
from kgan.data.folders import open_folder
from kgan.data.pictures import printable
from kgan.data.scenes import open_scenes
from kgan.data.tfds_source import open_tfds
from kgan.data.typeset import open_typeset
from kgan.data.usps import open_usps
from kgan.errors import UserError

# What a scheme may be given in place of the kind it names: what is known of a picture beside its
# pixels can be left unused.
SERVES_AS = {"images": ("images", "labelled", "attributes")}
# As TFDS writes them: name, configuration, version. Anything else can only be a path.
TFDS_NAME = re.compile(r"(\w+(/[\w.,=-]+)*(:[\d.*]+)?)?")
MENDS = {
    "paired": "pairs can be made of single pictures with --pairs=edges|grey|lowres|noisy|masked",
    "images": "give plain pictures, or --layout=images",
    "labelled": "give a folder with one subfolder a class",
    "attributes": "give faces",
    "unpaired": "give a folder with trainA and trainB",
}


def open_dataset(
    name: str,
    pictures: Pictures,
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
) -> Collection:
    """Opens a built-in set, a folder or zip, or a TFDS data set.

    Args:
        name: `digits`, `typeset`, `faces`, `facades`, `scenes`, `usps`, a path, or a
            TFDS name (`mnist`, `cycle_gan/horse2zebra`). A path wins over TFDS where it exists.
        pictures: size, channels and fit.
        kind: what the scheme trains on, of `kgan.data.collection.KINDS`.
        layout: of a folder; `auto` looks.
        direction: `AtoB` or `BtoA`, for pairs.
        pairs: how to derive pairs from single pictures, or None.
        palette: RGB colours of a label map.
        data_dir: TFDS' folder of prepared sets.
        manual_dir: folder with the original files of a TFDS set or of `usps`.
        seed: of what is drawn.
        bad_limit: the share of pictures of a folder that may be unreadable and are skipped; None:
            the first one is an error.

    Raises:
        UserError: one line, for whatever cannot be opened or does not fit the scheme.
    """
    if pairs is not None and kind != "paired":
        raise UserError(
            f"--pairs={pairs}: this scheme trains on {kind} pictures; right would be no --pairs"
        )
    colours = None if palette is None else np.array(palette, np.uint8)
    if name == "digits":
        collection = open_digits(pictures)
    elif name == "typeset":
        collection = open_typeset(pictures, seed=seed)
    elif name == "faces":
        collection = open_faces(pictures, seed=seed)
    elif name == "facades":
        collection = open_facades(pictures, seed=seed, direction=direction)
    elif name == "scenes":
        collection = open_scenes(pictures, seed=seed, direction=direction)
    elif name == "usps":
        collection = open_usps(pictures, manual_dir=manual_dir)
    elif os.path.exists(name) or not TFDS_NAME.fullmatch(name):
        collection = open_folder(
            name, pictures, layout=layout, direction=direction, palette=colours
        )
        if bad_limit is not None:
            parts = {k: SkippingSource(part, bad_limit) for k, part in collection.parts.items()}
            collection = dataclasses.replace(collection, parts=parts)
    else:
        collection = open_tfds(name, pictures, data_dir=data_dir, manual_dir=manual_dir)
    if pairs is not None:
        collection = derive_pairs(collection, pairs, seed)
    return _as_kind(collection, kind, name)


def _as_kind(collection, kind, name):
    if collection.kind == kind:
        return collection
    if collection.kind not in SERVES_AS.get(kind, ()):
        raise UserError(
            f"--dataset={printable(name)}: holds {collection.kind} pictures, this scheme trains on "
            f"{kind} ones; {MENDS[kind]}"
        )
    return dataclasses.replace(collection, kind=kind, class_names=())

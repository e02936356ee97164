"""What every data source gives: parts with random access, and what is known about them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from kgan.data.builtin.mixtures import Mixture

# By kind, the fields of an example that a batch is made of; of two domains each has them.
FIELDS = {
    "images": ("image",),
    "labelled": ("image", "label"),
    "attributes": ("image", "attributes"),
    "paired": ("input", "target"),
    "unpaired": ("image",),
    "points": ("image",),
}
KINDS = tuple(FIELDS)


class Source(Protocol):
    """Random access to the decoded examples of one part of a data set.

    Random access, and nothing else, is what makes a batch a function of (seed, step): the order
    is computed by the pipeline and never remembered by an iterator. A source that reads several
    examples faster at once than one by one has a `read_many` besides; call it by the function of
    that name. One of labelled images that knows its labels without reading the images has
    them as `labels`; see `labels_of`.
    """

    def __len__(self) -> int: ...

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns one example; images are uint8, uint16 or float32 in [0, 1], [H, W, C].

        Keys by kind of collection: `image` (of points float32 [D], as they are); `image` and
        `label` (int32 scalar); `image` and `attributes` (float32 [K], 0 or 1); `input` and
        `target`. An unpaired collection has two parts of plain images instead.
        """
        ...


def read_many(source: Source, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """Reads several examples, at once where the source has a way to."""
    many = getattr(source, "read_many", None)
    return [source.read(index) for index in indices] if many is None else many(indices)


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some examples of a part.

    Args:
        source: the part.
        indices: int [N], of the examples in it.
    """

    source: Source
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns the source's example."""
        return self.source.read(int(self.indices[index]))

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns what `read` returns for each of several indices."""
        return read_many(self.source, [int(self.indices[index]) for index in indices])


def labels_of(source: Source) -> np.ndarray:
    """Gives the labels of a part of a labelled collection: int32 [N]."""
    labels = getattr(source, "labels", None)
    if labels is None:
        labels = [source.read(index)["label"] for index in range(len(source))]
    return np.asarray(labels, np.int32)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set as the pipeline sees it.

    Args:
        name: short name for run folders, such as `digits` or `camvid_pairs_128`.
        kind: one of `KINDS`.
        parts: `train` is always there, `validation` and `test` may be. Unpaired collections
            have `train_a`, `train_b`, and perhaps `test_a`, `test_b`.
        description: what was found, one line, printed to the user.
        class_names: for labelled collections; of the attributes, for collections of these.
        palette: uint8 [K, 3], the colours of a label map, where one side of the pairs is one.
        palette_side: `input` or `target`: the side that is a label map.
        noise_floor: mean absolute error in [-1, 1] that the noise of a drawn target alone causes
            on the test part; None where it is not known.
        mixture: what points were drawn from, where that is known.
        features: by which `kgan.metrics.features` its images are compared, where there are some
            that know what they show.
        mirrors: whether a mirrored image could be one of the set. It could not where the
            light always comes from one side.
    """

    name: str
    kind: str
    parts: Mapping[str, Source]
    description: str
    class_names: tuple[str, ...] = ()
    palette: np.ndarray | None = None
    palette_side: str | None = None
    noise_floor: float | None = None
    mixture: Mixture | None = None
    features: str | None = None
    mirrors: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of an example that a batch is made of."""
        return FIELDS[self.kind]

    @property
    def domains(self) -> tuple[str, ...]:
        """What follows `train` and `test` in the names of the parts that belong together."""
        return ("_a", "_b") if self.kind == "unpaired" else ("",)

    @property
    def training_parts(self) -> tuple[str, ...]:
        """The parts that give a training batch, each a field or fields of it, in this order."""
        return tuple(f"train{domain}" for domain in self.domains)

    @property
    def pass_length(self) -> int:
        """Examples in one pass over the training parts: those of the longest."""
        return max(len(self.parts[part]) for part in self.training_parts)


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """How images are brought to the size and the channels that a scheme trains on.

    Args:
        size: (height, width) in pixels of validation and test images.
        train_size: (height, width) of training images; larger than `size` where the
            augmentation crops (286 for 256 in pix2pix).
        channels: 1, 3 or 4; None looks at the images: 1 if all are grey, else 3. Alpha is
            composited over white unless 4 channels are asked for.
        fit: `resize` (stretches to the size) or `crop` (keeps the shape: resizes the shorter
            side, then cuts the middle out).
    """

    size: tuple[int, int]
    train_size: tuple[int, int]
    channels: int | None = None
    fit: str = "resize"

    def size_of(self, part: str) -> tuple[int, int]:
        """Returns (height, width) for a part of the collection."""
        return self.train_size if part.startswith("train") else self.size


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a scheme has to know of a data set to build its networks.

    Args:
        kind: one of `KINDS`.
        size: (height, width) that the networks see.
        channels: of the image, of the target of a pair, or of the images of B.
        input_channels: of the given side of a pair, or of the images of A; equal to `channels`
            otherwise.
        class_names: of a labelled collection, or of the attributes.

    Points of D numbers have the size (1, 1) and D channels.
    """

    kind: str
    size: tuple[int, int]
    channels: int
    input_channels: int
    class_names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what is generated, without the batch: (height, width, channels), or (D,)."""
        return (self.channels,) if self.kind == "points" else (*self.size, self.channels)


def spec_of(collection: Dataset, size: tuple[int, int]) -> DataSpec:
    """Reads the channels off the first training examples."""
    examples = [collection.parts[part].read(0) for part in collection.training_parts]
    first, last = examples[0], examples[-1]
    image = last["target" if collection.kind == "paired" else "image"]
    given = first["input" if collection.kind == "paired" else "image"]
    if collection.kind == "points":
        size = (1, 1)
    channels, input_channels = image.shape[-1], given.shape[-1]
    return DataSpec(collection.kind, size, channels, input_channels, collection.class_names)

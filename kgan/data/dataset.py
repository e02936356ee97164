"""Sources of examples with random access, and data sets made of them."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kgan.data.builtin.mixtures import Mixture
from kgan.data.preparation import Preparation
from kgan.utils.choices import DIRECTIONS
from kgan.utils.errors import UserError

# By kind of data set, the fields of an example that make up a training batch, and what messages
# call the examples. Unpaired data sets have the fields in each of their two domains.
_KINDS = {
    "images": (("image",), "images without labels"),
    "labelled": (("image", "label"), "labelled images"),
    "attributes": (("image", "attributes"), "images with attributes"),
    "paired": (("input", "target"), "image pairs"),
    "unpaired": (("image",), "two unpaired sets of images"),
    "points": (("image",), "points"),
}
KINDS = tuple(_KINDS)
FIELDS = {kind: fields for kind, (fields, _) in _KINDS.items()}
CONTENTS = {kind: contents for kind, (_, contents) in _KINDS.items()}
SINGLE_IMAGES = ("images", "labelled", "attributes")  # the kinds with one image per example


class Source:
    """Random access to the decoded examples of one part of a data set.

    Random access makes a batch a function of (seed, step): the pipeline computes the order, and no
    iterator has to remember it. A subclass defines `__len__`, and `read` or `read_many`.

    Args:
        labels: int32 [N], of sources that know their labels without reading images; else None.
        one_hot: by field, the number of classes of label maps that are read as numbers of classes
            and given to the networks one-hot.

    Example:
        >>> class Levels(Source):
        ...     def __len__(self):
        ...         return 256
        ...     def read(self, index):
        ...         return {"image": np.full((2, 2, 1), index, np.uint8)}
        >>> [int(example["image"].max()) for example in Levels().read_many([3, 7])]
        [3, 7]
    """

    labels = None
    one_hot: Mapping[str, int] = {}

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns one example; images are uint8, uint16 or float32 in [0, 1], [H, W, C].

        The keys depend on the kind of the data set, see `FIELDS`: `image` (for points float32 [D]),
        `label` (int32 scalar), `attributes` (float32 [K] in [0, 1]), `input` and `target`.
        """
        return self.read_many([index])[0]

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns several examples; sources that can override it to read them faster together."""
        return [self.read(index) for index in indices]


def check_direction(direction: str) -> None:
    """Raises UserError for a direction of pairs that there is not."""
    if direction not in DIRECTIONS:
        raise UserError(
            f"--direction={direction}: unknown; right would be {' or '.join(DIRECTIONS)}"
        )


def as_pair(a: np.ndarray, b: np.ndarray, direction: str) -> dict[str, np.ndarray]:
    """Returns an example of pairs: `input` is A for `AtoB`, and B for `BtoA`."""
    return {"input": a, "target": b} if direction == "AtoB" else {"input": b, "target": a}


def plural(number: int, noun: str) -> str:
    """Returns a number with its noun, which has an s unless the number is 1."""
    return f"{number} {noun}" + "s" * (number != 1)


def counts_of(parts: Mapping[str, "Source"]) -> str:
    """Returns how many examples each part has, such as `600 train, 100 test`."""
    return ", ".join(f"{len(source)} {part}" for part, source in parts.items())


def check_index(index: int, count: int) -> None:
    """Raises IndexError for an index outside [0, count)."""
    if not 0 <= index < count:
        raise IndexError(f"`index` must be in [0, {count}). Received: {index}")


@dataclasses.dataclass(frozen=True)
class ArraySource(Source):
    """Random access to images, or points, in memory.

    Args:
        images: uint8 [N, H, W, C], or float32 [N, D] for points.
        labels: int32 [N]; None: there are none.

    Example:
        >>> source = ArraySource(np.zeros((3, 8, 8, 1), np.uint8), np.int32([4, 0, 9]))
        >>> int(source.read(2)["label"])
        9
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image`, and `label` (int32) where there are labels."""
        own = {} if self.labels is None else {"label": self.labels[index]}
        return {"image": self.images[index], **own}


@dataclasses.dataclass(frozen=True)
class Subset(Source):
    """Some examples of another source.

    Args:
        source: the other source.
        indices: int [N], of the examples in it.

    Example:
        >>> points = ArraySource(np.float32([[0], [1], [2]]))
        >>> Subset(points, np.array([2, 0])).read(0)["image"].tolist()
        [2.0]
    """

    source: Source
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def one_hot(self) -> Mapping[str, int]:
        """That of the other source."""
        return self.source.one_hot

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns the examples of the other source."""
        return self.source.read_many([int(self.indices[index]) for index in indices])


def labels_of(source: Source) -> np.ndarray:
    """Returns the labels of a source of labelled images, int32 [N]."""
    labels = source.labels
    if labels is None:
        labels = [source.read(index)["label"] for index in range(len(source))]
    return np.asarray(labels, np.int32)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set: its parts and what is known about its examples.

    Args:
        name: short name for run folders, such as `digits` or `camvid_pairs_128`.
        kind: one of `KINDS`.
        parts: `train`, and where there are any `validation` and `test`. Unpaired data sets have
            `train_a` and `train_b`, and where there are any `test_a` and `test_b`.
        description: one line for the user.
        class_names: names of the classes, or of the attributes.
        palette: uint8 [K, 3], the colours of the label maps on one side of pairs.
        palette_side: `input` or `target`: the side with the label maps.
        label_sides: the sides of pairs that are label maps, also without a common palette.
        preparations: how the files of inputs and targets, of domains A and B, or twice how those of
            single images become arrays; None: as `DataSpec` makes them up.
        noise_floor: mean absolute error in [-1, 1] that the noise of rendered targets alone causes
            on the test part; None: unknown.
        mixture: the distribution that points were sampled from; None: unknown.
        features: the features in `kgan.metrics.features` that were trained on such images; None:
            there are none.
        content: of folders and zips, what identifies the images of each part, see
            `kgan.data.folder.content`.
        mirrors: whether a mirrored image could belong to the data set. Not so where the light
            always comes from one side.

    Example:
        >>> parts = {"train": ArraySource(np.zeros((5, 2), np.float32))}
        >>> dataset = Dataset("zeros", "points", parts, "5 points")
        >>> dataset.training_parts, dataset.pass_length
        (('train',), 5)
    """

    name: str
    kind: str
    parts: Mapping[str, Source]
    description: str
    class_names: tuple[str, ...] = ()
    palette: np.ndarray | None = None
    palette_side: str | None = None
    label_sides: tuple[str, ...] = ()
    preparations: tuple[Preparation, Preparation] | None = None
    noise_floor: float | None = None
    mixture: Mixture | None = None
    features: str | None = None
    mirrors: bool = True
    content: Mapping[str, Mapping] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of an example that make up a training batch."""
        return FIELDS[self.kind]

    @property
    def domains(self) -> tuple[str, ...]:
        """The suffixes of part names: `_a` and `_b` for unpaired data sets, else an empty one."""
        return ("_a", "_b") if self.kind == "unpaired" else ("",)

    @property
    def training_parts(self) -> tuple[str, ...]:
        """The names of the parts that give a training batch, in the order of its elements."""
        return tuple(f"train{domain}" for domain in self.domains)

    @property
    def pass_length(self) -> int:
        """The number of examples in one pass: that of the longest training part."""
        return max(len(self.parts[part]) for part in self.training_parts)


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """The size and channels to which images are converted.

    Args:
        size: (height, width) in pixels of validation and test images; None: each its own.
        train_size: (height, width) of training images; larger than `size` where the augmentation
            crops (286 for 256 in pix2pix).
        channels: 1, 3 or 4; None: 1 if all images are grey, else 3. Alpha is composited over white
            unless there are 4 channels.
        fit: `resize` or `crop`, as in `Preparation`.

    Example:
        >>> ImageFormat((256, 256), (286, 286)).size_of("train_a")
        (286, 286)
    """

    size: tuple[int, int] | None
    train_size: tuple[int, int] | None
    channels: int | None = None
    fit: str = "resize"

    def size_of(self, part: str) -> tuple[int, int] | None:
        """Returns (height, width) for a part of a data set."""
        return self.train_size if part.startswith("train") else self.size

    def shape_of(self, part: str, channels: int, nearest: bool = False) -> Preparation:
        """Returns how the images of a part are prepared."""
        return Preparation(self.size_of(part), channels, self.fit, nearest)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a model has to know about a data set to build its networks.

    Args:
        kind: one of `KINDS`.
        size: (height, width) of the networks' images; (1, 1) for points.
        channels: of the images, of the targets of pairs, of domain B, or coordinates of a point.
        input_channels: of the inputs of pairs or of domain A; else equal to `channels`.
        class_names: names of the classes, or of the attributes.
        split_rule: version of the rule by which examples were held out for validation, see
            `kgan.data.splits.with_validation`; 1 in runs of versions that did not store it.
        fit: `resize` or `crop`, as the images were made to fit.
        label_maps: whether the inputs of pairs are label maps, which are resized by nearest
            neighbour; None: unknown, in runs of versions that did not store it.
        content: what identifies the images, see `Dataset`; None: unknown.
        input_preparation: how a file becomes an input of pairs, or an image of domain A.
        preparation: how a file becomes a target, an image of domain B or a single image. Both are
            made of the other fields where they are None, as in runs of earlier versions.

    Example:
        >>> DataSpec("points", (1, 1), 2, 2).shape
        (2,)
    """

    kind: str
    size: tuple[int, int]
    channels: int
    input_channels: int
    class_names: tuple[str, ...] = ()
    # What the networks do not depend on is not compared.
    split_rule: int = dataclasses.field(default=1, compare=False)
    fit: str = dataclasses.field(default="resize", compare=False)
    label_maps: bool | None = dataclasses.field(default=None, compare=False)
    content: Mapping[str, Mapping] | None = dataclasses.field(default=None, compare=False)
    input_preparation: Preparation | None = dataclasses.field(default=None, compare=False)
    preparation: Preparation | None = dataclasses.field(default=None, compare=False)

    @property
    def preparations(self) -> tuple[Preparation, Preparation] | None:
        """Those of inputs and of targets; None for points."""
        if self.kind == "points":
            return None
        own = self.input_preparation, self.preparation
        channels, nearest = (self.input_channels, self.channels), (bool(self.label_maps), False)
        return tuple(
            found or Preparation(self.size, count, self.fit, maps)
            for found, count, maps in zip(own, channels, nearest, strict=True)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one generated example: (height, width, channels), or (D,) for points."""
        return (self.channels,) if self.kind == "points" else (*self.size, self.channels)


def preparations_of(
    dataset: Dataset, size: tuple[int, int] | None = None, fit: str = "resize"
) -> tuple[Preparation, Preparation]:
    """Returns how the images of a data set are prepared, see `Dataset.preparations`.

    Args:
        dataset: where it does not know, its first training examples are read.
        size: (height, width) of the networks' images.
        fit: how images were made to fit.
    """
    if dataset.preparations is not None:
        return tuple(
            dataclasses.replace(found, size=size, fit=fit) for found in dataset.preparations
        )
    made = []
    for number, field in ((0, dataset.fields[0]), (-1, "target")):
        field = field if field in dataset.fields else "image"
        image = dataset.parts[dataset.training_parts[number]].read(0)[field]
        palette = ()
        if dataset.palette is not None and dataset.palette_side == field:
            palette = tuple(tuple(map(int, colour)) for colour in dataset.palette)
        depth = {"uint8": 8, "uint16": 16}.get(image.dtype.name)
        nearest = field in (*dataset.label_sides, dataset.palette_side)
        how = {"nearest": nearest, "palette": palette, "depth": depth}
        made.append(Preparation(size, image.shape[-1], fit, **how))
    return tuple(made)


def spec_of(dataset: Dataset, size: tuple[int, int], fit: str = "resize") -> DataSpec:
    """Describes a data set for a model; `size` and `fit` are those of the networks' images."""
    own = {"class_names": dataset.class_names, "fit": fit, "content": dataset.content}
    if dataset.kind == "points":
        count = dataset.parts["train"].read(0)["image"].shape[-1]
        return DataSpec(dataset.kind, (1, 1), count, count, label_maps=False, **own)
    given, wanted = preparations_of(dataset, size, fit)
    own |= {"input_preparation": given, "preparation": wanted}
    own["label_maps"] = dataset.kind == "paired" and given.nearest
    return DataSpec(dataset.kind, size, wanted.channels, given.channels, **own)

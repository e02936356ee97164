"""The one description of how an image becomes an array, which travels with runs and exports."""

import dataclasses
from collections.abc import Mapping

import numpy as np

FITS = ("resize", "crop")
COLOUR_CHANNELS = (1, 3, 4)
ENCODINGS = ("values", "ids", "one_hot")
DEPTHS = (8, 16, 32)
VOID, DEEP_VOID = 255, 65535  # the level that stands for no class, in 8 and in 16 bits


@dataclasses.dataclass(frozen=True)
class Preparation:
    """How the file of an image becomes an array for the networks.

    Training, `generate`, `evaluate` and the signatures of an export that take files follow it. It
    is found once, from the training data and the flags, and stored in `dataset.json`.

    Args:
        size: (height, width) in pixels; None: the image's own.
        channels: of the array: 1, 3 or 4 for values; the number of classes for the others.
        fit: `resize` (changes the aspect ratio) or `crop` (keeps it and crops the centre).
        nearest: nearest-neighbour instead of bicubic interpolation, for label maps.
        encoding: `values` (levels or colours), `ids` (label maps whose levels, or indices of a
            palette, are numbers of classes, given one-hot) or `one_hot` (label maps in the colours
            of `palette`, given one-hot by the nearest colour).
        void: the level of pixels without a class, of which no channel is set; for `ids`.
        palette: RGB colours of label maps, in 0 … 255; empty: none are known.
        depth: bits of a level: 8, 16, or 32 for floating point. Files of another depth are scaled
            from their own white to it. None: each file has its own.
        value_range: (low, high), the levels of a file of this depth that become -1 and 1; None:
            black and white.

    Alpha is composited over white unless there are 4 channels, and the EXIF orientation is applied.

    Example:
        >>> Preparation((8, 8), 12, nearest=True, encoding="ids", void=255).classes
        12
    """

    size: tuple[int, int] | None = None
    channels: int = 3
    fit: str = "resize"
    nearest: bool = False
    encoding: str = "values"
    void: int | None = None
    palette: tuple[tuple[int, int, int], ...] = ()
    depth: int | None = None
    value_range: tuple[float, float] | None = None

    def __post_init__(self):
        if self.fit not in FITS:
            raise ValueError(f"`fit` must be 'resize' or 'crop'. Received: fit={self.fit!r}")
        if self.encoding not in ENCODINGS:
            raise ValueError(
                f"`encoding` must be one of {', '.join(ENCODINGS)}. Received: {self.encoding!r}"
            )
        if not self.classes and self.channels not in COLOUR_CHANNELS:
            raise ValueError(f"`channels` must be 1, 3 or 4. Received: channels={self.channels}")
        if self.encoding == "one_hot" and len(self.palette) != self.channels:
            raise ValueError("`channels` must be the number of colours of `palette`")
        if self.depth not in (None, *DEPTHS):
            raise ValueError(f"`depth` must be 8, 16 or 32. Received: depth={self.depth}")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"`value_range` must rise. Received: {self.value_range}")
        if self.depth == 32 and self.value_range is None:
            raise ValueError("`value_range` is needed for `depth` 32")

    @property
    def classes(self) -> int:
        """The number of classes of label maps that are given one-hot; else 0."""
        return self.channels if self.encoding != "values" else 0

    @property
    def file_channels(self) -> int:
        """The channels in which a file is read, before it is encoded: 1, 3 or 4."""
        return {"ids": 1, "one_hot": 3}.get(self.encoding, self.channels)

    @property
    def smallest(self) -> int | None:
        """How small the sides of a JPEG may be decoded; None: only at their full size.

        A JPEG can be decoded at a half, a quarter or an eighth of its size, several times faster.
        Staying at twice the wanted size leaves the last halving to the better filter.
        """
        return None if self.size is None or self.nearest else 2 * max(self.size)

    @property
    def void_number(self) -> int:
        """What arrays of numbers of classes have where there is no class."""
        return VOID if self.classes <= VOID else DEEP_VOID

    def describe(self) -> str:
        """Says what the images are, for the user.

        Example:
            >>> Preparation(channels=1, depth=16).describe()
            'grey images of 16 bits, levels 0 to 65535'
        """
        if self.encoding == "ids":
            return f"label maps of {self.classes} classes as numbers ({self.void}: none), one-hot"
        if self.palette:
            return f"label maps of {len(self.palette)} colours{', one-hot' if self.classes else ''}"
        colours = {1: "grey images", 3: "images of 3 channels", 4: "images of 4 channels (alpha)"}
        depth = self.depth or 8
        low, high = self.value_range or (0, 2**depth - 1)
        bits = "floating point" if depth == 32 else f"{depth} bits"
        maps = ", resized by nearest neighbour" if self.nearest else ""
        return f"{colours[self.channels]} of {bits}, levels {low:g} to {high:g}{maps}"

    def of_size(self, size: tuple[int, int] | None) -> "Preparation":
        """Returns the preparation for another size."""
        return dataclasses.replace(self, size=size)

    def as_dict(self) -> dict:
        """Returns the fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping) -> "Preparation":
        """Makes a preparation of what `as_dict` returned, also after a way through JSON.

        Raises:
            ValueError, TypeError: the fields are damaged.
        """
        fields = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in fields.items()}
        fields["palette"] = tuple(map(tuple, fields.get("palette", ())))
        return cls(**fields)


def to_domain(array: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Converts an array as `kgan.data.shaping.shape_image` gives it to float32 in [-1, 1].

    Args:
        array: uint8, uint16 or float32-in-[0, 1] [..., C]; of label maps that are given one-hot,
            numbers of classes [..., 1].
        preparation: the one with which the image was read.

    Returns:
        float32 [..., C] in [-1, 1]; one-hot is 1 in the class and -1 elsewhere.

    Example:
        >>> maps = Preparation(channels=3, nearest=True, encoding="ids", void=255)
        >>> to_domain(np.uint8([[[1], [255]]]), maps).tolist()
        [[[-1.0, 1.0, -1.0], [-1.0, -1.0, -1.0]]]
    """
    if preparation.classes:
        hot = array == np.arange(preparation.classes)
        return np.where(hot, np.float32(1), np.float32(-1))
    if array.dtype.kind == "f":
        return array * np.float32(2) - np.float32(1)
    return array.astype(np.float32) * np.float32(2.0 / np.iinfo(array.dtype).max) - np.float32(1)

"""Names that the command line and the library share, importable without TensorFlow."""

import dataclasses

OPTIMIZERS = ("adam", "rmsprop", "sgd", "momentum", "adagrad", "adadelta")
LAYOUTS = ("auto", "unpaired", "paired", "paired_folders", "labelled", "images")
DERIVED_PAIRS = ("edges", "grey", "lowres", "noisy", "masked")
DIRECTIONS = ("AtoB", "BtoA")
PUBLISH = ("auto", "better", "always", "never")
PARTS = ("train", "validation", "test")
FORMATS = ("png", "jpg", "webp", "tiff")


@dataclasses.dataclass(frozen=True)
class Ids:
    """The value of `--palette` for label maps whose levels are numbers of classes.

    Args:
        classes: how many there are; None: one more than the largest number in the files.

    Example:
        >>> Ids(12).classes
        12
    """

    classes: int | None = None

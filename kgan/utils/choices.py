"""Names that the command line and the library share, importable without TensorFlow."""

OPTIMIZERS = ("adam", "rmsprop", "sgd", "momentum", "adagrad", "adadelta")
LAYOUTS = ("auto", "unpaired", "paired", "paired_folders", "labelled", "images")
DERIVED_PAIRS = ("edges", "grey", "lowres", "noisy", "masked")
DIRECTIONS = ("AtoB", "BtoA")
PUBLISH = ("auto", "better", "always", "never")
PARTS = ("train", "validation", "test")
FORMATS = ("png", "jpg", "webp", "tiff")

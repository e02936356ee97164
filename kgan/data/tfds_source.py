"""Any image data set of tensorflow-datasets, by name, with random access."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from kgan.data.collection import Collection, Pictures
from kgan.data.pictures import shape_picture
from kgan.errors import UserError

HELD_OUT = 10  # percent of the training part, where there is no test part


@dataclasses.dataclass(frozen=True)
class TFDSSource:
    """Reads one split; the file format gives random access.

    Args:
        split: what `tfds.builder(...).as_data_source` returns.
        labelled: whether there is a `label`.
        prepare: brings uint8 [H, W, C] to the size and the channels.
    """

    split: object
    labelled: bool
    prepare: Callable[[np.ndarray], np.ndarray]

    def __len__(self):
        return len(self.split)

    def read(self, index):
        """Returns `image` uint8 [H, W, C], and `label` int32 where there is one."""
        example = self.split[int(index)]
        fields = {"image": self.prepare(example["image"])}
        if self.labelled:
            fields["label"] = np.int32(example["label"])
        return fields


def open_tfds(
    name: str, pictures: Pictures, *, data_dir: str | None = None, manual_dir: str | None = None
) -> Collection:
    """Opens a TFDS data set, preparing it on first use.

    Args:
        name: such as `mnist` or `cifar10`.
        pictures: size and channels.
        data_dir: where prepared data sets are kept; TFDS' own default otherwise.
        manual_dir: a folder with the original files, used in place of a download.

    Raises:
        UserError: on an unknown name, one without pictures, or files that cannot be had.
    """
    # Here and not above: importing it takes a second, which the built-in sets need not pay.
    import tensorflow_datasets as tfds

    # Its own progress bars and notes would bury the line that says what is missing.
    tfds.logging.set_verbosity(tfds.logging.ERROR)
    try:
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:
        raise UserError(
            f"--dataset={name}: neither built in, nor a folder or zip, nor a TFDS name"
        ) from error
    features = builder.info.features
    if "image" not in features:
        raise UserError(f"--dataset={name}: has no pictures, only {', '.join(features)}")
    _prepare(builder, name, manual_dir)
    channels = pictures.channels or features["image"].shape[-1] or 3
    labelled = "label" in features

    def source(split, part):
        return TFDSSource(
            builder.as_data_source(split), labelled,
            lambda array: shape_picture(
                _image(array), name, pictures.size_of(part), channels, pictures.fit
            ),
        )  # fmt: skip

    if "test" in builder.info.splits:
        splits = {"train": "train", "test": "test"}
    else:
        splits = {"train": f"train[:-{HELD_OUT}%]", "test": f"train[-{HELD_OUT}%:]"}
    parts = {part: source(split, part) for part, split in splits.items()}
    names = tuple(features["label"].names) if labelled else ()
    counts = ", ".join(f"{len(source)} {part}" for part, source in parts.items())
    return Collection(
        name=name,
        kind="labelled" if labelled else "images",
        parts=parts,
        description=f"{name} (TFDS {builder.info.version}): {len(names)} classes, {counts}",
        class_names=names,
    )


def _image(array):
    """Wraps uint8 [H, W, C] for Pillow, which has no third axis for grey."""
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def _prepare(builder, name, manual_dir):
    import tensorflow_datasets as tfds

    if manual_dir is not None and not pathlib.Path(manual_dir).is_dir():
        raise UserError(f"--manual_dir={manual_dir}: no such folder")
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    try:
        builder.download_and_prepare(download_config=config)
    # A missing network and missing manual files come as any of these, TFDS has no class for it.
    except (OSError, AssertionError, tfds.download.DownloadError, RuntimeError) as error:
        if pathlib.Path(builder.data_path).exists():
            raise
        wanted = sorted({url.rpartition("/")[2] for url in _urls(builder)})
        files = f"the files {', '.join(wanted)}" if wanted else "its original files"
        raise UserError(
            f"--dataset={name}: not prepared, and cannot be downloaded "
            f"({' '.join(str(error).split())[:120]}); put {files} into a folder and give it "
            "as --manual_dir="
        ) from error


def _urls(builder):
    """Reads which addresses the builder's checksum file names."""
    infos = builder.url_infos if hasattr(builder, "url_infos") else {}
    return list(infos or {})

"""Image data sets of tensorflow-datasets (TFDS), with random access."""

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence

import numpy as np

from kgan.data.dataset import Dataset, ImageFormat, Source
from kgan.data.preparation import Preparation
from kgan.data.shaping import read_image
from kgan.data.tfds.preparation import FORMAT, find_builder, prepare, quieten, reason
from kgan.utils.errors import UserError, printable

HELD_OUT = 10  # percent of the training part, where there is no other part for tests
CHUNK = 4096  # records read at once for their labels
PARTS = {"train": "train", "validation": "validation", "test": "test"}
UNPAIRED = {"train_a": "trainA", "train_b": "trainB", "test_a": "testA", "test_b": "testB"}


@dataclasses.dataclass(frozen=True)
class TFDSSource(Source):
    """Random access to one split.

    Args:
        split: what `builder.as_data_source` returns, with records as bytes.
        name: name of the data set in messages.
        shape: size and channels of the images.
        classes: number of classes; 0: there is no `label`.

    Example:
        >>> dataset = open_tfds("mnist", ImageFormat((28, 28), (28, 28)))  # doctest: +SKIP
        >>> dataset.parts["train"].read(0)["image"].shape  # doctest: +SKIP
        (28, 28, 1)
    """

    split: Sequence
    name: str
    shape: Preparation
    classes: int

    def __len__(self) -> int:
        return len(self.split)

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns `image` (uint8 or uint16 [H, W, C]), and `label` (int32) if there is one.

        Reading records one by one takes longer than decoding small images.
        """
        examples = []
        for called, encoded, label in self._records([range(len(self))[i] for i in indices]):
            image = read_image(encoded, called, self.shape)
            examples.append({"image": image} | ({"label": np.int32(label)} if self.classes else {}))
        return examples

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of all records, int32 [N], read without decoding images; None: no labels."""
        if not self.classes:
            return None
        starts = range(0, len(self), CHUNK)
        chunks = (range(start, min(start + CHUNK, len(self))) for start in starts)
        return np.array([label for c in chunks for _, _, label in self._records(list(c))], np.int32)

    def _records(self, indices: list[int]) -> Iterator[tuple[str, bytes, int | None]]:
        """Yields the name in messages, the encoded image and the label of each record."""
        # Imported here for the reason in `open_tfds`.
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        with _report_damage(self.name, self.split.dataset_info):
            records = self.split.__getitems__(indices)
        for index, record in zip(indices, records, strict=True):
            called = f"{self.name}, image {index}"
            try:
                features = tf.train.Example.FromString(record).features.feature
                encoded = features["image"].bytes_list.value[0]
                label = features["label"].int64_list.value[0] if self.classes else None
            except (DecodeError, IndexError) as error:
                raise UserError(
                    f"{called}: the record is damaged; right would be a data set that is prepared "
                    "again"
                ) from error
            if label is not None and not 0 <= label < self.classes:
                raise UserError(f"{called}: label {label}; right would be 0 to {self.classes - 1}")
            yield called, encoded, label


def open_tfds(
    name: str, images: ImageFormat, *, data_dir: str | None = None, manual_dir: str | None = None
) -> Dataset:
    """Opens a TFDS data set, which is prepared on first use.

    Args:
        name: such as `mnist`, `cycle_gan/horse2zebra` or `mnist:3.0.1`.
        images: size and channels.
        data_dir: folder of prepared data sets; None: TFDS's default. A data set that is there in a
            format without random access is prepared again, in `array_record/`.
        manual_dir: a folder with the original files, used instead of a download.

    Returns:
        A data set of kind `labelled` where TFDS has one class per image, `unpaired` where it has
        `trainA` and `trainB`, else `images`. A missing test part is replaced by the validation
        part, or by the last tenth of the training part.
    """
    # Imported here because it takes a second, which the built-in data sets do not need.
    import tensorflow_datasets as tfds

    quieten()
    if manual_dir is not None:
        manual_dir = os.path.expanduser(manual_dir)
        if not os.path.isdir(manual_dir):
            raise UserError(
                f"--manual_dir={printable(manual_dir)}: no such folder; right would be the folder "
                "with the original files"
            )
    builder = find_builder(name, data_dir)
    _check_images(tfds, name, builder.info.features)
    if not builder.is_prepared():
        builder = prepare(name, builder, data_dir, manual_dir)
    return _collect(tfds, name, images, builder)


def _check_images(tfds, name, features):
    known = dict(features.items()) if features else {}
    image = known.get("image")
    if not isinstance(image, tfds.features.Image):
        raise UserError(
            f"--dataset={name}: has no images, only {', '.join(known) or 'records'}; right would "
            "be a data set with an `image`"
        )
    if np.dtype(image.np_dtype) not in (np.uint8, np.uint16):
        raise UserError(
            f"--dataset={name}: has images of {np.dtype(image.np_dtype)}; right would be 8 or "
            "16 bits a channel"
        )


def _collect(tfds, name, images, builder) -> Dataset:
    features = builder.info.features
    # The features say 3 even where single images are grey; alpha is used only on request.
    channels = images.channels or (1 if features["image"].shape[-1] == 1 else 3)
    labelled = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)
    kind, splits, note = _splits(name, builder.info.splits, labelled)
    class_names = tuple(features["label"].names) if kind == "labelled" else ()
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    how, parts = {"deserialize_method": raw, "file_format": FORMAT}, {}
    with _report_damage(name, builder.info):
        for part, split in splits.items():
            data, shape = builder.as_data_source(split, **how), images.shape_of(part, channels)
            parts[part] = TFDSSource(data, name, shape, len(class_names))
    counts = [f"{len(source)} {part.replace('_', ' ')}" for part, source in parts.items()]
    classes = [f"{len(class_names)} classes"] if class_names else []
    return Dataset(
        name=re.sub(r"\W+", "_", name),
        kind=kind,
        parts=parts,
        description=f"{name} (TFDS {builder.info.version}): {', '.join(classes + counts)}{note}",
        class_names=class_names,
        features="digits" if re.match(r"mnist\b", name) else None,
    )


def _splits(name, splits, labelled) -> tuple[str, dict[str, str], str]:
    """Returns the kind, the splits by part, and a note for the user."""
    if "trainA" in splits and "trainB" in splits:
        return "unpaired", {part: s for part, s in UNPAIRED.items() if s in splits}, ""
    kind = "labelled" if labelled else "images"
    if "train" not in splits:
        raise UserError(
            f"--dataset={name}: has no part to train on, only {', '.join(sorted(splits))}; right "
            "would be one with a `train` part"
        )
    found = {part: split for part, split in PARTS.items() if split in splits}
    if "test" in found:
        return kind, found, ""
    if "validation" in found:
        return kind, {"train": "train", "test": "validation"}, "; test is TFDS' validation part"
    held_out = max(1, splits["train"].num_examples * HELD_OUT // 100)
    note = f"; test held out of train (the last {HELD_OUT}%)"
    return kind, {"train": f"train[:-{held_out}]", "test": f"train[-{held_out}:]"}, note


@contextlib.contextmanager
def _report_damage(name, info) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise UserError(
            f"--dataset={name}: {printable(str(info.data_dir))} is damaged ({reason(error)}); "
            "right would be to delete that folder, so that it is prepared again"
        ) from error

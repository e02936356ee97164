"""Any image data set of tensorflow-datasets, by name, with random access."""

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence

import numpy as np

from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import printable, read_image
from kgan.data.tfds.preparation import FORMAT, find_builder, prepare, quieten, reason
from kgan.utils.errors import UserError

HELD_OUT = 10  # percent of the training part, where there is no other part to test on
CHUNK = 4096  # records fetched at once for their labels
PARTS = {"train": "train", "validation": "validation", "test": "test"}
UNPAIRED = {"train_a": "trainA", "train_b": "trainB", "test_a": "testA", "test_b": "testB"}


@dataclasses.dataclass(frozen=True)
class TFDSSource:
    """Reads one split; the file format gives random access.

    Args:
        split: what `builder.as_data_source` returns, giving records as bytes.
        name: what messages call the data set.
        size: (height, width) in pixels.
        channels: 1, 3 or 4.
        fit: as in `ImageFormat`.
        classes: how many classes there are; 0 where there is no `label`.
    """

    split: Sequence
    name: str
    size: tuple[int, int]
    channels: int
    fit: str
    classes: int

    def __len__(self) -> int:
        return len(self.split)

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Returns `image` (uint8 or uint16 [H, W, C]), and `label` (int32) if there is one."""
        return self.read_many([index])[0]

    def read_many(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Returns what `read` returns for each of several indices.

        Fetching records one by one takes longer than decoding small images.

        Raises:
            UserError: the prepared files are damaged, an image is, or a label is out of range.
        """
        places = [range(len(self))[index] for index in indices]
        with _damage_is_named(self.name, self.split.dataset_info):
            records = self.split.__getitems__(places)
        return [self._decode(*pair) for pair in zip(places, records, strict=True)]

    @property
    def labels(self) -> np.ndarray | None:
        """Reads the labels of all records, int32 [N], without decoding an image."""
        if not self.classes:
            return None
        labels = np.empty(len(self), np.int32)
        for start in range(0, len(self), CHUNK):
            places = range(start, min(start + CHUNK, len(self)))
            with _damage_is_named(self.name, self.split.dataset_info):
                records = self.split.__getitems__(list(places))
            for place, record in zip(places, records, strict=True):
                labels[place] = self._fields(place, record)[1]
        return labels

    def _decode(self, place: int, record: bytes) -> dict[str, np.ndarray]:
        encoded, label = self._fields(place, record)
        called = self._called(place)
        image = read_image(encoded, called, self.size, self.channels, self.fit)
        return {"image": image} if label is None else {"image": image, "label": np.int32(label)}

    def _called(self, place: int) -> str:
        return f"{self.name}, image {place}"

    def _fields(self, place: int, record: bytes) -> tuple[bytes, int | None]:
        """Takes the encoded image and the label out of a record."""
        # Here for the reason in `open_tfds`.
        import tensorflow as tf
        from google.protobuf.message import DecodeError

        try:
            features = tf.train.Example.FromString(record).features.feature
            encoded = features["image"].bytes_list.value[0]
            label = features["label"].int64_list.value[0] if self.classes else None
        except (DecodeError, IndexError) as error:
            raise UserError(
                f"{self._called(place)}: the record is damaged; right would be a set that is "
                "prepared again"
            ) from error
        if label is not None and not 0 <= label < self.classes:
            raise UserError(
                f"{self._called(place)}: label {label}; right would be 0 to {self.classes - 1}"
            )
        return encoded, label


def open_tfds(
    name: str, images: ImageFormat, *, data_dir: str | None = None, manual_dir: str | None = None
) -> Dataset:
    """Opens a TFDS data set, preparing it on first use.

    Args:
        name: such as `mnist`, `cycle_gan/horse2zebra` or `mnist:3.0.1`.
        images: size and channels.
        data_dir: where prepared data sets are kept; TFDS' own default otherwise. A set that lies
            there in a format without random access is prepared again, in `array_record/`.
        manual_dir: a folder with the original files, used in place of a download.

    Returns:
        `labelled` images where TFDS has one class an image, `unpaired` ones where it has
        `trainA` and `trainB`, else `images`. Without a test part, the validation part serves as
        one, or the last tenth of the training part.

    Raises:
        UserError: on an unknown name, one without images, or files that cannot be had.
    """
    # Here and not above: importing it takes a second, which the built-in sets need not pay.
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
            "be a set with an `image`"
        )
    if np.dtype(image.np_dtype) not in (np.uint8, np.uint16):
        raise UserError(
            f"--dataset={name}: has images of {np.dtype(image.np_dtype)}; right would be 8 or "
            "16 bits a channel"
        )


def _collect(tfds, name, images, builder) -> Dataset:
    features = builder.info.features
    # The set says 3 even where single images are grey; alpha is wanted only by who asks for it.
    channels = images.channels or (1 if features["image"].shape[-1] == 1 else 3)
    labelled = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)
    kind, splits, note = _splits(name, builder.info.splits, labelled)
    class_names = tuple(features["label"].names) if kind == "labelled" else ()
    with _damage_is_named(name, builder.info):
        parts = {
            part: TFDSSource(
                builder.as_data_source(
                    split,
                    deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
                    file_format=FORMAT,
                ),
                name,
                images.size_of(part),
                channels,
                images.fit,
                len(class_names),
            )
            for part, split in splits.items()
        }
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
def _damage_is_named(name, info) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise UserError(
            f"--dataset={name}: {printable(str(info.data_dir))} is damaged ({reason(error)}); "
            "right would be to delete that folder, so that it is prepared again"
        ) from error

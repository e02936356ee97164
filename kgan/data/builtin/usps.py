"""The data set `usps`: 9,298 digits from envelopes, from the two original files.

It is read directly, without a builder of tensorflow-datasets, which would have to be registered in
every process and would store a second copy under `--data_dir`. Reading both files takes a second,
and errors can name the line.

Reference: LeCun et al. 1990, "Handwritten digit recognition with a back-propagation network"; the
"ZIP code" data of Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning".
"""

import gzip
import os
import zlib

import numpy as np

from kgan.data.builtin.digits import digits_dataset, resized_source
from kgan.data.dataset import Dataset, ImageFormat
from kgan.data.decode import printable
from kgan.utils.errors import UserError

FILES = {"train": ("zip.train.gz", 7291), "test": ("zip.test.gz", 2007)}
SIDE = 16
LONGEST = 1 << 26  # unpacked bytes, several times the larger file


def open_usps(images: ImageFormat, *, manual_dir: str | None) -> Dataset:
    """Opens the labelled digits, white on black; the default is one channel.

    Args:
        images: any size; the originals are 16x16.
        manual_dir: the folder with `zip.train.gz` and `zip.test.gz`.
    """
    names = " and ".join(name for name, _ in FILES.values())
    right = f"right would be a folder with {names}"
    if manual_dir is None:
        raise UserError(f"--manual_dir is missing: --dataset=usps is not downloaded; {right}")
    folder = os.path.expanduser(manual_dir)
    parts = {}
    for part, (name, count) in FILES.items():
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise UserError(f"--manual_dir={printable(manual_dir)}: has no {name}; {right}")
        parts[part] = resized_source(*read_digits(path, count), name, part, images)
    return digits_dataset("usps", parts)


def read_digits(path: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a gzipped file of one image per line: the digit, then 256 numbers from -1 to 1.

    Args:
        path: of the file.
        count: number of images in the original file.

    Returns:
        uint8 [count, 16, 16], 255 for ink, and labels int32 [count].
    """
    where = printable(path)
    try:
        with gzip.open(path) as file:
            text = file.read(LONGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{where}: cannot be unpacked ({error}); right would be the original file"
        ) from error
    lines = text.splitlines()
    if len(lines) != count:
        raise UserError(f"{where}: has {len(lines)} lines; right would be {count}")
    rows = np.empty((count, 1 + SIDE * SIDE))
    for number, line in enumerate(lines):
        try:
            rows[number] = line.split()
        except ValueError as error:
            raise _wrong(where, number) from error
    # NaN fails both comparisons.
    digits, values = rows[:, 0], rows[:, 1:]
    valid = np.isin(digits, range(10)) & ((values >= -1) & (values <= 1)).all(1)
    if not valid.all():
        raise _wrong(where, int(np.argmin(valid)))
    levels = np.rint((values + 1) * 127.5).astype(np.uint8)
    return levels.reshape(count, SIDE, SIDE), digits.astype(np.int32)


def _wrong(where: str, number: int) -> UserError:
    return UserError(
        f"{where}, line {number + 1}: damaged; right would be a digit and {SIDE * SIDE} numbers "
        "from -1 to 1"
    )

"""Small folders and zips of images for tests."""

import zipfile

import numpy as np
from PIL import Image

from kgan.data.dataset import ImageFormat

SMALL = ImageFormat((8, 8), (8, 8))


def numbered(folder, count, suffix=".png"):
    return [f"{folder}/{i}{suffix}" for i in range(count)]


def save(path, image):
    """Saves an image or an array, and makes the folders for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    image.save(path)
    return path


def plain(colour=(200, 100, 50), size=(8, 8)):
    """Makes an image of one colour, or of one level; size is (width, height)."""
    return Image.new("RGB" if isinstance(colour, tuple) else "L", size, colour)


def save_all(root, names, **how):
    for name in names:
        save(root / name, plain(**how))
    return root


def double(left, right, size=(20, 10)):
    """Makes a double-width image of two colours."""
    image = plain(left, size)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def pack(root, path, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, prefix + file.relative_to(root).as_posix())
    return path


def counts(dataset):
    return {part: len(examples) for part, examples in dataset.parts.items()}

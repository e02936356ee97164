"""Files that `kgan.generate` writes."""

import pathlib

from PIL import Image

from kgan.utils.atomic import atomic_write, make_folder
from kgan.utils.errors import UserError


def output_path(run: str, out: str | None, default: str, needs_png: str = "") -> pathlib.Path:
    """Returns where to write: `--out`, or a default name in the run folder.

    Args:
        run: the run folder.
        out: the value of `--out`.
        default: a file or folder name.
        needs_png: the reason why it has to be a single PNG file, if it has to.
    """
    path = pathlib.Path(out or f"{run}/{default}")
    if needs_png and path.suffix != ".png":
        raise UserError(f"--out={out}: {needs_png}; give a name that ends in .png")
    return path


def save_png(image: Image.Image, path: pathlib.Path) -> pathlib.Path:
    """Writes an image, and its folder where there is none; returns the path."""
    make_folder(path.parent, f"--out={path}")
    with atomic_write(path) as place:
        image.save(place, "PNG")
    return path

"""Parsers of the values of flags; each raises a `UserError` that names the flag."""

import math
import re

from kgan.utils.choices import Ids
from kgan.utils.errors import UserError

SIZE_LIMITS = (8, 1024)
MAX_SEEDS = 100_000
MAX_NAME = 200  # bytes: file systems take 255, with the number before it
MOST_CLASSES = 4096  # of label maps


def parse_size(flag: str, text: str) -> tuple[int, int]:
    """Parses N or HxW as (height, width) in pixels.

    Example:
        >>> parse_size("image_size", "128x256")
        (128, 256)
    """
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    low, high = SIZE_LIMITS
    if not all(low <= side <= high for side in size):
        raise UserError(
            f"--{flag}={text}: must be N or HxW in pixels, {low} to {high}, such as 128 or 128x256"
        )
    return size


def parse_palette(flag: str, text: str) -> tuple[tuple[int, int, int], ...] | Ids:
    """Parses RRGGBB,RRGGBB,… as RGB triples in 0..255, at least two; or ids, or ids:N, as `Ids`.

    Example:
        >>> parse_palette("palette", "000000,ff0080"), parse_palette("palette", "ids:12")
        (((0, 0, 0), (255, 0, 128)), Ids(classes=12))
    """
    match = re.fullmatch(r"ids(?::(\d{1,5}))?", text)
    if match and (match[1] is None or 2 <= int(match[1]) <= MOST_CLASSES):
        return Ids(match[1] and int(match[1]))
    words = text.split(",")
    if len(words) < 2 or not all(re.fullmatch(r"[0-9A-Fa-f]{6}", word) for word in words):
        raise UserError(
            f"--{flag}={text}: must be two or more colours, comma-separated: RRGGBB,…; or ids, or "
            f"ids:N with 2 to {MOST_CLASSES} classes"
        )
    return tuple(tuple(bytes.fromhex(word)) for word in words)


def parse_value_range(flag: str, text: str) -> tuple[float, float]:
    """Parses LOW,HIGH as two numbers that rise.

    Example:
        >>> parse_value_range("value_range", "0,4095")
        (0.0, 4095.0)
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"--{flag}={text}: must be LOW,HIGH, two rising numbers, such as 0,4095")
    return low, high


def parse_names(flag: str, text: str) -> tuple[str, ...]:
    """Parses different comma-separated names or numbers.

    Example:
        >>> parse_names("classes", "cat, 7")
        ('cat', '7')
    """
    words = tuple(word.strip() for word in text.split(","))
    if not all(words) or len(set(words)) < len(words):
        raise UserError(f"--{flag}={text}: must be different names or numbers, comma-separated")
    return words


def parse_sides(flag: str, text: str) -> tuple[str, str]:
    """Parses the folders, or patterns of file names, of A and B.

    Example:
        >>> parse_sides("sides", "images,masks/")
        ('images', 'masks')
    """
    words = tuple(word.strip().strip("/") for word in text.split(","))
    if len(words) != 2 or not all(words) or words[0] == words[1]:
        raise UserError(
            f"--{flag}={text}: must be two folders, or two patterns of file names, "
            "comma-separated, such as images,masks or *.jpg,*_mask.png"
        )
    return words


def parse_metrics(flag: str, text: str) -> tuple[str, ...]:
    """Parses comma-separated names of metrics."""
    names = tuple(word.strip() for word in text.split(","))
    if not all(re.fullmatch(r"\w+", word) for word in names):
        raise UserError(f"--{flag}={text}: must be comma-separated names, such as fid,kid")
    return names


def parse_interval(flag: str, text: str) -> tuple[float, str]:
    """Parses N, Nepochs, Nmin or Ns as (number, `steps` | `epochs` | `seconds`).

    Example:
        >>> parse_interval("checkpoint_every", "5min")
        (300.0, 'seconds')
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(steps?|epochs?|min|s)?", text)
    if not match or float(match[1]) == 0:
        raise UserError(
            f"--{flag}={text}: must be N (steps), Nepochs, Nmin or Ns, such as 500 or 5min"
        )
    number, unit = float(match[1]), match[2] or "steps"
    if unit in ("min", "s"):
        return number * (60 if unit == "min" else 1), "seconds"
    return number, "epochs" if unit.startswith("epoch") else "steps"


def parse_steps_per_execution(flag: str, text: str) -> int | None:
    """Parses auto, as None, or a number of steps."""
    if text == "auto":
        return None
    if not re.fullmatch(r"[1-9]\d{0,3}", text) or int(text) > 1000:
        raise UserError(f"--{flag}={text}: must be auto or a whole number from 1 to 1000")
    return int(text)


def parse_options(flag: str, text: str) -> dict[str, float | bool]:
    """Parses options of an optimizer.

    Example:
        >>> parse_options("g_options", "rho=0.9,nesterov=true")
        {'rho': 0.9, 'nesterov': True}
    """
    options = {}
    for word in text.split(","):
        key, _, value = word.partition("=")
        try:
            options[key] = value == "true" if value in ("true", "false") else float(value)
        except ValueError as error:
            message = f"must look like epsilon=1e-7,nesterov=true, not {word}"
            raise UserError(f"--{flag}={text}: {message}") from error
    return options


def parse_name(flag: str, text: str) -> str:
    """Checks a `--name`, which becomes part of a folder's name, or a `--job`."""
    if not re.fullmatch(r"\w[\w.+=-]*", text):
        raise UserError(
            f"--{flag}={text}: must have letters, digits and . _ - + = only, a letter first"
        )
    if len(text.encode()) > MAX_NAME:
        raise UserError(f"--{flag}={text[:20]}…: must have at most {MAX_NAME} bytes")
    return text


def parse_seeds(flag: str, text: str) -> list[int]:
    """Parses seeds such as 5, 0-63 or 1,4,9-12.

    Example:
        >>> parse_seeds("seeds", "1,4-6")
        [1, 4, 5, 6]
    """
    seeds: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first >= MAX_SEEDS:
            raise UserError(f"--{flag}={text}: give 5, 0-63 or 1,4,9-12, up to {MAX_SEEDS} seeds")
        seeds += range(first, last + 1)
    return seeds

"""One file of arrays named by variable path, with a JSON header and a hash.

Written beside and renamed, so that a crash in the middle loses nothing older. The format is
safetensors: no pickle, so that reading a checkpoint runs nobody's code.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kgan.errors import UserError

FORMAT_VERSION = 1
SUFFIX = ".safetensors"


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray], header: Mapping) -> None:
    """Writes a checkpoint beside its place, flushes it to disk and renames it.

    Args:
        path: ends in `.safetensors`.
        arrays: by variable path.
        header: what JSON can hold: scheme, step, state of the callbacks.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps({"format_version": FORMAT_VERSION, **header})
    beside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        save_file(arrays, beside, {"header": text, "sha256": _digest(arrays, text)})
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path}: cannot be written ({reason}); make room, then go on with the older ones"
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict]:
    """Reads a checkpoint and checks it by content.

    Returns:
        The arrays by variable path, and the header.

    Raises:
        UserError: when the file is torn, damaged or of another format version.
    """
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: of a type NumPy lacks
        raise UserError(f"{path}: not a whole checkpoint ({error}); use an older one") from error
    text = metadata.get("header", "")
    if _digest(arrays, text) != metadata.get("sha256"):
        raise UserError(f"{path}: its content does not match its hash; use an older one")
    header = json.loads(text)
    if header.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: format version {header.get('format_version')}, this kgan reads "
            f"{FORMAT_VERSION}"
        )
    return arrays, header


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Lists the steps of the checkpoints in a folder, oldest first."""
    names = (path.stem.removeprefix("step-") for path in folder.glob(f"step-*{SUFFIX}"))
    return sorted(int(name) for name in names if name.isdecimal())


def step_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Names the checkpoint of a step."""
    return folder / f"step-{step:08d}{SUFFIX}"


def _digest(arrays, text) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def non_finite(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Lists the arrays that hold a NaN or an infinity."""
    return [
        name
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all()
    ]


def capture(state: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Reads variables (by path) as arrays."""
    return {name: np.asarray(variable) for name, variable in state.items()}


def restore(
    state: Mapping[str, object], arrays: Mapping[str, np.ndarray], path: pathlib.Path
) -> None:
    """Assigns arrays to variables of the same path and shape, all or none.

    Raises:
        UserError: names the first variable that is missing, left over or of another shape.
    """
    for name in [*state, *arrays]:
        if name not in arrays or name not in state:
            where = "the checkpoint" if name not in arrays else "the model"
            raise UserError(f"{path}: {name} is not in {where}; the settings differ")
        if tuple(state[name].shape) != arrays[name].shape:
            raise UserError(
                f"{path}: {name} has shape {arrays[name].shape}, the model's is "
                f"{tuple(state[name].shape)}; the settings differ"
            )
    for name, variable in state.items():
        variable.assign(arrays[name])

"""Checkpoint files: arrays named by variable path, with a JSON header and a hash.

A checkpoint is written to a temporary file and renamed, so that a crash loses no older one. The
format is safetensors, not pickle, so that reading a checkpoint executes no code.
"""

import hashlib
import json
import math
import pathlib
from collections.abc import Collection, Mapping

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kgan.utils.atomic import atomic_write
from kgan.utils.errors import UserError

FORMAT_VERSION = 2
SUFFIX = ".safetensors"
DAMAGED_SUFFIX = ".damaged"  # appended to the name of a damaged checkpoint


class DamagedCheckpointError(UserError):
    """The file is incomplete or its content has changed; an older checkpoint may be whole."""


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray], header: Mapping) -> None:
    """Writes a checkpoint to a temporary file, flushes it to disk and renames it.

    Args:
        path: ends in `.safetensors`.
        arrays: by variable path.
        header: values for JSON: model, settings, step, state of the callbacks.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps({"format_version": FORMAT_VERSION, **header})
    with atomic_write(path) as place:
        save_file(arrays, place, {"header": text, "sha256": _digest(arrays, text)})


def read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict]:
    """Reads a checkpoint and checks its hash.

    Returns:
        The arrays by variable path, and the header.

    Raises:
        DamagedCheckpointError: the file is incomplete or changed.
        UserError: its format version is unknown to this kgan.
    """
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: a dtype that NumPy lacks
        raise DamagedCheckpointError(
            f"{path}: not a complete checkpoint ({error}); use an older one"
        ) from error
    text = metadata.get("header", "")
    if _digest(arrays, text) != metadata.get("sha256"):
        raise DamagedCheckpointError(
            f"{path}: its content does not match its hash; use an older one"
        )
    header = json.loads(text)
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: format version {version}, this kgan reads {FORMAT_VERSION}")
    return arrays, header


def metadata(path: pathlib.Path) -> dict:
    """Reads the hash and the step that a checkpoint names, without its arrays.

    Checkpoints of equal hashes have equal arrays and headers.

    Returns:
        `sha256` and `step`.

    Raises:
        DamagedCheckpointError: it has no such header.
    """
    try:
        with safe_open(path, "numpy") as file:
            found = file.metadata() or {}
        return {"sha256": found["sha256"], "step": json.loads(found["header"])["step"]}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DamagedCheckpointError(
            f"{path}: not a complete checkpoint ({error}); use an older one"
        ) from error


def check_origin(
    header: Mapping, model: str, settings: Mapping[str, str], path: pathlib.Path
) -> None:
    """Checks that a checkpoint was made by the model and the settings of a run.

    Args:
        header: of the checkpoint.
        model: name of the run's model.
        settings: of the run, see `settings.fixed_on_resume`. Only flags that both have are
            compared, because an older kgan had fewer of them.
        path: the checkpoint, for the message.
    """
    if header["scheme"] != model:
        raise UserError(f"{path} is a checkpoint of {header['scheme']}, this run is of {model}")
    made = header["settings"]
    differing = [name for name in settings if made.get(name, settings[name]) != settings[name]]
    if differing:
        ours, theirs = (" ".join(side[name] for name in differing) for side in (settings, made))
        raise UserError(f"{path}: made with {theirs}, this run has {ours}; the settings differ")


def size(state: Mapping) -> int:
    """Returns the bytes of a checkpoint of these variables."""
    return sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in state.values())


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Lists the steps of the checkpoints in a folder, oldest first."""
    names = (path.stem.removeprefix("step-") for path in folder.glob(f"step-*{SUFFIX}"))
    return sorted(int(name) for name in names if name.isdecimal())


def step_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the path of a step's checkpoint."""
    return folder / f"step-{step:08d}{SUFFIX}"


def _digest(arrays, text) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def non_finite(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Lists the names of arrays that contain a NaN or an infinity."""
    return [
        name
        for name, array in arrays.items()
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all()
    ]


def capture(state: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Converts variables to arrays, both by path."""
    return {name: np.asarray(variable) for name, variable in state.items()}


def restore(
    state: Mapping[str, object],
    arrays: Mapping[str, np.ndarray],
    path: pathlib.Path,
    optional: Collection[str] = (),
) -> None:
    """Assigns arrays to the variables of the same path and shape, all of them or none.

    Args:
        state: variables by path.
        arrays: of a checkpoint.
        path: the checkpoint, for the message.
        optional: paths of variables that keep their values where the checkpoint lacks them.
    """
    state = {n: variable for n, variable in state.items() if n in arrays or n not in optional}
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

"""Exports of portable signatures in other formats than SavedModel.

A format is a module with `require`, `convert` and `ERRORS`: `convert` makes the bytes of a file of
a SavedModel's signature, and a function that calls the file. What a file answers is compared with
the SavedModel before it is kept.
"""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kgan.serving import litert, onnx, versions
from kgan.serving.conversion import Conversion, quiet
from kgan.serving.savedmodel import write_saved_model
from kgan.serving.signatures import Signature, describe
from kgan.utils.errors import UserError

TOLERANCE = 1e-4  # of the largest difference from the SavedModel, in units of [-1, 1]
BATCHES = (1, 3)  # sizes that are compared
CALIBRATION = 64  # examples that calibrate a quantised file
FORMATS = {"onnx": onnx, "tflite": litert}


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be written.

    Args:
        kind: a key of `FORMATS`.
        names: of portable signatures; default: those named `deterministic…`.
        quantize: `int8` for 8-bit weights and activations, in LiteRT; None: float32.
        examples: arrays of the data by field, float32 [N, H, W, C] in [-1, 1], of models that take
            images; those calibrate a quantised file. None: noise.
        origin: what the description says of the run.

    Example:
        >>> Request("onnx").file_name("deterministic")
        'deterministic.onnx'
    """

    kind: str
    names: Sequence[str] = ()
    quantize: str | None = None
    examples: Mapping[str, np.ndarray] | None = None
    origin: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def file_name(self, signature: str) -> str:
        """Returns the name of a signature's file."""
        middle = f".{self.quantize}" if self.quantize else ""
        return f"{signature}{middle}.{self.kind}"


def write_portable(
    signatures: Mapping[str, Signature],
    folder: pathlib.Path,
    request: Request,
) -> pathlib.Path:
    """Writes a file for each portable signature, if it answers as the SavedModel does.

    Args:
        signatures: see `write_saved_model`.
        folder: `.../<name>`.
        request: what is to be written.

    Returns:
        `<folder>/<kind>/<version>/`, which TensorFlow Serving does not look at. In it
        `signatures.json` describes the files, with their largest differences from the SavedModel.

    Raises:
        UserError: a package is missing, a signature has no such form, or an answer differs by more
            than `TOLERANCE` in a file that is not quantised; nothing is written.
    """
    converter = FORMATS[request.kind]
    converter.require()
    chosen = choose(signatures, request.names)
    place = folder / request.kind
    with versions.new_version(place) as files, tempfile.TemporaryDirectory() as work:
        files.mkdir()
        saved_model = write_saved_model(chosen, pathlib.Path(work) / "model")
        described = describe(chosen)
        for name, signature in chosen.items():
            made = _converted(converter, saved_model, name, signature, request)
            difference = _difference(saved_model, name, signature, made.call, request)
            if not request.quantize and not difference <= TOLERANCE:
                raise UserError(
                    f"--format={request.kind}: {name} differs from the SavedModel by "
                    f"{difference:.2g}, more than {TOLERANCE:g}; nothing was written"
                )
            file = files / request.file_name(name)
            file.write_bytes(made.data)
            described[name] |= {"file": file.name, **made.about, "bytes": len(made.data)}
            described[name]["largest_difference_from_saved_model"] = float(difference)
        document = {"origin": dict(request.origin), "signatures": described}
        (files / "signatures.json").write_text(json.dumps(document, indent=2) + "\n")
        return versions.add(files, place)


def written_files(folder: pathlib.Path) -> list[str]:
    """Returns a line on each file of a folder that `write_portable` wrote."""
    document = json.loads((folder / "signatures.json").read_text())
    return [
        f"{folder / about['file']}: {about['bytes'] / 1e6:.1f} MB, largest difference from the "
        f"SavedModel {about['largest_difference_from_saved_model']:.2g}"
        for about in document["signatures"].values()
    ]


def choose(signatures: Mapping[str, Signature], names: Sequence[str]) -> dict[str, Signature]:
    """Returns the portable signatures of these names, by default those without noise."""
    portable = {name: s for name, s in signatures.items() if s.portable is not None}
    for name in names:
        if name not in portable:
            raise UserError(
                f"--signature={name}: is not a portable signature of this model; right would be "
                f"{', '.join(portable)}"
            )
    without_noise = [name for name in portable if name.startswith("deterministic")]
    return {name: portable[name] for name in names or without_noise}


def _converted(converter, saved_model, name, signature, request) -> Conversion:
    calibration = None
    if request.quantize:
        calibration = signature.portable(CALIBRATION, request.examples)
    with quiet():
        try:
            return converter.convert(saved_model, name, signature, calibration)
        except converter.ERRORS as error:
            lines = str(error).strip().splitlines()
            reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
            raise UserError(
                f"--format={request.kind}: {name} cannot be converted ({reason})"
            ) from error


def _difference(saved_model, name, signature, call, request) -> float:
    """Computes the largest difference between a file's answers and a SavedModel's."""
    loaded = tf.saved_model.load(str(saved_model))  # which owns the variables
    served, largest = loaded.signatures[name], 0.0
    for count in BATCHES:
        inputs = signature.portable(count, request.examples)
        expected = served(**{key: tf.constant(value) for key, value in inputs.items()})
        with quiet():
            answers = call(inputs)
        for key, value in expected.items():
            value, answer = np.asarray(value), np.asarray(answers[key])
            if value.shape != answer.shape:
                return np.inf
            largest = max(largest, float(np.abs(value - answer).max()))
            if not np.array_equal(np.isfinite(value), np.isfinite(answer)):
                return np.inf
    return largest

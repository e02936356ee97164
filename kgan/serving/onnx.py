"""ONNX files of signatures, made by tf2onnx and called by ONNX Runtime."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kgan.serving.conversion import Conversion, import_package
from kgan.serving.signatures import Signature

OPSET = 17  # of ONNX 1.12, which OpenVINO and ONNX Runtime read since 2022
ERRORS = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, tf.errors.OpError)
PACKAGES = ("onnx", "tf2onnx", "onnxruntime")


def require() -> None:
    """Checks that the packages are there.

    Raises:
        UserError: one is missing.
    """
    for name in PACKAGES:
        import_package(name, "--format=onnx", "onnx")


def convert(
    saved_model: pathlib.Path,
    name: str,
    signature: Signature,
    calibration: Mapping[str, np.ndarray] | None = None,
) -> Conversion:
    """Converts a signature of a SavedModel.

    Args:
        saved_model: its version folder.
        name: of the signature.
        signature: its inputs keep their names; their first dimension is called `batch`.
        calibration: None; ONNX files are float32.
    """
    import onnx
    import tf2onnx

    loaded = tf.saved_model.load(str(saved_model))  # which owns the variables
    served = loaded.signatures[name]
    inputs = signature.inputs

    def by_position(*values):
        return served(**dict(zip(inputs, values, strict=True)))

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in inputs.items()]
    model, _ = tf2onnx.convert.from_function(
        tf.function(by_position), input_signature=specs, opset=OPSET
    )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    model.doc_string = signature.about
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    return Conversion(data, caller(data), {"format": "ONNX", "opset": OPSET})


def caller(data: bytes):
    """Returns a function that calls an ONNX file with arrays by input name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))

"""LiteRT (TensorFlow Lite) files of signatures, in float32 or 8-bit numbers."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from kgan.serving.conversion import Conversion, quiet
from kgan.serving.signatures import Signature

ERRORS = (ConverterError, ValueError, TypeError, RuntimeError)


def require() -> None:
    """Does nothing: TensorFlow brings the converter and an interpreter."""


def convert(
    saved_model: pathlib.Path,
    name: str,
    signature: Signature,
    calibration: Mapping[str, np.ndarray] | None = None,
) -> Conversion:
    """Converts a signature of a SavedModel.

    Args:
        saved_model: its version folder.
        name: of the signature, which the file has, too.
        signature: its inputs and outputs keep their names and stay float32.
        calibration: arrays by input name, whose activations give the ranges of 8-bit numbers; None:
            the file computes in float32.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[name])
    about = {"format": "LiteRT", "numbers": "float32"}
    if calibration is not None:
        count = len(next(iter(calibration.values())))

        def examples():
            for row in range(count):
                yield name, {key: values[row : row + 1] for key, values in calibration.items()}

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples
        about["numbers"] = "int8 weights and activations, float32 inputs and outputs"
        about["calibration_examples"] = count
    data = converter.convert()
    return Conversion(data, caller(data, name), about)


def caller(data: bytes, name: str):
    """Returns a function that calls a signature of a LiteRT file with arrays by input name."""
    with quiet():
        runner = tf.lite.Interpreter(model_content=data).get_signature_runner(name)
    return lambda inputs: runner(**inputs)

"""Requests with which TensorFlow Serving warms a model up before it answers anyone."""

import importlib.util
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kgan.serving.conversion import import_package
from kgan.serving.signatures import Signature, encode_png

FILE = "tf_serving_warmup_requests"  # in assets.extra, where TensorFlow Serving looks for it


def is_available() -> bool:
    """Returns whether the package that the requests need is installed."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write_warmup(version: pathlib.Path, signatures: Mapping[str, Signature], name: str) -> int:
    """Writes one request for each signature, of a single example.

    Args:
        version: folder of a SavedModel.
        signatures: of the SavedModel.
        name: of the exported model.

    Returns:
        The number of requests.

    Raises:
        UserError: the package is not installed.
    """
    package = "tensorflow_serving.apis.prediction_log_pb2"
    prediction_log_pb2 = import_package(package, "--warmup", "serving")
    path = version / "assets.extra" / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for key, signature in signatures.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = key
            for input_name, spec in signature.inputs.items():
                value = _example(spec, signature)
                request.inputs[input_name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())
    return len(signatures)


def _example(spec: tf.TensorSpec, signature: Signature):
    """Makes an input of a batch of one; zeros are right everywhere but for counts and files."""
    if spec.dtype == tf.string:
        # Black is the first class of a label map of ids.
        channels = 1 if signature.reading.encoding == "ids" else 3
        return np.asarray(encode_png(-tf.ones([1, *signature.reading.size, channels])))
    value = np.zeros(
        [1 if side is None else side for side in spec.shape], spec.dtype.as_numpy_dtype
    )
    return value + 1 if not spec.shape.rank else value

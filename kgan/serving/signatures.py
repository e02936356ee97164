"""Signatures of exported models as data, and the image files that they write."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from kgan.data.decode import ImageShape

PORTABLE = "Plain operations only: no dropout, nothing random, no loops, no text."
NUMBER, NUMBERS = tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32)


def vectors(size: int) -> tf.TensorSpec:
    """Returns the specification of float32 [B, size]."""
    return tf.TensorSpec([None, size], tf.float32)


@dataclasses.dataclass(frozen=True)
class Signature:
    """One signature of an exported model.

    Args:
        function: takes the inputs by position, returns a dict of tensors by output name.
        inputs: `tf.TensorSpec` by input name, in the function's order.
        about: description for people: shape, dtype and range of each input and output.
        reading: how the signature reads image files, if it takes them.
        portable: of a signature of plain operations, which other formats have, too: makes example
            inputs, arrays by input name, from their number and, where they are images, from arrays
            of the data by field, or from None.

    Example:
        >>> spec = tf.TensorSpec([None], tf.float32)
        >>> double = Signature(lambda x: {"doubled": 2 * x}, {"x": spec}, "x -> 2 x")
        >>> describe({"double": double})["double"]["inputs"]
        {'x': {'shape': [None], 'dtype': 'float32'}}
    """

    function: Callable
    inputs: Mapping[str, tf.TensorSpec]
    about: str
    reading: ImageShape | None = None
    portable: Callable | None = None


def describe(signatures: Mapping[str, Signature]) -> dict:
    """Returns what is known of each signature, ready for JSON.

    Returns:
        By name `about`, the inputs' shapes and dtypes and, of signatures that read image files,
        `image_files`: how those become arrays.
    """
    described = {}
    for name, signature in signatures.items():
        inputs = {
            key: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
            for key, spec in signature.inputs.items()
        }
        described[name] = {"about": signature.about, "inputs": inputs}
        if signature.reading is not None:
            described[name]["image_files"] = _describe_reading(signature.reading)
    return described


def _describe_reading(shape: ImageShape) -> dict:
    return {
        "size": list(shape.size),
        "channels": shape.channels,
        "fit": shape.fit,
        "resampling": "nearest" if shape.nearest else "bicubic, antialiased",
        "alpha": "kept" if shape.channels == 4 else "over white",
        "orientation": "EXIF",
    }


def as_png(function: Callable) -> Callable:
    """Returns a function of a signature with PNG files in place of its `pictures`."""
    return lambda *inputs: {"png_bytes": encode_png(function(*inputs)["pictures"])}


def encode_png(images: tf.Tensor) -> tf.Tensor:
    """Encodes float32 [B, H, W, C] in [-1, 1] as PNG files, string [B], inside a graph."""
    levels = tf.cast(tf.round(tf.clip_by_value(images * 127.5 + 127.5, 0, 255)), tf.uint8)
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)

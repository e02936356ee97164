"""Signatures of exported models as data, and the image files that they read and write."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

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

    Example:
        >>> spec = tf.TensorSpec([None], tf.float32)
        >>> double = Signature(lambda x: {"doubled": 2 * x}, {"x": spec}, "x -> 2 x")
        >>> describe({"double": double})["double"]["inputs"]
        {'x': {'shape': [None], 'dtype': 'float32'}}
    """

    function: Callable
    inputs: Mapping[str, tf.TensorSpec]
    about: str


def describe(signatures: Mapping[str, Signature]) -> dict:
    """Returns for each signature its `about` and its inputs' shapes and dtypes, ready for JSON."""
    described = {}
    for name, signature in signatures.items():
        inputs = {
            key: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
            for key, spec in signature.inputs.items()
        }
        described[name] = {"about": signature.about, "inputs": inputs}
    return described


def decode_images(files: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes and resizes image files of any size, inside a graph.

    Args:
        files: string [B], in a format that `formats` lists.
        shape: (height, width, channels) of the result.

    Returns:
        float32 [B, H, W, C] in [-1, 1].
    """
    height, width, channels = shape

    def decode(encoded):
        image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
        image = tf.image.resize(image, (height, width), "bicubic", antialias=True)
        return tf.clip_by_value(image / 127.5 - 1.0, -1.0, 1.0)

    return tf.map_fn(decode, files, fn_output_signature=tf.float32)


def formats(channels: int) -> str:
    """Returns the file formats that TensorFlow decodes to this number of channels."""
    return {1: "JPEG or PNG", 3: "JPEG, PNG, GIF or BMP", 4: "PNG"}.get(channels, "PNG")


def as_png(function: Callable) -> Callable:
    """Returns a function of a signature with PNG files in place of its `pictures`."""
    return lambda *inputs: {"png_bytes": encode_png(function(*inputs)["pictures"])}


def encode_png(images: tf.Tensor) -> tf.Tensor:
    """Encodes float32 [B, H, W, C] in [-1, 1] as PNG files, string [B], inside a graph."""
    levels = tf.cast(tf.round(tf.clip_by_value(images * 127.5 + 127.5, 0, 255)), tf.uint8)
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)

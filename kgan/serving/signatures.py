"""What an exported model answers: signatures as data, written as a SavedModel."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Signature:
    """One endpoint of an exported model.

    Args:
        function: takes the inputs by position, returns a dict of tensors by output name.
        inputs: `tf.TensorSpec` by input name, in the function's order.
        about: what it does, and the range and unit of each input and output, for people.
    """

    function: Callable
    inputs: Mapping[str, tf.TensorSpec]
    about: str


def describe(signatures: Mapping[str, Signature]) -> dict:
    """Lists each signature's inputs (shape, dtype) and what it does, ready for JSON."""
    return {
        name: {
            "about": signature.about,
            "inputs": {
                key: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
                for key, spec in signature.inputs.items()
            },
        }
        for name, signature in signatures.items()
    }


def decode_images(files: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes image files of any size inside a graph.

    Args:
        files: string [B], of the formats in `formats`.
        shape: (height, width, channels) to bring each image to.

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
    """Names the file formats that TensorFlow's decoder brings to so many channels."""
    return {1: "JPEG or PNG", 3: "JPEG, PNG, GIF or BMP", 4: "PNG"}.get(channels, "PNG")


def encode_png(images: tf.Tensor) -> tf.Tensor:
    """Encodes float32 [B, H, W, C] in [-1, 1] as PNG files, string [B], inside a graph."""
    levels = tf.cast(tf.round(tf.clip_by_value(images * 127.5 + 127.5, 0, 255)), tf.uint8)
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)

"""Signatures of exported models as data, and the image files that they write."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from kgan.data.preparation import Preparation

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
        writing: what the image files that it answers with have of the training data's.
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
    reading: Preparation | None = None
    writing: Preparation | None = None
    portable: Callable | None = None


def describe(signatures: Mapping[str, Signature]) -> dict:
    """Returns what is known of each signature, ready for JSON.

    Returns:
        By name `about`, the inputs' shapes and dtypes and, of signatures that read image files,
        `image_files`: how those become arrays, and `answers`: what the levels of theirs mean.
    """
    described = {}
    for name, signature in signatures.items():
        inputs = {
            key: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name}
            for key, spec in signature.inputs.items()
        }
        described[name] = {"about": signature.about, "inputs": inputs}
        if signature.reading is not None:
            described[name]["image_files"] = describe_preparation(signature.reading)
        if signature.writing is not None:
            described[name]["answers"] = describe_preparation(signature.writing)
    return described


def describe_preparation(preparation: Preparation) -> dict:
    """Describes how image files become arrays, ready for JSON.

    Example:
        >>> describe_preparation(Preparation((8, 8), nearest=True))["resampling"]
        'nearest'
    """
    described = {
        "size": list(preparation.size),
        "channels": preparation.channels,
        "fit": preparation.fit,
        "resampling": "nearest" if preparation.nearest else "bicubic, antialiased",
        "alpha": "kept" if preparation.channels == 4 and not preparation.classes else "over white",
        "orientation": "EXIF",
        "encoding": preparation.encoding,
    }
    if preparation.classes:
        described |= {"classes": preparation.classes, "void": preparation.void}
    if preparation.palette:
        described["palette"] = [list(colour) for colour in preparation.palette]
    if preparation.depth is not None:
        described["bits"] = preparation.depth
    if preparation.value_range is not None:
        described["value_range"] = list(preparation.value_range)
    return described


def encode_png(images: tf.Tensor, writing: Preparation | None = None) -> tf.Tensor:
    """Encodes images as PNG files inside a graph, as `kgan.data.encoding.encode_image` does.

    Args:
        images: float32 [B, H, W, C] in [-1, 1].
        writing: how images of this kind were read for training; floating point images become 16
            bits, from the lowest to the highest level. None: 8 bits.

    Returns:
        string [B].
    """
    writing = writing or Preparation(channels=4)
    if writing.classes:
        levels = tf.argmax(images, axis=-1)
        if writing.encoding == "one_hot":
            levels = tf.gather(tf.constant(writing.palette, tf.uint8), levels)
        else:
            dtype = tf.uint8 if writing.classes <= 256 else tf.uint16
            levels = tf.cast(levels, dtype)[..., tf.newaxis]
    else:
        deep = (writing.depth or 8) > 8
        white = 65535 if deep else 255
        low, high = (0, white) if writing.depth == 32 else writing.value_range or (0, white)
        images = tf.clip_by_value(images, -1.0, 1.0)
        scaled = images * ((high - low) / 2) + (high + low) / 2
        if images.shape[-1] == 4:  # alpha has the whole range
            alpha = images[..., 3:] * (white / 2) + white / 2
            scaled = tf.concat([scaled[..., :3], alpha], -1)
        scaled = tf.round(tf.clip_by_value(scaled, 0.0, white))
        levels = tf.cast(scaled, tf.uint16 if deep else tf.uint8)
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)

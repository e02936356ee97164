"""Calls of a model's signatures, and what the model itself computes for them."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from kgan.models.base.conditional import ConditionalModel
from kgan.models.base.latent import LatentModel
from kgan.plots.grids import to_bytes


def direction_of(model, signature):
    """Returns the direction in which a signature of a translation model translates."""
    return model.directions["BtoA" if "b_to_a" in signature else None]


def example_inputs(model, signature, count):
    """Makes inputs for a signature, for `count` images."""
    found = model.signatures()[signature]
    if found.portable is not None:
        return found.portable(count, None)
    rng = np.random.default_rng(count)
    size = model.condition_size if isinstance(model, ConditionalModel) else 1
    labels = np.arange(count, dtype=np.int32) % size
    inputs = {
        "seeds": np.arange(7, 7 + count, dtype=np.int32),
        "count": np.int32(count),
        "seed": np.int32(5),
        "labels": labels,
        "conditions": np.eye(size, dtype=np.float32)[labels],
    }
    if isinstance(model, LatentModel):
        inputs["latents"] = rng.normal(size=(count, model.latent_size)).astype(np.float32)
    else:
        # 256 levels, so that a PNG holds them exactly.
        shape = (count, *direction_of(model, signature).image_shape)
        levels = rng.integers(0, 256, shape, np.uint8)
        inputs["pictures"] = levels.astype(np.float32) / 127.5 - 1
        files = [tf.io.encode_png(image).numpy() for image in levels]
        inputs["image_bytes"] = np.array(files, object)
    return {key: inputs[key] for key in found.inputs}


def expected_outputs(model, signature, inputs):
    """Computes the outputs of a signature with the model's own methods; PNG files as levels."""
    if "images" in inputs:
        return model.signatures()[signature].function(*map(tf.constant, inputs.values()))
    if isinstance(model, LatentModel):
        conditions = [inputs["conditions"]] if "conditions" in inputs else []
        if "labels" in inputs:
            conditions = [np.eye(model.condition_size, dtype=np.float32)[inputs["labels"]]]
        latents = inputs.get("latents")
        if latents is None:
            seeds = inputs.get("seeds", inputs.get("seed", 0) + np.arange(inputs.get("count", 0)))
            latents = model.latents_from_seeds(seeds)
        images = model.generate(latents, *conditions)
    else:
        pictures = inputs.get("pictures")
        if pictures is None:
            pictures = decoded(inputs["image_bytes"]).astype(np.float32) / 127.5 - 1
        images = direction_of(model, signature).translate(pictures, inputs.get("seed", 0))
    if "png" in signature or "files" in signature:
        return {"png_bytes": to_bytes(images)}
    return {"pictures": images}


def decoded(files):
    """Decodes PNG files as uint8 [B, H, W, C]."""
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return images if images.ndim == 4 else images[..., np.newaxis]


def outputs(model):
    """Generates or translates two images, from fixed inputs."""
    inputs = example_inputs(model, "serving_default", 2)
    return expected_outputs(model, "serving_default", inputs)["pictures"]

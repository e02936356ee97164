"""Networks that are told a condition y: a class as a one-hot vector, or several attributes.

Each has a branch for its image or noise and one for y, which are joined by channel. At 32x32
with the default widths they are those of the course (`004`, sections 2.2 and 2.3) to the letter;
its sigmoid is part of the loss here.

Reference: Mirza and Osindero 2014, section 3.2 (both players are given y).
"""

import functools
import math

import keras
from keras import layers

from kgan.layers import SpreadOut
from kgan.networks.blocks import batch_norm, normal

SIZES = (16, 32, 64)


def _inputs(shape, name, condition_size):
    first = keras.Input(shape, name=name)
    return first, keras.Input((condition_size,), name="condition")


def _check(shape):
    height, width, _ = shape
    if height != width or height not in SIZES:
        raise ValueError(
            f"`shape` must be square, of {', '.join(map(str, SIZES))} pixels. "
            f"Received: {height}x{width}"
        )
    return height.bit_length() - 5  # blocks more than at 16x16


def convolutional_generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 100,
    base_width: int = 128,
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] (tanh).

    Args:
        shape: (height, width, channels), square, 16, 32 or 64 pixels.
        condition_size: K.
        latent_size: N.
        base_width: channels of the last hidden map, 128 in the course; those before have twice as
            many, and no more than that.
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: `004`, section 2.2.
    """
    more = _check(shape)
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def upsample(maps, filters, name, strides=2, padding="same"):
        maps = layers.Conv2DTranspose(
            filters,
            4,
            strides,
            padding,
            use_bias=False,
            kernel_initializer=normal(next(seeds)),
            name=name,
        )(maps)
        maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.ReLU(name=f"{name}_relu")(maps)

    latent, condition = _inputs((latent_size,), "latent", condition_size)
    branches = [
        upsample(
            layers.Reshape((1, 1, size), name=f"{name}_reshape")(vector),
            2 * base_width,
            f"{name}_branch",
            1,
            "valid",
        )
        for name, vector, size in (
            ("latent", latent, latent_size),
            ("condition", condition, condition_size),
        )
    ]
    maps = layers.Concatenate(name="joined")(branches)
    for block in range(more):
        maps = upsample(maps, 2 * base_width, f"upsample_{block}")
    maps = upsample(maps, base_width, f"upsample_{more}")
    maps = layers.Conv2DTranspose(
        shape[2], 4, 2, "same", kernel_initializer=normal(next(seeds)), name="to_picture"
    )(maps)
    image = layers.Activation("tanh", dtype="float32", name="picture")(maps)
    return keras.Model([latent, condition], image, name="generator")


def convolutional_discriminator(
    shape: tuple[int, int, int],
    condition_size: int,
    base_width: int = 64,
    *,
    conditioned: bool = True,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [image float32 [B, H, W, C], condition float32 [B, K]] → logit float32 [B, 1].

    Args:
        shape: (height, width, channels), square, 16, 32 or 64 pixels.
        condition_size: K.
        base_width: channels of each branch, 64 in the course; what follows has 4 and 8 times that.
        conditioned: without, there is no condition, neither as an input nor as a branch (`004`,
            question 11).
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: `004`, section 2.2.
    """
    more = _check(shape)
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))

    def convolve(maps, filters, name, *, norm):
        maps = layers.Conv2D(
            filters,
            4,
            2,
            "same",
            use_bias=not norm,
            name=name,
            kernel_initializer=normal(next(seeds)),
        )(maps)
        if norm:
            maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.LeakyReLU(0.2, name=f"{name}_leaky_relu")(maps)

    image, condition = _inputs(shape, "picture", condition_size)
    maps = convolve(image, base_width, "picture_branch", norm=False)
    if conditioned:
        spread = SpreadOut(shape[:2], name="spread_out")(condition)
        told = convolve(spread, base_width, "condition_branch", norm=False)
        maps = layers.Concatenate(name="joined")([maps, told])
    for block in range(more + 1):
        maps = convolve(maps, base_width * min(8, 4 * 2**block), f"downsample_{block}", norm=True)
    maps = layers.Conv2D(1, 4, 1, "valid", kernel_initializer=normal(next(seeds)), name="to_logit")(
        maps
    )
    logit = layers.Reshape((1,), dtype="float32", name="logit")(maps)
    inputs = [image, condition] if conditioned else image
    return keras.Model(inputs, logit, name="discriminator")


def _dense(values, units, name, seed, activation, synchronized):
    """Adds a hidden layer; `synchronized` is None where no normalisation follows it."""
    values = layers.Dense(
        units, use_bias=synchronized is None, name=name, kernel_initializer=normal(seed)
    )(values)
    if synchronized is not None:
        values = batch_norm(f"{name}_norm", synchronized)(values)
    return activation(name=f"{name}_activation")(values)


def dense_generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 100,
    base_width: int = 256,
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] (tanh).

    Args:
        shape: (height, width, channels), any.
        condition_size: K.
        latent_size: N.
        base_width: units of each branch, 256 in the course; 2 and 4 times as many follow.
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: `004`, section 2.3.
    """
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def dense(values, units, name):
        return _dense(values, units, name, next(seeds), layers.ReLU, synchronized)

    latent, condition = _inputs((latent_size,), "latent", condition_size)
    values = layers.Concatenate(name="joined")(
        [
            dense(latent, base_width, "latent_branch"),
            dense(condition, base_width, "condition_branch"),
        ]
    )
    values = dense(dense(values, 2 * base_width, "hidden_0"), 4 * base_width, "hidden_1")
    values = layers.Dense(
        math.prod(shape),
        name="to_picture",
        kernel_initializer=normal(next(seeds)),
    )(values)
    values = layers.Reshape(shape, name="reshape")(values)
    image = layers.Activation("tanh", dtype="float32", name="picture")(values)
    return keras.Model([latent, condition], image, name="generator")


def dense_discriminator(
    shape: tuple[int, int, int],
    condition_size: int,
    base_width: int = 1024,
    *,
    conditioned: bool = True,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds [image float32 [B, H, W, C], condition float32 [B, K]] → logit float32 [B, 1].

    Args:
        shape: (height, width, channels), any.
        condition_size: K.
        base_width: units of each branch, 1,024 in the course; as many and half as many follow.
        conditioned: without, there is no condition (`004`, question 11).
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: `004`, section 2.3.
    """
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))

    def dense(values, units, name, *, norm):
        leaky = functools.partial(layers.LeakyReLU, 0.2)
        return _dense(values, units, name, next(seeds), leaky, synchronized if norm else None)

    image, condition = _inputs(shape, "picture", condition_size)
    values = layers.Flatten(name="flatten")(image)
    values = dense(values, base_width, "picture_branch", norm=False)
    if conditioned:
        told = dense(condition, base_width, "condition_branch", norm=False)
        values = layers.Concatenate(name="joined")([values, told])
    values = dense(values, base_width, "hidden_0", norm=True)
    values = dense(values, base_width // 2, "hidden_1", norm=True)
    logit = layers.Dense(
        1,
        dtype="float32",
        name="logit",
        kernel_initializer=normal(next(seeds)),
    )(values)
    inputs = [image, condition] if conditioned else image
    return keras.Model(inputs, logit, name="discriminator")

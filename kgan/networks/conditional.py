"""Networks that are conditioned on y: a class as a one-hot vector, or several attributes.

Each has a branch for its image or latent and one for y, which are concatenated by channel. At 32x32
with the default widths they are exactly those of the course's conditional GAN practical
(docs/course.md); its sigmoid is part of the loss here.

Reference: Mirza and Osindero 2014, section 3.2 (both players are given y).
"""

import functools
import math

import keras
from keras import layers

from kgan.layers import SpreadOut
from kgan.networks.blocks import batch_norm, check_square, normal

SIZES = (16, 32, 64)


def _inputs(shape, name, condition_size):
    first = keras.Input(shape, name=name)
    return first, keras.Input((condition_size,), name="condition")


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
        base_width: channels of the last hidden map, 128 in the course; all maps before it have
            twice as many.
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: the convolutional generator of the course's practical (docs/course.md).
    """
    more = check_square(shape, SIZES) - 4  # blocks in addition to those at 16x16
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def upsample(maps, filters, name, strides=2, padding="same"):
        options = {"use_bias": False, "kernel_initializer": normal(next(seeds)), "name": name}
        maps = layers.Conv2DTranspose(filters, 4, strides, padding, **options)(maps)
        maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.ReLU(name=f"{name}_relu")(maps)

    latent, condition = _inputs((latent_size,), "latent", condition_size)
    branches = []
    for vector in (latent, condition):
        maps = layers.Reshape((1, 1, vector.shape[1]), name=f"{vector.name}_reshape")(vector)
        branches.append(upsample(maps, 2 * base_width, f"{vector.name}_branch", 1, "valid"))
    maps = layers.Concatenate(name="joined")(branches)
    for block in range(more):
        maps = upsample(maps, 2 * base_width, f"upsample_{block}")
    maps = upsample(maps, base_width, f"upsample_{more}")
    options = {"kernel_initializer": normal(next(seeds)), "name": "to_picture"}
    maps = layers.Conv2DTranspose(shape[2], 4, 2, "same", **options)(maps)
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
        base_width: channels of each branch, 64 in the course; later maps have 4 and 8 times that.
        conditioned: False leaves out the condition, as an input and as a branch (a question of
            the practical).
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: the convolutional discriminator of the course's practical (docs/course.md).
    """
    more = check_square(shape, SIZES) - 4  # blocks in addition to those at 16x16
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))

    def convolve(maps, filters, name, *, norm):
        options = {"use_bias": not norm, "kernel_initializer": normal(next(seeds)), "name": name}
        maps = layers.Conv2D(filters, 4, 2, "same", **options)(maps)
        if norm:
            maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.LeakyReLU(0.2, name=f"{name}_leaky_relu")(maps)

    image, condition = _inputs(shape, "picture", condition_size)
    maps = convolve(image, base_width, "picture_branch", norm=False)
    if conditioned:
        spread = SpreadOut(shape[:2], name="spread_out")(condition)
        branch = convolve(spread, base_width, "condition_branch", norm=False)
        maps = layers.Concatenate(name="joined")([maps, branch])
    for block in range(more + 1):
        maps = convolve(maps, base_width * min(8, 4 * 2**block), f"downsample_{block}", norm=True)
    options = {"kernel_initializer": normal(next(seeds)), "name": "to_logit"}
    maps = layers.Conv2D(1, 4, 1, "valid", **options)(maps)
    logit = layers.Reshape((1,), dtype="float32", name="logit")(maps)
    inputs = [image, condition] if conditioned else image
    return keras.Model(inputs, logit, name="discriminator")


def _dense(values, units, name, seed, activation, synchronized):
    """Adds a hidden layer; `synchronized` is None if no normalisation follows it."""
    bias = synchronized is None
    values = layers.Dense(units, use_bias=bias, name=name, kernel_initializer=normal(seed))(values)
    if not bias:
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
        base_width: units of each branch, 256 in the course; later layers have 2 and 4 times that.
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: the fully connected networks of the course's practical (docs/course.md).
    """
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def dense(values, units, name):
        return _dense(values, units, name, next(seeds), layers.ReLU, synchronized)

    latent, condition = _inputs((latent_size,), "latent", condition_size)
    inputs = [latent, condition]
    branches = [dense(vector, base_width, f"{vector.name}_branch") for vector in inputs]
    values = layers.Concatenate(name="joined")(branches)
    values = dense(dense(values, 2 * base_width, "hidden_0"), 4 * base_width, "hidden_1")
    options = {"kernel_initializer": normal(next(seeds)), "name": "to_picture"}
    values = layers.Dense(math.prod(shape), **options)(values)
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
        base_width: units of each branch and the first common layer, 1,024 in the course; the
            second one has half as many.
        conditioned: False leaves out the condition.
        synchronized: batch statistics over all replicas.
        seed: of the initial weights.

    Reference: the fully connected networks of the course's practical (docs/course.md).
    """
    seeds = iter(range(seed * 1000 + 500, seed * 1000 + 1000))

    def dense(values, units, name, *, norm):
        leaky = functools.partial(layers.LeakyReLU, 0.2)
        return _dense(values, units, name, next(seeds), leaky, synchronized if norm else None)

    image, condition = _inputs(shape, "picture", condition_size)
    values = layers.Flatten(name="flatten")(image)
    values = dense(values, base_width, "picture_branch", norm=False)
    if conditioned:
        branch = dense(condition, base_width, "condition_branch", norm=False)
        values = layers.Concatenate(name="joined")([values, branch])
    values = dense(values, base_width, "hidden_0", norm=True)
    values = dense(values, base_width // 2, "hidden_1", norm=True)
    options = {"kernel_initializer": normal(next(seeds)), "name": "logit"}
    logit = layers.Dense(1, dtype="float32", **options)(values)
    inputs = [image, condition] if conditioned else image
    return keras.Model(inputs, logit, name="discriminator")

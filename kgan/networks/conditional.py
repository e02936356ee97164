"""Networks that are conditioned on y: a class as a one-hot vector, or several attributes.

Each has a branch for its image or latent and one for y, which are concatenated by channel. At 32x32
with the default widths they are exactly those of the course's conditional GAN practical
(docs/course.md); its sigmoid is part of the loss here.

All generators build [latent float32 [B, N], condition float32 [B, K]] → image [B, H, W, C] (tanh),
all discriminators [image, condition] → logit float32 [B, 1], here and in `sn_resnet`. K is
`condition_size`; `conditioned=False` leaves out the discriminator's condition, as an input and as a
branch (a question of the practical).

Reference: Mirza and Osindero 2014, section 3.2 (both players are given y).
"""

import math

import keras
from keras import layers

from kgan.layers import SpreadOut
from kgan.networks.blocks import Seeded, batch_norm, check_square, inputs_with_condition

SIZES = (16, 32, 64)


def convolutional_generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 100,
    base_width: int = 128,
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds the convolutional generator of the practical, for squares of 16, 32 or 64 pixels.

    Args:
        base_width: channels of the last hidden map, 128 in the course; all maps before it have
            twice as many.
    """
    more = check_square(shape, SIZES) - 4  # blocks in addition to those at 16x16
    named = Seeded(seed)

    def upsample(maps, filters, name, strides=2, padding="same"):
        layer = layers.Conv2DTranspose(filters, 4, strides, padding, use_bias=False, **named(name))
        maps = layer(maps)
        maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.ReLU(name=f"{name}_relu")(maps)

    latent, condition = inputs_with_condition((latent_size,), "latent", condition_size)
    branches = []
    for vector in (latent, condition):
        maps = layers.Reshape((1, 1, vector.shape[1]), name=f"{vector.name}_reshape")(vector)
        branches.append(upsample(maps, 2 * base_width, f"{vector.name}_branch", 1, "valid"))
    maps = layers.Concatenate(name="joined")(branches)
    for block in range(more):
        maps = upsample(maps, 2 * base_width, f"upsample_{block}")
    maps = upsample(maps, base_width, f"upsample_{more}")
    maps = layers.Conv2DTranspose(shape[2], 4, 2, "same", **named("to_picture"))(maps)
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
    """Builds the convolutional discriminator of the practical, for squares of 16, 32 or 64 pixels.

    Args:
        base_width: channels of each branch, 64 in the course; later maps have 4 and 8 times that.
    """
    more = check_square(shape, SIZES) - 4  # blocks in addition to those at 16x16
    named = Seeded(seed, 500)

    def convolve(maps, filters, name, *, norm):
        maps = layers.Conv2D(filters, 4, 2, "same", use_bias=not norm, **named(name))(maps)
        if norm:
            maps = batch_norm(f"{name}_norm", synchronized)(maps)
        return layers.LeakyReLU(0.2, name=f"{name}_leaky_relu")(maps)

    image, condition = inputs_with_condition(shape, "picture", condition_size)
    maps = convolve(image, base_width, "picture_branch", norm=False)
    if conditioned:
        spread = SpreadOut(shape[:2], name="spread_out")(condition)
        branch = convolve(spread, base_width, "condition_branch", norm=False)
        maps = layers.Concatenate(name="joined")([maps, branch])
    for block in range(more + 1):
        maps = convolve(maps, base_width * min(8, 4 * 2**block), f"downsample_{block}", norm=True)
    maps = layers.Conv2D(1, 4, 1, "valid", **named("to_logit"))(maps)
    logit = layers.Reshape((1,), dtype="float32", name="logit")(maps)
    return keras.Model([image, condition] if conditioned else image, logit, name="discriminator")


def dense_generator(
    shape: tuple[int, int, int],
    condition_size: int,
    latent_size: int = 100,
    base_width: int = 256,
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds the fully connected generator of the practical, for images of any size.

    Args:
        base_width: units of each branch, 256 in the course; later layers have 2 and 4 times that.
    """
    named = Seeded(seed)

    def dense(values, units, name):
        values = layers.Dense(units, use_bias=False, **named(name))(values)
        values = batch_norm(f"{name}_norm", synchronized)(values)
        return layers.ReLU(name=f"{name}_activation")(values)

    latent, condition = inputs_with_condition((latent_size,), "latent", condition_size)
    inputs = [latent, condition]
    branches = [dense(vector, base_width, f"{vector.name}_branch") for vector in inputs]
    values = layers.Concatenate(name="joined")(branches)
    values = dense(dense(values, 2 * base_width, "hidden_0"), 4 * base_width, "hidden_1")
    values = layers.Dense(math.prod(shape), **named("to_picture"))(values)
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
    """Builds the fully connected discriminator of the practical, for images of any size.

    Args:
        base_width: units of each branch and the first common layer, 1,024 in the course; the
            second one has half as many.
    """
    named = Seeded(seed, 500)

    def dense(values, units, name, *, norm):
        values = layers.Dense(units, use_bias=not norm, **named(name))(values)
        if norm:
            values = batch_norm(f"{name}_norm", synchronized)(values)
        return layers.LeakyReLU(0.2, name=f"{name}_activation")(values)

    image, condition = inputs_with_condition(shape, "picture", condition_size)
    values = layers.Flatten(name="flatten")(image)
    values = dense(values, base_width, "picture_branch", norm=False)
    if conditioned:
        branch = dense(condition, base_width, "condition_branch", norm=False)
        values = layers.Concatenate(name="joined")([values, branch])
    values = dense(values, base_width, "hidden_0", norm=True)
    values = dense(values, base_width // 2, "hidden_1", norm=True)
    logit = layers.Dense(1, dtype="float32", **named("logit"))(values)
    return keras.Model([image, condition] if conditioned else image, logit, name="discriminator")

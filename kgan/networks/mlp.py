"""Fully connected generator and discriminator, as in the course's 100-300-784 and 784-20-1.

Reference: Goodfellow et al. 2014, section 5; Arjovsky et al. 2017, figure 7 (a ReLU MLP).
Differs from the papers: nothing that they fix.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers


def generator(
    shape: tuple[int, int, int],
    latent_size: int = 100,
    hidden: Sequence[int] = (300,),
    *,
    seed: int = 0,
) -> keras.Model:
    """Builds latent float32 [B, latent_size] → picture float32 [B, H, W, C] in [-1, 1] (tanh).

    Args:
        shape: (height, width, channels).
        latent_size: length of the noise vector.
        hidden: units of each hidden ReLU layer.
        seed: of the initial weights.
    """
    latent = keras.Input((latent_size,), name="latent")
    units = _hidden(latent, hidden, seed * 1000)
    units = layers.Dense(
        math.prod(shape), name="to_picture", kernel_initializer=_initializer(seed * 1000 + 400)
    )(units)
    picture = layers.Reshape(shape, name="reshape")(units)
    picture = layers.Activation("tanh", dtype="float32", name="picture")(picture)
    return keras.Model(latent, picture, name="generator")


def discriminator(
    shape: tuple[int, int, int], hidden: Sequence[int] = (20,), *, seed: int = 0
) -> keras.Model:
    """Builds picture float32 [B, H, W, C] in [-1, 1] → unbounded score float32 [B, 1].

    Args:
        shape: (height, width, channels).
        hidden: units of each hidden ReLU layer.
        seed: of the initial weights.
    """
    picture = keras.Input(shape, name="picture")
    units = layers.Flatten(name="flatten")(picture)
    units = _hidden(units, hidden, seed * 1000 + 500)
    score = layers.Dense(
        1, dtype="float32", name="score", kernel_initializer=_initializer(seed * 1000 + 900)
    )(units)
    return keras.Model(picture, score, name="discriminator")


def _hidden(units, sizes, seed):
    for number, size in enumerate(sizes):
        units = layers.Dense(
            size, activation="relu", name=f"hidden_{number}",
            kernel_initializer=_initializer(seed + number),
        )(units)  # fmt: skip
    return units


def _initializer(seed):
    return keras.initializers.HeUniform(seed=seed)

"""Fully connected generator and discriminator, as in the course's 100-300-784 and 784-20-1.

Reference: Goodfellow et al. 2014, section 5; Arjovsky et al. 2017, figure 7 (a ReLU MLP).
Differs from the papers: nothing that they fix.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers
from keras.initializers import HeUniform

from kgan.layers import Columns, MinibatchDiscrimination
from kgan.networks.blocks import Seeded
from kgan.spectral_norm import SpectralDense
from kgan.utils.errors import ArgumentError

HIDDEN_NOISE = {
    "none": None,
    "concat": layers.Concatenate,
    "add": layers.Add,
    "multiply": layers.Multiply,
}


def generator(
    shape: tuple[int, int, int],
    latent_size: int = 100,
    hidden: Sequence[int] = (300,),
    *,
    hidden_noise: str = "none",
    output_bias: bool = True,
    seed: int = 0,
) -> keras.Model:
    """Builds latent float32 [B, N] → image float32 [B, H, W, C] in [-1, 1] (tanh).

    Args:
        shape: (height, width, channels), or (D,) for points, which have no tanh.
        latent_size: length of the latent vector that is the input of the first layer.
        hidden: units of each hidden ReLU layer.
        hidden_noise: `concat`, `add` or `multiply` combines the output of the last hidden layer
            with more noise, one number per unit, against mode collapse. The noise is part of the
            latent vector, whose length N becomes latent_size + hidden[-1]. `none`: N is
            latent_size.
        output_bias: whether the last layer has a bias.
    """
    if hidden_noise not in HIDDEN_NOISE or (hidden_noise != "none" and not hidden):
        raise ArgumentError(
            "hidden_noise",
            f"must be one of {', '.join(HIDDEN_NOISE)}, and `none` without a hidden "
            f"layer. Received: hidden_noise={hidden_noise}",
        )
    extra = 0 if hidden_noise == "none" else hidden[-1]
    latent = keras.Input((latent_size + extra,), name="latent")
    units = Columns(0, latent_size, name="first_noise")(latent) if extra else latent
    units = _hidden(units, hidden, Seeded(seed, initializer=HeUniform))
    if extra:
        noise = Columns(latent_size, latent_size + extra, name="hidden_noise")(latent)
        units = HIDDEN_NOISE[hidden_noise](name=f"{hidden_noise}_noise")([units, noise])
    options = {"use_bias": output_bias, **Seeded(seed, 400, HeUniform)("to_picture")}
    units = layers.Dense(math.prod(shape), **options)(units)
    image = layers.Reshape(shape, name="reshape")(units)
    # Points are unbounded.
    last = "tanh" if len(shape) == 3 else "linear"
    image = layers.Activation(last, dtype="float32", name="picture")(image)
    return keras.Model(latent, image, name="generator")


def discriminator(
    shape: tuple[int, int, int],
    hidden: Sequence[int] = (20,),
    *,
    minibatch_kernels: int = 0,
    spectral_norm: bool = False,
    network_version: int = 2,
    seed: int = 0,
) -> keras.Model:
    """Builds image float32 [B, H, W, C] in [-1, 1] → unbounded score float32 [B, 1].

    Args:
        shape: (height, width, channels), or (D,) for points.
        hidden: units of each hidden ReLU layer.
        minibatch_kernels: features of minibatch discrimination before the score; 0: none.
        spectral_norm: whether every layer's kernel is divided by its largest singular value.
        network_version: 1 is for weights of an earlier kgan: minibatch discrimination has no weight
            normalisation.
    """
    dense = SpectralDense if spectral_norm else layers.Dense
    image = keras.Input(shape, name="picture")
    units = layers.Flatten(name="flatten")(image)
    units = _hidden(units, hidden, Seeded(seed, 500, HeUniform), dense)
    if minibatch_kernels:
        units = MinibatchDiscrimination(
            minibatch_kernels,
            seed=seed * 1000 + 800,
            weight_norm=network_version > 1,
            name="minibatch_discrimination",
        )(units)
    score = dense(1, dtype="float32", **Seeded(seed, 900, HeUniform)("score"))(units)
    return keras.Model(image, score, name="discriminator")


def _hidden(units, sizes, named, dense=layers.Dense):
    for number, size in enumerate(sizes):
        units = dense(size, activation="relu", **named(f"hidden_{number}"))(units)
    return units

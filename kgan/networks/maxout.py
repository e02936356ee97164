"""Networks for points: a generator of normalised ReLU layers and a discriminator of maxout layers.

Reference: Lin et al. 2018 (PacGAN), section 4.1, after Srivastava et al. 2017 (VEEGAN): four layers
of 400 units with batch normalisation, a linear output; three maxout layers of 200 units with 5
pieces each (Goodfellow et al. 2013, equations 1 and 2).
Differs from the papers: nothing that they fix; initial weights are Glorot's.
"""

from collections.abc import Sequence

import keras
from keras import layers
from keras.initializers import GlorotUniform

from kgan.layers import Maxout
from kgan.networks.blocks import Seeded, batch_norm
from kgan.utils.errors import ArgumentError

PIECES = 5


def generator(
    shape: tuple[int, ...],
    latent_size: int = 2,
    hidden: Sequence[int] = (400, 400, 400, 400),
    *,
    synchronized: bool = False,
    seed: int = 0,
) -> keras.Model:
    """Builds latent float32 [B, N] → point float32 [B, D], unbounded.

    Args:
        shape: (D,).
        latent_size: N.
        hidden: units of each hidden layer.
    """
    (units_out,) = _points(shape)
    latent = keras.Input((latent_size,), name="latent")
    units, named = latent, Seeded(seed, initializer=GlorotUniform)
    for number, size in enumerate(hidden):
        units = layers.Dense(size, use_bias=False, **named(f"hidden_{number}"))(units)
        units = batch_norm(f"norm_{number}", synchronized)(units)
        units = layers.ReLU(name=f"relu_{number}")(units)
    point = layers.Dense(units_out, dtype="float32", **Seeded(seed, 400, GlorotUniform)("point"))(
        units
    )
    return keras.Model(latent, point, name="generator")


def discriminator(
    shape: tuple[int, ...], hidden: Sequence[int] = (200, 200, 200), *, seed: int = 0
) -> keras.Model:
    """Builds point float32 [B, D] → logit float32 [B, 1].

    Args:
        shape: (D,), of all points that are scored together.
        hidden: units of each maxout layer.
    """
    point = keras.Input(_points(shape), name="picture")
    units, named = point, Seeded(seed, 500, GlorotUniform)
    for number, size in enumerate(hidden):
        units = Maxout(size, PIECES, **named(f"maxout_{number}"))(units)
    logit = layers.Dense(1, dtype="float32", **Seeded(seed, 900, GlorotUniform)("logit"))(units)
    return keras.Model(point, logit, name="discriminator")


def _points(shape):
    if len(shape) != 1:
        raise ArgumentError(
            "network", f"maxout is for points, as in ring and grid. Received: {shape}"
        )
    return shape

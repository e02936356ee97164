"""Initialisers, layers and checks that several networks use."""

import keras
from keras import layers

from kgan.utils.errors import ArgumentError


def normal(seed: int, mean: float = 0.0) -> keras.initializers.Initializer:
    """Returns initial weights N(mean, 0.02); layers of equal seed and shape get equal weights.

    Reference: Radford et al. 2016, section 4.
    """
    return keras.initializers.RandomNormal(mean=mean, stddev=0.02, seed=seed)


def batch_norm(name: str, synchronized: bool, **options) -> layers.BatchNormalization:
    """Returns a batch normalisation with momentum 0.9 and epsilon 1e-5, as in the references.

    Keras' defaults of 0.99 and 1e-3 adapt slowly and damp small activations.

    Args:
        name: of the layer.
        synchronized: whether statistics are those of the global batch.
        **options: of `keras.layers.BatchNormalization`.
    """
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, synchronized=synchronized, name=name, **options
    )


def instance_norm(name: str) -> layers.GroupNormalization:
    """Returns an instance normalisation without scale and shift."""
    options = {"epsilon": 1e-5, "center": False, "scale": False}
    return layers.GroupNormalization(groups=-1, name=name, **options)


def check_square(shape: tuple[int, int, int], sizes: tuple[int, ...]) -> int:
    """Checks that images are square and of one of the sizes; returns log₂ of the size.

    Raises:
        ArgumentError: on other shapes.
    """
    height, width, _ = shape
    if height != width or height not in sizes:
        raise ArgumentError(
            "shape",
            f"must be square, of {', '.join(map(str, sizes))} pixels. Received: {height}x{width}",
        )
    return height.bit_length() - 1

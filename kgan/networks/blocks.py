"""Initialisers, layers and checks that several networks use."""

import itertools
from collections.abc import Callable

import keras
from keras import layers

from kgan.layers import LiveBatchNormalization
from kgan.utils.errors import ArgumentError


def normal(seed: int, mean: float = 0.0) -> keras.initializers.Initializer:
    """Returns initial weights N(mean, 0.02); layers of equal seed and shape get equal weights.

    Reference: Radford et al. 2016, section 4.
    """
    return keras.initializers.RandomNormal(mean=mean, stddev=0.02, seed=seed)


class Seeded:
    """Names and initial weights of the layers of a network, each from the next seed.

    Args:
        seed: of the network.
        first: place of the first seed among the thousand of the network; the two players of a model
            begin at different places.
        initializer: from a seed to initial weights.

    Example:
        >>> named = Seeded(seed=2, first=500)
        >>> named("to_logit")["kernel_initializer"].seed, named.next_seed()
        (2500, 2501)
    """

    def __init__(self, seed: int, first: int = 0, initializer: Callable = normal):
        self._seeds = itertools.count(1000 * seed + first)
        self._initializer = initializer

    def next_seed(self) -> int:
        """Returns the next seed."""
        return next(self._seeds)

    def __call__(self, name: str, *options) -> dict:
        """Returns the name and the kernel's initial weights, as arguments of a layer.

        Args:
            name: of the layer.
            *options: further arguments of the initializer.
        """
        return {"name": name, "kernel_initializer": self._initializer(self.next_seed(), *options)}


def inputs_with_condition(
    shape: tuple[int, ...], name: str, condition_size: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns the inputs of a conditional network: an image or latent, and the condition."""
    return keras.Input(shape, name=name), keras.Input((condition_size,), name="condition")


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


def live_batch_norm(name: str, named: Seeded) -> LiveBatchNormalization:
    """Returns pix2pix's normalisation, with scales N(1, 0.02)."""
    return LiveBatchNormalization(gamma_initializer=normal(named.next_seed(), 1.0), name=name)


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

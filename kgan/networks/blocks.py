"""What several networks are made of."""

import keras
from keras import layers


def normal(seed: int) -> keras.initializers.Initializer:
    """Gives initial weights N(0, 0.02), with a seed of its own for each layer.

    Layers with equal seeds and shapes would get equal weights.

    Reference: Radford et al. 2016, section 4.
    """
    return keras.initializers.RandomNormal(stddev=0.02, seed=seed)


def batch_norm(name: str, synchronized: bool, **options) -> layers.BatchNormalization:
    """Makes a batch normalisation with momentum 0.9 and epsilon 1e-5, as the references have it.

    Keras' own 0.99 and 1e-3 are slow to follow and damp small activations.

    Args:
        name: of the layer.
        synchronized: statistics over all replicas.
        **options: of `keras.layers.BatchNormalization`.
    """
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, synchronized=synchronized, name=name, **options
    )

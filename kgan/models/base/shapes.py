"""Shapes of networks: kgan's own, users' functional ones, and those that are not built yet."""

import keras
import tensorflow as tf


def input_shapes(network: keras.Model) -> list[tuple[int | None, ...]] | None:
    """Returns the shapes of a network's inputs without the batch; None where it does not know.

    A functional model and a `Sequential` that begins with `keras.Input` know, a subclassed model
    and a `Sequential` that was not built do not.
    """
    if isinstance(network, keras.Sequential) and not network.built:
        return None
    inputs = getattr(network, "inputs", None)
    return [tuple(tensor.shape[1:]) for tensor in inputs] if inputs else None


def output_shape(network: keras.Model, *example_shapes) -> tuple[int | None, ...]:
    """Returns the shape of a network's output without the batch, or of its first output.

    Args:
        network: one that does not know is called with zeros, and so is built, too.
        example_shapes: shapes of its inputs without the batch, for such a network.
    """
    if input_shapes(network) is not None:
        return tuple(keras.tree.flatten(network.outputs)[0].shape[1:])
    return tuple(keras.tree.flatten(call_with_zeros(network, *example_shapes))[0].shape[1:])


def call_with_zeros(network: keras.Model, *example_shapes):
    """Calls a network with one example of zeros, which builds what is not built."""
    zeros = [tf.zeros([1, *shape]) for shape in example_shapes]
    return network(zeros if len(zeros) > 1 else zeros[0], training=False)


def is_built(network: keras.Model) -> bool:
    """Returns whether a network has its weights: it was built from inputs, or called before."""
    return network.built and bool(network.variables or input_shapes(network))


def has_own_shapes(network: keras.Model) -> bool:
    """Returns whether all sides of a network's inputs are known without data."""
    shapes = input_shapes(network)
    return shapes is not None and all(side is not None for shape in shapes for side in shape)

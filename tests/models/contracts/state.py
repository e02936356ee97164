"""A model's state as arrays, and comparisons of two states."""

import keras
import numpy as np
import tensorflow as tf

from kgan.runs import checkpoint

# Classes that may hold variables; a model's own parts are layers or modules.
OWNERS = (
    keras.layers.Layer,
    keras.optimizers.Optimizer,
    keras.metrics.Metric,
    keras.random.SeedGenerator,
    tf.Module,
)


def values(model, *owners):
    """Reads the state as arrays by path, of some owners or of all."""
    state = checkpoint.capture(model.state())
    return {k: v for k, v in state.items() if not owners or k.split("/")[0] in owners}


def reachable_variables(model):
    """Lists every variable that can be reached from a model, however it is kept there."""
    found, seen, open_ends = [], set(), [model]
    while open_ends:
        thing = open_ends.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, (keras.Variable, tf.Variable)):
            found.append(thing)
        elif isinstance(thing, dict):
            open_ends += thing.values()
        elif isinstance(thing, (list, tuple, set)):
            open_ends += thing
        elif isinstance(thing, OWNERS):
            open_ends += vars(thing).values()
    return found


def kernels(network):
    """Lists the shapes of a network's kernels by the name of their layer."""
    variables = [v for v in network.trainable_variables if len(v.shape) > 1]
    return {v.path.split("/")[0]: v.shape for v in variables}


def trainable(model, player):
    """Reads the trainable weights of all networks of a player, `g` or `d`."""
    networks = model.players[player]
    return [np.asarray(v) for network in networks for v in network.trainable_variables]


def differing(first, second):
    """Lists the paths at which two captured states differ in a bit."""
    assert first.keys() == second.keys()
    return [path for path in first if first[path].tobytes() != second[path].tobytes()]


def assert_same_state(first, second):
    """Compares the states of two models up to rounding."""
    one, two = values(first), values(second)
    assert one.keys() == two.keys()
    for path, array in one.items():
        # Relative to the array's largest number, so that small gradients count, too. Down to
        # rounding, where a bias ahead of a normalisation has no gradient.
        largest = np.abs(array).max()
        is_mean = path.startswith("logged/")
        tolerance = 1e-5 * largest if is_mean else max(1e-8, min(1e-5, 5e-5 * largest))
        np.testing.assert_allclose(two[path], array, atol=tolerance, rtol=0, err_msg=path)


def assert_same_logs(first, second):
    """Compares the logs of two trainings up to rounding."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, atol=1e-5, rtol=1e-5, err_msg=name)


def with_sgd(model, learning_rate=1e-3, momentum=0.5, **arguments):
    """Compiles a model with optimizers whose steps are as large as the gradients.

    Adam's steps hide the size of a gradient, and are wrong where it is rounding alone.
    """
    for player in model.player_names:
        arguments[f"{player}_optimizer"] = keras.optimizers.SGD(learning_rate, momentum)
    model.compile(**arguments)
    return model


def moved(before, after):
    """Returns whether a training changed each kernel; a last bias may stay as it is."""
    pairs = zip(before, after, strict=True)
    return all((old != new).any() for old, new in pairs if old.ndim > 1)


class CheckpointAfter(keras.callbacks.Callback):
    """Writes a checkpoint in the middle of a training that continues."""

    def __init__(self, steps, path):
        super().__init__()
        self.steps = steps
        self.path = path

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.steps:
            state = checkpoint.capture(self.model.state())
            checkpoint.write(self.path, state, {"step": self.model.completed_steps})

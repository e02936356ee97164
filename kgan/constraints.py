"""Weight constraints that Keras does not have."""

import keras


@keras.saving.register_keras_serializable("kgan")
class WeightClip(keras.constraints.Constraint):
    """Clips every weight into [-limit, limit], which keeps a critic Lipschitz.

    Keras applies a variable's constraint after each update of the optimiser, which is where the
    algorithm puts the clip.

    Args:
        limit: positive float, c of the paper.

    Reference: Arjovsky et al. 2017, algorithm 1, line 7.
    """

    def __init__(self, limit: float):
        if limit <= 0:
            raise ValueError(f"`limit` must be positive. Received: limit={limit}")
        self.limit = limit

    def __call__(self, w):
        return keras.ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


def clip_weights(network: keras.Model, limit: float) -> None:
    """Puts a `WeightClip` on every trainable variable of a network that is built."""
    for variable in network.trainable_variables:
        variable.constraint = WeightClip(limit)

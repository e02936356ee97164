"""Precision in which Keras' layers compute, for the time of building them."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Sets the global dtype policy, which new layers keep, and puts the earlier one back.

    Args:
        policy: name of a policy of Keras, such as `float32` or `mixed_bfloat16`.

    Example:
        >>> import keras
        >>> with precision("mixed_bfloat16"):
        ...     layer = keras.layers.Dense(1)
        >>> layer.dtype_policy.name, keras.config.dtype_policy().name
        ('mixed_bfloat16', 'float32')
    """
    # Not above: the command line answers --help without Keras.
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)

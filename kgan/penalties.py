"""Penalties on the discriminator's gradient: pure functions, one value per example.

Each looks at the gradient of the scores with respect to the pictures, at points of its own choice,
and is added to the discriminator's loss with a weight.
"""

from collections.abc import Callable

import tensorflow as tf

Scores = Callable[[tf.Tensor], tf.Tensor]

# Added under a root, whose gradient at 0 is not a number.
TINY = 1e-12
# The weights of the papers, where the user gives none.
WEIGHTS = {"none": 0.0, "unit_slope": 10.0, "r1": 10.0, "dragan": 10.0}
DRAGAN_SPREAD = 0.5  # of a picture's own standard deviation


def squared_gradient_norm(scores: Scores, points: tf.Tensor) -> tf.Tensor:
    """Computes ‖∇ D(x)‖² at each point; float32 [B].

    Args:
        scores: from pictures float32 [B, ...] to scores [B, 1]; the score of an example must not
            depend on the others.
        points: float32 [B, ...].
    """
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = tf.cast(scores(points), tf.float32)
    gradients = tf.cast(tape.gradient(values, points), tf.float32)
    return tf.reduce_sum(tf.reshape(tf.square(gradients), [tf.shape(points)[0], -1]), axis=1)


def gradient_penalty(scores: Scores, points: tf.Tensor) -> tf.Tensor:
    """Computes (‖∇ D(x)‖ − 1)²: zero for a critic of slope 1; float32 [B].

    Reference: Gulrajani et al. 2017, equation 3.
    """
    return tf.square(tf.sqrt(squared_gradient_norm(scores, points) + TINY) - 1.0)


def zero_centred_penalty(scores: Scores, points: tf.Tensor) -> tf.Tensor:
    """Computes ½ ‖∇ D(x)‖²; float32 [B]. Reference: Mescheder et al. 2018, equation 9 (R1)."""
    return 0.5 * squared_gradient_norm(scores, points)


def between(reals: tf.Tensor, fakes: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Gives points on the lines between real and generated pictures.

    Args:
        reals: float32 [B, ...].
        fakes: the same shape.
        shares: float32 [B], uniform in [0, 1): how much of the real one.

    Reference: Gulrajani et al. 2017, algorithm 1, lines 4 and 6.
    """
    shares = tf.reshape(shares, [-1] + [1] * (reals.shape.rank - 1))
    return shares * reals + (1.0 - shares) * fakes


def around(reals: tf.Tensor, shares: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Gives points near real pictures.

    Args:
        reals: float32 [B, ...].
        shares: float32 [B], uniform in [0, 1): how far out.
        noise: standard normal, as large as the pictures.

    Reference: Kodali et al. 2017, algorithm 1.
    Differs from the paper: the noise is scaled by the standard deviation of each picture and not of
        the batch, so that an example does not depend on its batch-mates.
    """
    axes = list(range(1, reals.shape.rank))
    spread = tf.math.reduce_std(reals, axis=axes, keepdims=True)
    shares = tf.reshape(shares, [-1] + [1] * len(axes))
    return reals + shares * DRAGAN_SPREAD * spread * noise


def penalty(name: str, scores: Scores, reals, fakes, chances) -> tf.Tensor:
    """Computes a penalty by name; float32 [B].

    Args:
        name: `unit_slope` (on lines between real and generated), `dragan` (around real ones) or
            `r1` (at real ones).
        scores: from pictures to scores.
        reals: float32 [B, ...].
        fakes: the same shape.
        chances: dict of what is random: `shares` float32 [B], and for dragan `noise`.

    Raises:
        ValueError: on an unknown name.
    """
    match name:
        case "unit_slope":
            return gradient_penalty(scores, between(reals, fakes, chances["shares"]))
        case "dragan":
            return gradient_penalty(scores, around(reals, chances["shares"], chances["noise"]))
        case "r1":
            return zero_centred_penalty(scores, reals)
    raise ValueError(f"`penalty` must be one of {', '.join(WEIGHTS)}. Received: penalty={name}")

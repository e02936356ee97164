"""Adversarial and reconstruction losses: pure functions, one value per example.

Polarity everywhere: discriminators give logits (or unbounded scores) and high means real; there is
no sigmoid inside a network. Every function takes scores of any shape [B, ...] (a PatchGAN gives
[B, h, w, 1]) and returns float32 [B]: the mean over all axes but the first. The division by the
global batch happens once, in `kgan.models.base.model`.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf


def per_example_mean(values: tf.Tensor) -> tf.Tensor:
    """Averages [B, ...] over all axes but the first, in float32; returns [B]."""
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)


def _softplus_mean(values: tf.Tensor) -> tf.Tensor:
    return per_example_mean(tf.nn.softplus(tf.cast(values, tf.float32)))


def bce_discriminator_real_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log σ(logits): what D pays for real examples.

    Reference: Goodfellow et al. 2014, equation 1, as a loss. softplus(−l) = −log σ(l) stays
    finite where σ(l) rounds to 0.
    """
    return _softplus_mean(-logits)


def bce_discriminator_fake_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log(1 − σ(logits)): what D pays for generated examples.

    Reference: Goodfellow et al. 2014, equation 1, as a loss.
    """
    return _softplus_mean(logits)


def non_saturating_generator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log σ(logits): G maximises log D(G(z)).

    Reference: Goodfellow et al. 2014, section 3, the remark after equation 1.
    """
    return _softplus_mean(-logits)


def minimax_generator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes log(1 − σ(logits)), the value that G minimises in the game as it is written.

    It saturates: its gradient vanishes where D is sure. Values lie in (−∞, 0].

    Reference: Goodfellow et al. 2014, equation 1.
    """
    return -_softplus_mean(logits)


def least_squares_discriminator_real_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes (D(x) − 1)².

    Reference: Mao et al. 2017, equation 9 (a = 0, b = c = 1), without its factor ½.
    """
    return per_example_mean(tf.square(tf.cast(scores, tf.float32) - 1.0))


def least_squares_discriminator_fake_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes D(G(z))². Reference: Mao et al. 2017, equation 9, without its factor ½."""
    return per_example_mean(tf.square(tf.cast(scores, tf.float32)))


def least_squares_generator_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes (D(G(z)) − 1)². Reference: Mao et al. 2017, equation 9, without its factor ½."""
    return per_example_mean(tf.square(tf.cast(scores, tf.float32) - 1.0))


def wasserstein_critic_real_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes −f(x). Reference: Arjovsky et al. 2017, equation 3, as a loss."""
    return -per_example_mean(scores)


def wasserstein_critic_fake_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes f(G(z)). Reference: Arjovsky et al. 2017, equation 3, as a loss."""
    return per_example_mean(scores)


def wasserstein_generator_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes −f(G(z)). Reference: Arjovsky et al. 2017, algorithm 1, line 10."""
    return -per_example_mean(scores)


def hinge_discriminator_real_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes max(0, 1 − D(x)). Reference: Lim and Ye 2017; Miyato et al. 2018, equation 17."""
    return per_example_mean(tf.nn.relu(1.0 - tf.cast(scores, tf.float32)))


def hinge_discriminator_fake_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes max(0, 1 + D(G(z))). Reference: Miyato et al. 2018, equation 17."""
    return per_example_mean(tf.nn.relu(1.0 + tf.cast(scores, tf.float32)))


def hinge_generator_loss(scores: tf.Tensor) -> tf.Tensor:
    """Computes −D(G(z)). Reference: Miyato et al. 2018, equation 16."""
    return -per_example_mean(scores)


def absolute_error(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute error of each example: the L1 distance over the pixel count.

    Args:
        predictions: float [B, ...].
        targets: the same shape.

    Returns:
        float32 [B]; images in [-1, 1] give values in [0, 2].

    Reference: Isola et al. 2017, equation 3.
    """
    difference = tf.cast(predictions, tf.float32) - tf.cast(targets, tf.float32)
    return per_example_mean(tf.abs(difference))


def mean_over_scales(loss: "Loss", scores) -> tf.Tensor:
    """Averages a loss over the discriminators of several scales.

    Args:
        loss: maps scores [B, ...] to float32 [B].
        scores: [B, ...] of one discriminator, or a list of such of several.

    Returns:
        float32 [B].

    Reference: Wang et al. 2018, equation 3.
    Differs from the paper: the mean and not the sum, so that the weight of a second term, such
    as an L1 distance, means the same at any number of scales.
    """
    return tf.reduce_mean([loss(one) for one in tf.nest.flatten(scores)], axis=0)


Loss = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """The three parts of a two-player loss; each maps scores [B, ...] to float32 [B].

    Args:
        discriminator_real: what D pays for real examples.
        discriminator_fake: what D pays for generated ones.
        generator: what G pays for generated ones.
        won_below: a d_loss below this for long means that D has won; None where there is no such
            value: a critic's loss has no lower end.
    """

    discriminator_real: Loss
    discriminator_fake: Loss
    generator: Loss
    won_below: float | None = 0.01

    def with_real_label(self, label: float) -> "AdversarialLoss":
        """Makes D aim at a label below 1 for real examples: one-sided smoothing.

        The real part becomes label · real + (1 − label) · fake: for the cross-entropy that is the
        one with the soft target, for least squares (D(x) − label)² + label − label².

        Args:
            label: in (0, 1]; the course takes 0.7 to 0.99.

        Reference: Salimans et al. 2016, section 3.4.
        """
        if label == 1:
            return self

        def softened(scores):
            return label * self.discriminator_real(scores) + (1 - label) * self.discriminator_fake(
                scores
            )

        # A soft target has an entropy of its own, which no D gets below.
        return dataclasses.replace(self, discriminator_real=softened, won_below=None)


ADVERSARIAL_LOSSES: dict[str, AdversarialLoss] = {
    "bce": AdversarialLoss(
        bce_discriminator_real_loss, bce_discriminator_fake_loss, non_saturating_generator_loss
    ),
    "minimax": AdversarialLoss(
        bce_discriminator_real_loss, bce_discriminator_fake_loss, minimax_generator_loss
    ),
    "least_squares": AdversarialLoss(
        least_squares_discriminator_real_loss,
        least_squares_discriminator_fake_loss,
        least_squares_generator_loss,
    ),
    "hinge": AdversarialLoss(
        hinge_discriminator_real_loss, hinge_discriminator_fake_loss, hinge_generator_loss
    ),
    "wasserstein": AdversarialLoss(
        wasserstein_critic_real_loss,
        wasserstein_critic_fake_loss,
        wasserstein_generator_loss,
        won_below=None,
    ),
}


Scores = Callable[[tf.Tensor], tf.Tensor]

# Added under a root, whose gradient at 0 is not a number.
TINY = 1e-12
# The weights of the papers, where the user gives none.
PENALTY_WEIGHTS = {"none": 0.0, "unit_slope": 10.0, "r1": 10.0, "dragan": 10.0}
DRAGAN_SPREAD = 0.5  # of an image's own standard deviation


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


def interpolate_images(reals: tf.Tensor, fakes: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Gives points on the lines between real and generated images.

    Args:
        reals: float32 [B, ...].
        fakes: the same shape.
        shares: float32 [B], uniform in [0, 1): how much of the real one.

    Reference: Gulrajani et al. 2017, algorithm 1, lines 4 and 6.
    """
    shares = tf.reshape(shares, [-1] + [1] * (reals.shape.rank - 1))
    return shares * reals + (1.0 - shares) * fakes


def perturb_images(reals: tf.Tensor, shares: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Gives points near real images.

    Args:
        reals: float32 [B, ...].
        shares: float32 [B], uniform in [0, 1): how far out.
        noise: standard normal, as large as the images.

    Reference: Kodali et al. 2017, algorithm 1.
    Differs from the paper: the noise is scaled by the standard deviation of each image and not of
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
        scores: from images to scores.
        reals: float32 [B, ...].
        fakes: the same shape.
        chances: dict of what is random: `shares` float32 [B], and for dragan `noise`.

    Raises:
        ValueError: on an unknown name.
    """
    match name:
        case "unit_slope":
            return gradient_penalty(scores, interpolate_images(reals, fakes, chances["shares"]))
        case "dragan":
            return gradient_penalty(
                scores, perturb_images(reals, chances["shares"], chances["noise"])
            )
        case "r1":
            return zero_centred_penalty(scores, reals)
    raise ValueError(
        f"`penalty` must be one of {', '.join(PENALTY_WEIGHTS)}. Received: penalty={name}"
    )

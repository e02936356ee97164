"""Adversarial, reconstruction and gradient-penalty losses: pure functions, one value per example.

Discriminators return logits (or unbounded scores), and high means real; there is no sigmoid inside
a network. Losses take scores of any shape [B, ...] (a PatchGAN returns [B, h, w, 1]) and return
float32 [B]: the mean over all axes but the first. The division by the global batch happens once, in
`kgan.models.base.model`.

In formulas x is a real image, G(z) a generated one, D the discriminator, f the critic, l a logit.
"""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from kgan.utils.errors import ArgumentError

Scores = Callable[[tf.Tensor], tf.Tensor]
Loss = Callable[[tf.Tensor], tf.Tensor]

# Adversarial losses.


def per_example_mean(values: tf.Tensor) -> tf.Tensor:
    """Averages [B, ...] over all axes but the first, in float32; returns [B]."""
    values = tf.cast(values, tf.float32)
    return tf.reduce_mean(tf.reshape(values, [tf.shape(values)[0], -1]), axis=1)


def _softplus_mean(values: tf.Tensor) -> tf.Tensor:
    return per_example_mean(tf.nn.softplus(tf.cast(values, tf.float32)))


def bce_discriminator_real_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log σ(l), as softplus(−l), which stays finite where σ(l) rounds to 0.

    Reference: Goodfellow et al. 2014, equation 1, as a loss.
    """
    return _softplus_mean(-logits)


def bce_discriminator_fake_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log(1 − σ(l)). Reference: Goodfellow et al. 2014, equation 1, as a loss."""
    return _softplus_mean(logits)


def non_saturating_generator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes −log σ(l). Reference: Goodfellow et al. 2014, section 3, after equation 1."""
    return _softplus_mean(-logits)


def minimax_generator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Computes log(1 − σ(l)) in (−∞, 0]; its gradient vanishes where the discriminator is certain.

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


def mean_over_scales(loss: Loss, scores) -> tf.Tensor:
    """Averages a loss over the discriminators of several scales.

    Args:
        loss: from scores [B, ...] to float32 [B].
        scores: [B, ...] of one discriminator, or a list of them.

    Returns:
        float32 [B].

    Reference: Wang et al. 2018, equation 3.
    Differs from the paper: the mean instead of the sum, so that the weight of a second term, such
    as an L1 distance, has the same effect at any number of scales.
    """
    return tf.reduce_mean([loss(one) for one in tf.nest.flatten(scores)], axis=0)


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """The three parts of a two-player loss, each from scores [B, ...] to float32 [B].

    Args:
        discriminator_real: the discriminator's loss on real examples.
        discriminator_fake: the discriminator's loss on generated examples.
        generator: the generator's loss.
        won_below: a d_loss that stays below this value shows that the discriminator has won; None
            for losses without a lower bound.

    Example:
        >>> smooth = ADVERSARIAL_LOSSES["least_squares"].with_real_label(0.75)
        >>> smooth.discriminator_real(tf.constant([[0.75], [1.0]])).numpy().tolist()
        [0.1875, 0.25]
    """

    discriminator_real: Loss
    discriminator_fake: Loss
    generator: Loss
    won_below: float | None = 0.01

    def with_real_label(self, label: float) -> "AdversarialLoss":
        """Returns the loss with a label below 1 for real examples: one-sided label smoothing.

        The real part becomes label · real + (1 − label) · fake: the cross-entropy with the soft
        label, and for least squares (D(x) − label)² + label − label².

        Args:
            label: in (0, 1]; 0.7 to 0.99 in the course (docs/course.md).

        Reference: Salimans et al. 2016, section 3.4.
        """
        if label == 1:
            return self

        def smooth(scores):
            real, fake = self.discriminator_real(scores), self.discriminator_fake(scores)
            return label * real + (1 - label) * fake

        # The entropy of a soft label is a lower bound of the loss.
        return dataclasses.replace(self, discriminator_real=smooth, won_below=None)


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


def adversarial(loss) -> AdversarialLoss:
    """Returns the three parts of an adversarial loss.

    Args:
        loss: a key of `ADVERSARIAL_LOSSES`; or a `keras.losses.Loss`, or a function of labels and
            logits, which returns one value for each example or a mean. Labels are 1 for real and 0
            for generated examples; the generator's are 1 for its own.

    Raises:
        ArgumentError: lists the known names.

    Example:
        >>> parts = adversarial(lambda labels, logits: (labels - logits) ** 2)
        >>> parts.discriminator_fake(tf.constant([[2.0], [0.0]])).numpy().tolist()
        [4.0, 0.0]
    """
    if loss in list(ADVERSARIAL_LOSSES):
        return ADVERSARIAL_LOSSES[loss]
    if not callable(loss):
        known = ", ".join(ADVERSARIAL_LOSSES)
        raise ArgumentError(
            "gan_loss", f"must be one of {known}, or a loss of Keras. Received: gan_loss={loss}"
        )
    # A loss object averages over the batch when it is called; its `call` does not.
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def part(label):
        def values(scores):
            scores = tf.cast(scores, tf.float32)
            found = tf.convert_to_tensor(function(tf.fill(tf.shape(scores), label), scores))
            if found.shape.rank == 0:
                return tf.fill([tf.shape(scores)[0]], found)
            return per_example_mean(found)

        return values

    return AdversarialLoss(part(1.0), part(0.0), part(1.0), won_below=None)


# Reconstruction losses.


def absolute_error(predictions: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Computes the mean absolute error of each example (the L1 distance over the pixel count).

    Args:
        predictions: float [B, ...].
        targets: float [B, ...].

    Returns:
        float32 [B]; images in [-1, 1] give values in [0, 2].

    Reference: Isola et al. 2017, equation 3.
    """
    difference = tf.cast(predictions, tf.float32) - tf.cast(targets, tf.float32)
    return per_example_mean(tf.abs(difference))


# Gradient penalties.

TINY = 1e-12  # added under a square root, whose gradient at 0 is not a number
# Default weights, those of the papers.
PENALTY_WEIGHTS = {"none": 0.0, "unit_slope": 10.0, "r1": 10.0, "dragan": 10.0}
DRAGAN_SPREAD = 0.5  # of an image's own standard deviation


def squared_gradient_norm(scores: Scores, points: tf.Tensor) -> tf.Tensor:
    """Computes ‖∇ D(x)‖² at each point; float32 [B].

    Args:
        scores: from images float32 [B, ...] to scores [B, 1]; the score of an example must not
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
    """Computes points on the lines between real and generated images.

    Args:
        reals: float32 [B, ...].
        fakes: float32 [B, ...].
        shares: float32 [B], uniform in [0, 1): weights of the real images.

    Reference: Gulrajani et al. 2017, algorithm 1, lines 4 and 6.
    """
    shares = tf.reshape(shares, [-1] + [1] * (reals.shape.rank - 1))
    return shares * reals + (1.0 - shares) * fakes


def perturb_images(reals: tf.Tensor, shares: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Computes points near real images.

    Args:
        reals: float32 [B, ...].
        shares: float32 [B], uniform in [0, 1): scales of the noise.
        noise: float32 [B, ...], standard normal.

    Reference: Kodali et al. 2017, algorithm 1.
    Differs from the paper: the noise is scaled by the standard deviation of each image instead of
        the batch, so that an example does not depend on the others.
    """
    axes = list(range(1, reals.shape.rank))
    deviations = tf.math.reduce_std(reals, axis=axes, keepdims=True)
    shares = tf.reshape(shares, [-1] + [1] * len(axes))
    return reals + shares * DRAGAN_SPREAD * deviations * noise


def penalty(name: str, scores: Scores, reals, fakes, noise) -> tf.Tensor:
    """Computes a gradient penalty by name; float32 [B].

    Args:
        name: `unit_slope` (between real and generated images), `dragan` (near real images) or `r1`
            (at real images).
        scores: from images to scores.
        reals: float32 [B, ...].
        fakes: float32 [B, ...].
        noise: dict with `shares` float32 [B], and for dragan `noise` [B, ...].

    Raises:
        ArgumentError: on an unknown name.
    """
    match name:
        case "unit_slope":
            return gradient_penalty(scores, interpolate_images(reals, fakes, noise["shares"]))
        case "dragan":
            points = perturb_images(reals, noise["shares"], noise["noise"])
            return gradient_penalty(scores, points)
        case "r1":
            return zero_centred_penalty(scores, reals)
    known = ", ".join(PENALTY_WEIGHTS)
    raise ArgumentError("penalty", f"must be one of {known}. Received: penalty={name}")

"""Networks of unconditional models, as `--network` and the flags beside it choose them."""

import logging

from kgan.layers import mixing_examples
from kgan.models.base.flags import choice, integer, latent_size, layer_units, switch
from kgan.networks import dcgan, maxout, mlp
from kgan.spectral_norm import SpectralConv2D, SpectralDense
from kgan.utils.errors import ArgumentError

logger = logging.getLogger("kgan")

NETWORK_VERSION = integer(
    "network_version",
    2,
    (1, 2),
    "Definition of the networks. 2: as the papers' authors have them; 1: as in runs of an earlier "
    "kgan, without this flag; set it with --init_from= or --flagfile= of such a run.",
    earlier=1,
)
NETWORK_FLAGS = (
    choice(
        "network",
        "dcgan",
        ("dcgan", "mlp", "maxout"),
        "Architecture of both networks. dcgan: convolutional; mlp, maxout: fully connected.",
    ),
    latent_size(100),
    integer(
        "width", 32, (1, 4096), "dcgan: channels of the largest maps; doubled from layer to layer."
    ),
    layer_units("g_hidden", [300], "mlp, maxout: units of a hidden layer of the generator"),
    layer_units("d_hidden", [300], "mlp, maxout: units of a hidden layer of the discriminator"),
    choice("d_norm", "batch", dcgan.NORMS, "dcgan: normalisation in the discriminator."),
    switch("output_bias", None, "A bias in the generator's last layer; default: with mlp only."),
    choice(
        "hidden_noise",
        "none",
        tuple(mlp.HIDDEN_NOISE),
        "mlp: noise that is concatenated to the generator's last hidden layer.",
    ),
    integer(
        "minibatch_kernels",
        0,
        (0, 1000),
        "Features of minibatch discrimination, against mode collapse; 0: none.",
    ),
    switch("spectral_norm", False, "Spectral normalisation of the discriminator."),
    NETWORK_VERSION,
)


def _refuse(flags, *names):
    """Refuses flags that the chosen networks do not have."""
    for name in names:
        if getattr(flags, name) not in (None, False, 0, "none"):
            raise ArgumentError(name, f"does not go with --network={flags.network}")


def _bias(flags):
    return {} if flags.output_bias is None else {"output_bias": flags.output_bias}


def _mlp(flags, shape, seen):
    own = {"hidden_noise": flags.hidden_noise, "seed": flags.seed, **_bias(flags)}
    generator = mlp.generator(shape, flags.latent_size, flags.g_hidden, **own)
    return generator, mlp.discriminator(seen, flags.d_hidden, **_additions(flags))


def _maxout(flags, shape, seen):
    _refuse(flags, "hidden_noise", "minibatch_kernels", "spectral_norm", "output_bias")
    generator = maxout.generator(
        shape, flags.latent_size, flags.g_hidden, synchronized=flags.synchronized, seed=flags.seed
    )
    return generator, maxout.discriminator(seen, flags.d_hidden, seed=flags.seed)


def _dcgan(flags, shape, seen):
    _refuse(flags, "hidden_noise")
    if len(shape) != 3:
        raise ArgumentError("network", "dcgan is for images; for points, use mlp or maxout")
    common = {"base_width": flags.width, "synchronized": flags.synchronized}
    generator = dcgan.generator(shape, flags.latent_size, seed=flags.seed, **common, **_bias(flags))
    return generator, dcgan.discriminator(seen, norm=flags.d_norm, **_additions(flags), **common)


def _additions(flags):
    names = ("minibatch_kernels", "spectral_norm", "network_version", "seed")
    return {name: getattr(flags, name) for name in names}


# By name, a function of the flags, of the shape of an image or point, and of the shape that the
# discriminator gets, which is that of several packed together.
NETWORKS = {"dcgan": _dcgan, "mlp": _mlp, "maxout": _maxout}


def warn_of_batch_statistics(penalty: str, discriminator) -> None:
    """Logs a warning where a gradient penalty meets a layer that computes with a whole batch."""
    # Spectral normalisation mixes examples through its power iteration alone.
    mixing = mixing_examples(discriminator, but=(SpectralConv2D, SpectralDense))
    if mixing:
        logger.warning(
            "warning: penalty=%s: the discriminator's layer %s computes with all images of a "
            "batch, so that the gradient at one image depends on the others; layer normalisation "
            "(--d_norm=layer) does not",
            penalty,
            mixing[0],
        )

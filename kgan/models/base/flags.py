"""From flags to the schemes that draw from latents: networks, how the game is played, the model.

Flags are called like the arguments of `LatentModel` and of the networks. A scheme's DEFAULTS begin
with `defaults()`, its `define_flags` calls `define_flags` here, its `build` calls `build`.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf
from absl import flags

from kgan import losses, optimizers
from kgan.losses import ADVERSARIAL_LOSSES
from kgan.models.base.adversarial import (
    GAME,
    SCHEDULE_CRITIC,
    SCHEDULE_EVERY,
    SCHEDULE_FIRST,
    LatentModel,
)
from kgan.models.base.latent import DISTRIBUTIONS
from kgan.networks import dcgan, maxout, mlp

NETWORK_DEFAULTS = {
    "network": "dcgan",
    "latent_size": 100,
    "width": 32,
    "g_hidden": [300],
    "d_hidden": [300],
    "d_norm": "batch",
    "output_bias": None,
    "hidden_noise": "none",
    "minibatch_kernels": 0,
    "spectral_norm": False,
}


def defaults(without: Sequence[str] = ()) -> dict:
    """Gives what DEFAULTS of a scheme begin with, but for flags that it does not define."""
    return {k: v for k, v in {**GAME, **NETWORK_DEFAULTS}.items() if k not in without}


def define_flags(flag_values: flags.FlagValues, without: Sequence[str] = ()) -> None:
    """Defines the flags of networks and game, but for those that a scheme does not leave open."""
    define_network_flags(flag_values)
    define_game_flags(flag_values, without)


def define_game_flags(flag_values: flags.FlagValues, without: Sequence[str] = ()) -> None:
    """Defines the flags that say how the game is played; their values come from DEFAULTS.

    Args:
        flag_values: where to.
        without: those that a scheme does not leave open.
    """

    def integer(name, about, low, high):
        flags.DEFINE_integer(name, None, about, low, high, flag_values=flag_values)

    def number(name, about, low, high):
        flags.DEFINE_float(name, None, about, low, high, flag_values=flag_values)

    def boolean(name, about):
        flags.DEFINE_boolean(name, None, about, flag_values=flag_values)

    def choice(name, options, about):
        flags.DEFINE_enum(name, None, options, about, flag_values=flag_values)

    choice(
        "gan_loss",
        list(ADVERSARIAL_LOSSES),
        "bce: G maximises log D(G(z)). minimax: G minimises log(1 - D(G(z))), which saturates.",
    )
    integer("d_updates", "Updates of D in a step, each on a fresh batch.", 1, 1000)
    integer("g_updates", "Updates of G in a step, each on fresh latents.", 1, 1000)
    boolean("simultaneous", "Both players move from the same point, not one after the other.")
    number("real_label", "What D aims at for real images; the course: 0.7 to 0.99.", 1e-6, 1)
    number("flip_labels", "Share of examples whose label D is told wrongly.", 0, 1)
    integer("packing", "D sees so many images together (PacGAN), within a replica.", 1, 64)
    choice("penalty", list(losses.PENALTY_WEIGHTS), "On the gradient of D.")
    number("penalty_weight", "Its weight; default: the paper's 10.", 0, 1e6)
    flags.DEFINE_string(
        "augment",
        None,
        "What D sees is changed at random: color,translation,cutout.",
        flag_values=flag_values,
    )
    choice("latent_distribution", DISTRIBUTIONS, "normal: N(0, I). uniform: U(-1, 1).")
    integer("critic_warmup", "The first so many steps train D alone.", 0, 10**9)
    boolean(
        "critic_schedule",
        f"{SCHEDULE_CRITIC} updates of D ahead of each of the first {SCHEDULE_FIRST} of G and of "
        f"every {SCHEDULE_EVERY}th, as in the WGAN authors' code.",
    )
    for name in without:
        delattr(flag_values, name)


def define_network_flags(flag_values: flags.FlagValues) -> None:
    """Defines the flags of fully connected and of DCGAN's networks."""

    def integer(name, about, low, high):
        flags.DEFINE_integer(name, None, about, low, high, flag_values=flag_values)

    def choice(name, options, about):
        flags.DEFINE_enum(name, None, options, about, flag_values=flag_values)

    choice("network", list(NETWORKS), "Which networks both players are.")
    integer("latent_size", "Length of the noise vector.", 1, 65_536)
    integer("width", "dcgan: channels next to the image; they double inwards.", 1, 4096)
    for player, name in (("g", "generator"), ("d", "discriminator")):
        flags.DEFINE_multi_integer(
            f"{player}_hidden",
            None,
            f"mlp, maxout: units of a hidden layer of the {name}, once a layer.",
            1,
            65_536,
            flag_values=flag_values,
        )
    choice("d_norm", dcgan.NORMS, "dcgan: what normalises the discriminator.")
    flags.DEFINE_boolean(
        "output_bias",
        None,
        "A bias in G's last layer; default: only with mlp.",
        flag_values=flag_values,
    )
    choice("hidden_noise", list(mlp.HIDDEN_NOISE), "mlp: more noise on G's last hidden layer.")
    integer("minibatch_kernels", "Features of minibatch discrimination in D; 0: none.", 0, 1000)
    flags.DEFINE_boolean(
        "spectral_norm", None, "Spectral normalisation of D, as published.", flag_values=flag_values
    )


def game(settings) -> dict:
    """Gives the arguments of `LatentModel` that settings hold.

    Raises:
        ValueError: begins with the argument that does not go with the batch.
    """
    arguments = {n: getattr(settings, n) for n in GAME if hasattr(settings, n)}
    part = settings.batch_size // tf.distribute.get_strategy().num_replicas_in_sync
    part //= settings.accumulate
    if part % arguments["packing"]:
        raise ValueError(f"`packing` must divide the {part} images that D is given at once")
    return arguments


def build_networks(settings, spec) -> tuple[keras.Model, keras.Model]:
    """Builds generator and discriminator as the flags of `define_network_flags` say.

    Raises:
        ValueError: begins with the argument that does not fit.
    """
    seen = (*spec.shape[:-1], spec.channels * settings.packing)
    return NETWORKS[settings.network](settings, spec.shape, seen)


def _refuse(settings, *names):
    """Refuses what was asked for and the chosen networks do not have."""
    for name in names:
        if getattr(settings, name) not in (None, False, 0, "none"):
            raise ValueError(f"`{name}` does not go with --network={settings.network}")


def _output(settings):
    return {} if settings.output_bias is None else {"output_bias": settings.output_bias}


def _additions(settings):
    return {n: getattr(settings, n) for n in ("minibatch_kernels", "spectral_norm", "seed")}


def _mlp(settings, shape, seen):
    generator = mlp.generator(
        shape,
        settings.latent_size,
        settings.g_hidden,
        hidden_noise=settings.hidden_noise,
        seed=settings.seed,
        **_output(settings),
    )
    return generator, mlp.discriminator(seen, settings.d_hidden, **_additions(settings))


def _maxout(settings, shape, seen):
    _refuse(settings, "hidden_noise", "minibatch_kernels", "spectral_norm", "output_bias")
    generator = maxout.generator(
        shape,
        settings.latent_size,
        settings.g_hidden,
        synchronized=settings.sync_batch_norm,
        seed=settings.seed,
    )
    return generator, maxout.discriminator(seen, settings.d_hidden, seed=settings.seed)


def _dcgan(settings, shape, seen):
    _refuse(settings, "hidden_noise")
    if len(shape) != 3:
        raise ValueError("`network` dcgan is for images; right for points are mlp and maxout")
    common = {"base_width": settings.width, "synchronized": settings.sync_batch_norm}
    generator = dcgan.generator(
        shape, settings.latent_size, seed=settings.seed, **common, **_output(settings)
    )
    return generator, dcgan.discriminator(
        seen, norm=settings.d_norm, **_additions(settings), **common
    )


NETWORKS = {"dcgan": _dcgan, "mlp": _mlp, "maxout": _maxout}


def build(model: type[LatentModel], settings, spec, **own) -> LatentModel:
    """Wires networks, scheme and optimisers from settings; call it in the strategy's scope.

    Args:
        model: the scheme.
        settings: the resolved flags as attributes.
        spec: `kgan.data.dataset.DataSpec` of the images.
        **own: arguments of the scheme that are no part of the game.

    Raises:
        ValueError: begins with the argument that does not fit.
    """
    networks = build_networks(settings, spec)
    return compiled(model(*networks, seed=settings.seed, **game(settings), **own), settings)


def compiled(model: LatentModel, settings) -> LatentModel:
    """Gives a model the optimisers that settings name."""
    model.compile(**optimizers.players(settings))
    return model

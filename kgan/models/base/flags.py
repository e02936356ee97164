"""Flags of models, and the settings from which a model is built.

A model declares its flags once, as a table of `Flag`. The command line, the constructor, the
configuration and the construction from settings are derived from this table. Nothing here imports
TensorFlow.
"""

import dataclasses
import types
from collections.abc import Mapping, Sequence

WIDEST = 65_536  # units or channels of a layer


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag of the command line, and the argument of the same name.

    Args:
        name: of the flag.
        type: `int`, `float`, `bool`, `str`, `list[int]` or `list[str]` (the flag is repeated),
            or `tuple` (of names, comma-separated).
        default: value where the flag is not given.
        help: what it sets, its unit, its default, and when to change it.
        low: smallest value.
        high: largest value.
        choices: allowed values of a `str`.
        earlier: value in run folders and configurations that lack the flag, where kgan computed
            something else before there was the flag; None: the default.

    Example:
        >>> flag = Flag("clip", float, 0.01, "Bound of the critic's weights.", 1e-8, 1000)
        >>> flag.default
        0.01
    """

    name: str
    type: type
    default: object
    help: str
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()
    earlier: object = None


# The kinds of flags, for the tables; arguments as in `Flag`.


def text(name: str, default: str | None, help: str, **options) -> Flag:
    """Makes a flag that takes any text."""
    return Flag(name, str, default, help, **options)


def texts(name: str, help: str) -> Flag:
    """Makes a flag that can be repeated, each time with any text."""
    return Flag(name, list[str], [], help)


def choice(name: str, default: str | None, choices: Sequence[str], help: str, **options) -> Flag:
    """Makes a flag that takes one of several words."""
    return Flag(name, str, default, help, choices=choices, **options)


def switch(name: str, default: bool | None, help: str) -> Flag:
    """Makes a flag that is on or, as `--noNAME`, off."""
    return Flag(name, bool, default, help)


def integer(name: str, default: int | None, limits: tuple[int, int], help: str, **options) -> Flag:
    """Makes a flag that takes a whole number within limits, which belong to it."""
    return Flag(name, int, default, help, *limits, **options)


def number(name: str, default: float | None, limits: tuple[float, float], help: str) -> Flag:
    """Makes a flag that takes a number within limits, which belong to it."""
    return Flag(name, float, default, help, *limits)


def share(name: str, default: float, help: str) -> Flag:
    """Makes a flag that takes a number in [0, 1]."""
    return number(name, default, (0, 1), help)


def weight(name: str, default: float | None, help: str) -> Flag:
    """Makes a flag that takes the weight of a term of a loss."""
    return number(name, default, (0, 1e6), help)


def latent_size(default: int) -> Flag:
    """Makes the flag of that name."""
    return integer("latent_size", default, (1, WIDEST), "Length of the latent vector.")


def layer_units(name: str, default: list[int], help: str) -> Flag:
    """Makes a flag that is repeated for each layer, with the layer's number of units."""
    return Flag(
        name, list[int], default, f"{help}; repeat the flag, one value per layer.", 1, WIDEST
    )


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer of one player.

    Args:
        name: one of `kgan.utils.choices.OPTIMIZERS`.
        learning_rate: positive.
        beta_1: in [0, 1); first decay of Adam, momentum of `momentum`.
        beta_2: in [0, 1); second decay of Adam.
        options: further arguments of the Keras optimizer, by name.

    Example:
        >>> OptimizerSettings("adam", 2e-4).beta_1
        0.5
    """

    name: str
    learning_rate: float
    beta_1: float = 0.5
    beta_2: float = 0.999
    options: Mapping[str, float | bool] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """What a model is built and compiled from.

    Args:
        values: values of the model's own flags, by name.
        optimizers: by player, `g` or `d`.
        batch_size: global.
        accumulate: parts in which a replica's batch is processed.
        seed: of weights, latents and everything else that is random.
        synchronized: whether batch statistics are computed over all replicas.
        ema_half_life: of the average of the generator's weights, in images; 0: no average.

    Example:
        >>> settings = ModelSettings({"width": 4}, {"g": OptimizerSettings("adam", 1e-3)}, 32)
        >>> settings.for_networks().width, settings.for_networks().seed
        (4, 0)
    """

    values: Mapping[str, object]
    optimizers: Mapping[str, OptimizerSettings]
    batch_size: int
    accumulate: int = 1
    seed: int = 0
    synchronized: bool = False
    ema_half_life: float = 0

    def for_networks(self) -> types.SimpleNamespace:
        """Returns the values with `seed` and `synchronized`, as attributes."""
        own = {"seed": self.seed, "synchronized": self.synchronized}
        return types.SimpleNamespace(**self.values, **own)

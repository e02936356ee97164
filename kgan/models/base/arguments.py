"""Construction and configuration of models from one table of arguments."""

import inspect
from collections.abc import Mapping, Sequence

import keras

from kgan import optimizers
from kgan.models.base.flags import Flag, ModelSettings, OptimizerSettings
from kgan.utils.choices import OPTIMIZERS
from kgan.utils.errors import ArgumentError


def both_players(optimizer: str, learning_rate: float) -> dict[str, object]:
    """Returns defaults of flags: the same optimizer for both players."""
    rates = {"g_lr": learning_rate, "d_lr": learning_rate}
    return {"g_optimizer": optimizer, "d_optimizer": optimizer, **rates}


class ConfigurableModel(keras.Model):
    """A `keras.Model` whose constructor, flags and configuration come from one table.

    Class attributes:
        network_names: arguments of the constructor that are networks, in this order.
        data_arguments: arguments of the constructor that come from the data set, with defaults.
        own_arguments: the table of the arguments, which are flags, too, that the class adds to
            those of its bases.
        network_flags: the table of the flags from which `build_networks` builds the networks.
        defaults: values of flags, shared ones included, that differ from the tables' defaults.
        fixed: values of arguments that the model does not leave open.
        renamed: names under which arguments of a base are known in this model.
        player_names: `g` alone, or `g` and `d`.
        adam_options: options of Adam that differ from the usual ones.

    Args:
        *networks: built networks, see `network_names`; also by name.
        seed: int; everything random in training is a function of it and of the step.
        name: of the Keras model.
        **arguments: see `open_arguments` and `data_arguments`.

    Raises:
        ArgumentError: when an argument has a wrong value.

    Example:
        >>> from kgan.models.wgan import WGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = WGAN(*networks, clip=0.1)
        >>> sorted(set(model.get_config()) & {"critic", "clip", "discriminator"})
        ['clip', 'critic']
    """

    network_names: tuple[str, ...] = ()
    data_arguments: Mapping[str, object] = {}
    own_arguments: tuple[Flag, ...] = ()
    network_flags: tuple[Flag, ...] = ()
    defaults: Mapping[str, object] = {}
    fixed: Mapping[str, object] = {}
    renamed: Mapping[str, str] = {}
    player_names: tuple[str, ...] = ("g", "d")
    adam_options: Mapping[str, float] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        positional, keyword = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        names = [cls.renamed.get(name, name) for name in cls.network_names]
        values = {**cls.data_arguments, **{f.name: f.default for f in cls.open_arguments()}}
        values |= {name: value for name, value in cls.defaults.items() if name in values}
        values |= {"seed": 0, "name": None}
        # What `help` shows, and what the constructor binds its arguments by.
        cls.__signature__ = inspect.Signature(
            [inspect.Parameter(name, positional) for name in names]
            + [inspect.Parameter(n, keyword, default=value) for n, value in values.items()]
        )

    def __init__(self, *networks, **arguments):
        for name, value in self.fixed.items():
            if arguments.pop(name, value) != value:
                raise ArgumentError(name, f"is always {value} in {type(self).__name__}")
        bound = self.__signature__.bind(*networks, **arguments)
        bound.apply_defaults()
        given = bound.arguments
        # Networks have their own policies; the model itself must not cast what it is called with.
        super().__init__(name=given.pop("name"), dtype="float32")
        for name, value in {**self.fixed, **given}.items():
            setattr(self, self._attribute(name), value)

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The networks by the names that checkpoints and exports use."""
        return {name: getattr(self, name) for name in self.network_names}

    @classmethod
    def _attribute(cls, argument):
        """Returns the attribute that keeps an argument: it has the name in the base."""
        return {shown: name for name, shown in cls.renamed.items()}.get(argument, argument)

    @classmethod
    def open_arguments(cls) -> tuple[Flag, ...]:
        """Returns the table of the arguments that the model leaves open, its bases' first."""
        tables = [vars(base).get("own_arguments", ()) for base in reversed(cls.__mro__)]
        taken = {*cls.fixed, *cls.renamed}
        return tuple(flag for table in tables for flag in table if flag.name not in taken)

    @classmethod
    def flags(cls) -> tuple[Flag, ...]:
        """Returns the model's own flags: of its networks and of its constructor."""
        return (*cls.network_flags, *cls.open_arguments())

    @classmethod
    def build_networks(cls, flags, spec) -> Sequence[keras.Model]:
        """Builds the networks in the order of `network_names`.

        Args:
            flags: values of `flags()`, `seed` and `synchronized` as attributes.
            spec: `kgan.data.dataset.DataSpec`.
        """
        raise NotImplementedError

    @classmethod
    def from_data(cls, spec) -> dict:
        """Returns the `data_arguments` for a data set."""
        return {}

    @classmethod
    def from_settings(cls, settings: ModelSettings, spec) -> "ConfigurableModel":
        """Builds networks, model and optimizers; call it in the strategy's scope.

        Args:
            settings: see `ModelSettings`.
            spec: `kgan.data.dataset.DataSpec`.

        Raises:
            ArgumentError: when a value does not fit the data or another value.
        """
        networks = cls.build_networks(settings.for_networks(), spec)
        values = {flag.name: settings.values[flag.name] for flag in cls.open_arguments()}
        model = cls(*networks, seed=settings.seed, **values, **cls.from_data(spec))
        model.compile(
            **build_optimizers(settings, cls.player_names, cls.adam_options),
            accumulate=settings.accumulate,
        )
        return model

    def get_config(self):
        networks = {
            self.renamed.get(name, name): keras.saving.serialize_keras_object(network)
            for name, network in self.networks.items()
        }
        names = [*self.data_arguments, *(flag.name for flag in self.open_arguments())]
        values = {name: getattr(self, self._attribute(name)) for name in names}
        return {"name": self.name, "seed": self.seed, **networks, **values}

    @classmethod
    def from_config(cls, config):
        arguments = cls.open_arguments()
        earlier = {flag.name: flag.earlier for flag in arguments if flag.earlier is not None}
        return cls(**{**earlier, **deserialized(config)})


def deserialized(config: Mapping) -> dict:
    """Deserializes the Keras objects among the values of a configuration."""
    deserialize = keras.saving.deserialize_keras_object
    return {
        key: deserialize(value) if isinstance(value, (dict, list)) else value
        for key, value in config.items()
    }


def build_named_optimizer(
    model: type[ConfigurableModel], player: str, name: str | None
) -> keras.optimizers.Optimizer:
    """Builds an optimizer with the learning rate and the decays that a model has by default.

    Args:
        model: see its `defaults`.
        player: `g` or `d`.
        name: one of `kgan.utils.choices.OPTIMIZERS` or of Keras; None: the model's default.
    """
    name = name or model.defaults.get(f"{player}_optimizer", "adam")
    rate = model.defaults.get(f"{player}_lr", 2e-4)
    if name in OPTIMIZERS:
        own = OptimizerSettings(name, rate)
        decays = [model.defaults.get(key, getattr(own, key)) for key in ("beta_1", "beta_2")]
        options = model.adam_options if name == "adam" else {}
        optimizer = optimizers.build_optimizer(name, rate, *decays, **options)
    else:
        optimizer = keras.optimizers.get(name)
        optimizer.learning_rate = rate
    optimizer.name = f"{player}_optimizer"  # what callbacks call its learning rate
    return optimizer


def build_optimizers(
    settings: ModelSettings, players: Sequence[str], adam_options: Mapping[str, float]
) -> dict[str, keras.optimizers.Optimizer]:
    """Builds one optimizer for each player, for `compile`.

    Where `ema_half_life` is set, the generator's optimizer keeps an average of its weights that
    forgets half of its past in so many images: β = ½^(B / half-life) for a global batch of B
    (Karras et al. 2018, section 4 and its code).

    Args:
        settings: of the model.
        players: `g`, or `g` and `d`.
        adam_options: the model's own options of Adam; those in the settings win.

    Returns:
        By `g_optimizer` and `d_optimizer`.

    Raises:
        ArgumentError: when an optimizer does not take one of its options.
    """
    built = {}
    for player in players:
        own = settings.optimizers[player]
        options = {**(adam_options if own.name == "adam" else {}), **own.options}
        if player == "g" and settings.ema_half_life:
            momentum = 0.5 ** (settings.batch_size / settings.ema_half_life)
            options |= {"use_ema": True, "ema_momentum": momentum}
        try:
            built[f"{player}_optimizer"] = optimizers.build_optimizer(
                own.name, own.learning_rate, own.beta_1, own.beta_2, **options
            )
        except (TypeError, ValueError) as error:
            message = f"are not for this optimizer: {error}"
            raise ArgumentError(f"{player}_options", message) from error
    return built

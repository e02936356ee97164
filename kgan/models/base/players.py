"""Players of a model: the networks that one optimizer updates, and how they are compiled."""

from collections.abc import Sequence

import keras

from kgan import layers
from kgan.models.base.arguments import build_named_optimizer, deserialized
from kgan.models.base.fitting import FittedModel
from kgan.optimizers import check_for_replicas
from kgan.utils.errors import ArgumentError


class PlayerOptimizers:
    """The optimizers of all players, as Keras' callbacks ask a model's `optimizer` for several.

    `LearningRateScheduler`, `ReduceLROnPlateau`, `SwapEMAWeights` and `TensorBoard` act on each of
    `optimizers`, as they do for a `keras.optimizers.MultiOptimizer`. It is no Keras optimizer, so
    that `fit` does not replace the weights by their averages at its end.

    Args:
        optimizers: Keras optimizers; of a loss scale optimizer what it wraps.

    Example:
        >>> both = PlayerOptimizers([keras.optimizers.Adam(0.5), keras.optimizers.SGD(0.25)])
        >>> [float(optimizer.learning_rate) for optimizer in both.optimizers]
        [0.5, 0.25]
    """

    built = True

    def __init__(self, optimizers: Sequence[keras.optimizers.Optimizer]):
        self.optimizers = [getattr(o, "inner_optimizer", o) for o in optimizers]

    @property
    def iterations(self) -> keras.Variable:
        """Updates of the first player, the generator."""
        return self.optimizers[0].iterations

    @property
    def variables(self) -> list[keras.Variable]:
        """The variables of all optimizers."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]


class PlayerModel(FittedModel):
    """A model whose players have one optimizer each: `g`, and where there is a second one `d`.

    Class attributes, beside those of `FittedModel`:
        loss_mixes_examples: whether the loss of an example depends on the others of its batch, so
            that `accumulate` would give another step.

    Example:
        >>> from kgan.models.wgan import WGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = WGAN(*networks)
        >>> model.compile(d_optimizer="sgd")
        >>> {name: optimizer.__class__.__name__ for name, optimizer in model.optimizers.items()}
        {'g_optimizer': 'RMSprop', 'd_optimizer': 'SGD'}
    """

    loss_mixes_examples = False
    accumulate = 1

    @property
    def players(self) -> dict[str, list[keras.Model]]:
        """The networks that each player's optimizer updates, by `g` and `d`."""
        if self.player_names == ("g",):
            return {"g": list(self.networks.values())}
        networks = {"g": [], "d": []}
        for name, network in self.networks.items():
            networks["d" if name.startswith("discriminator") else "g"].append(network)
        return networks

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimizers by the names that checkpoints and logs use."""
        names = [f"{player}_optimizer" for player in self.player_names]
        return {name: getattr(self, name) for name in names}

    @property
    def served_networks(self) -> list[str]:
        """The names of the networks whose weights the signatures use."""
        return list(self.networks)

    def compile(
        self,
        g_optimizer=None,
        d_optimizer=None,
        accumulate=1,
        metrics=None,
        rescaling=None,
        jit_compile=False,
        **kwargs,
    ) -> None:
        """Sets one optimizer for each player.

        Args:
            g_optimizer: Keras optimizer or its name, for the generator (or generators), or for
                all networks of a model with a single player. A name, and None, stand for the
                learning rate and the decays of the model's paper, see `defaults`.
            d_optimizer: the same for the discriminator; another object. None without one.
            accumulate: int; the batch is processed in so many parts, one after another, and their
                gradients are added up before the update: the same step in less memory.
            metrics: Keras metrics; they are called with real and generated images, float32
                [B, H, W, C] in [-1, 1], see `real_and_generated`.
            rescaling: `keras.layers.Rescaling`, or another layer, that brings the images of the
                data to [-1, 1]; None: they are there.
            jit_compile: XLA; off by default, since it is slower on CPU (Keras' "auto" is on).
            **kwargs: `steps_per_execution`, `run_eagerly`, as in `keras.Model.compile`.

        Raises:
            ArgumentError: when an optimizer is left over, given for both players or not for several
                replicas, or when `accumulate` is above 1 and a layer computes with a whole batch.
        """
        given = {"g": g_optimizer, "d": d_optimizer}
        for player, optimizer in given.items():
            if optimizer is not None and player not in self.player_names:
                raise ArgumentError(f"{player}_optimizer", "is for models with two players")
        if g_optimizer is d_optimizer and not isinstance(g_optimizer, (str, type(None))):
            raise ArgumentError(
                "g_optimizer", "and `d_optimizer` must be two objects: each has state"
            )
        if accumulate > 1:
            if self.loss_mixes_examples:
                raise ArgumentError("accumulate", "must be 1: the loss has means over the batch")
            for name, network in self.networks.items():
                mixing = layers.mixing_examples(network)
                if mixing:
                    raise ArgumentError(
                        "accumulate",
                        f"must be 1: the {name}'s layer {mixing[0]} computes with all examples of "
                        "a batch at once, so that parts of it give another step",
                    )
        super().compile(
            optimizer=None, loss=None, metrics=metrics, jit_compile=jit_compile, **kwargs
        )
        self.accumulate = accumulate
        self.rescaling = rescaling
        self._compiled_with = {"metrics": metrics, "jit_compile": jit_compile, **kwargs}
        for player in self.player_names:
            optimizer = given[player]
            if optimizer is None or isinstance(optimizer, str):
                optimizer = build_named_optimizer(type(self), player, optimizer)
            setattr(self, f"{player}_optimizer", optimizer)
        if self.is_complete:
            self._build_optimizers()

    def _build_optimizers(self):
        for player, networks in self.players.items():
            name = f"{player}_optimizer"
            setattr(self, name, _prepared(name, getattr(self, name), networks))
        self.optimizer = PlayerOptimizers(list(self.optimizers.values()))

    def get_compile_config(self):
        serialize = keras.saving.serialize_keras_object
        optimizers = {name: serialize(optimizer) for name, optimizer in self.optimizers.items()}
        options = {name: serialize(value) for name, value in self._compiled_with.items()}
        rescaling = {} if self.rescaling is None else {"rescaling": serialize(self.rescaling)}
        return {**optimizers, "accumulate": self.accumulate, **rescaling, **options}

    def compile_from_config(self, config):
        self.compile(**deserialized(config))

    @property
    def divisor(self):
        return super().divisor * self.accumulate


def trainable(networks: Sequence[keras.Model]) -> list[keras.Variable]:
    """Lists the trainable variables of networks."""
    return [variable for network in networks for variable in network.trainable_variables]


def _prepared(name, optimizer, networks):
    check_for_replicas(name, optimizer)
    # `fit` would scale the loss of a single `optimizer`; with two it is done by hand.
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if networks[0].dtype_policy.name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Slots that are made inside a replica fail, so they are made here.
    optimizer.build(trainable(networks))
    return optimizer


def optimizer_variables(name, optimizer):
    """Lists an optimizer's variables by owner: a loss scale and what it wraps both count steps."""
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return {name: optimizer.variables}
    inner = optimizer.inner_optimizer.variables
    return {name: inner, f"{name}/loss_scale": optimizer.variables[: -len(inner)]}

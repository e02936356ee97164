"""What all trainable models share, and on top of it what one and what two players share.

`TrainableModel` knows steps, logged means, networks by name and their state. `PlayerModel` adds
players, each with networks and an optimiser, and the scaling of losses over replicas.
`OnePlayerModel` has one; `TwoPlayerModel` has two, and the loop of critic batches;
`AdversarialModel` is one whose players have one network each.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan import layers, randomness
from kgan.serving.signatures import Signature


class TrainableModel(keras.Model):
    """Holds what run folders, logs, checkpoints and exports need of any model.

    Class attributes that a scheme sets:
        data_kind: the kind of collection it trains on (`kgan.data.dataset.KINDS`).
        logged: names of the scalars that a step gives to `results`.
        batches_per_step: how many batches one `train_step` takes, as a tuple.
        validation_measure: the number of `validate` whose lowest value marks the best
            checkpoint, or None.
        held_out_share: the share of the training part that is kept for validation where a data set
            has no validation part.
        preview_examples: how many examples of the data `preview` is given; 0: none.
        discriminator_won_below: a `d_loss` below this for long means that D has won; None where
            the loss has no such value (a critic's).

    Args:
        seed: int; everything random in training is a function of it and of the step.
        logged: in place of the class attribute, where it depends on arguments.
    """

    data_kind = "images"
    logged: tuple[str, ...] = ()
    batches_per_step = 1
    validation_measure: str | None = None
    held_out_share = 0.0
    preview_examples = 0
    discriminator_won_below: float | None = None

    def __init__(self, seed: int = 0, logged: Sequence[str] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        if logged is not None:
            self.logged = tuple(logged)
        # Replicas advance it alike, so one replica's value stands for all.
        self.step = self.add_weight(
            name="step",
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        # Raised by a rollback; everything random in training is folded with it.
        self.attempt = self.add_weight(
            name="attempt",
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        # The first step at which each logged mean was not finite; −1: none yet.
        self.first_non_finite = self.add_weight(
            name="first_non_finite",
            shape=(len(self.logged),),
            dtype="int64",
            initializer=keras.initializers.Constant(-1),
            trainable=False,
            aggregation="only_first_replica",
        )
        # Sums over steps of what was logged, and of how many; already means over the replicas,
        # so that reading them needs nobody else.
        self.totals = self._log_weight("totals", (len(self.logged),))
        self.count = self._log_weight("count", ())
        self._keep_means = False
        # The networks arrive built. Without this, `fit` builds the model by calling it on data.
        self.built = True

    def _log_weight(self, name, shape):
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            trainable=False,
            dtype="float32",
            aggregation="only_first_replica",
        )

    def random_seed(self) -> tf.Tensor:
        """Gives the seed of this attempt's draws, int32 [2]."""
        return randomness.fold(self.seed, self.attempt)

    def non_finite_losses(self) -> dict[str, int]:
        """Tells at which step each logged mean first was NaN or infinite; empty if none was."""
        steps = keras.ops.convert_to_numpy(self.first_non_finite)
        return {name: int(s) for name, s in zip(self.logged, steps, strict=True) if s >= 0}

    @property
    def completed_steps(self) -> int:
        """How many steps have been done; a variable on several replicas has no `int()`."""
        return int(keras.ops.convert_to_numpy(self.step))

    @property
    def networks(self) -> dict[str, keras.Model]:
        """The networks by the names that checkpoints and exports use."""
        raise NotImplementedError

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimisers by the names that checkpoints and logs use."""
        raise NotImplementedError

    @property
    def served_networks(self) -> dict[str, keras.Model]:
        """The networks whose weights the signatures use."""
        return self.networks

    def diversity(self) -> float | None:
        """Measures how much the images of a fixed batch differ; None where it means nothing."""
        return None

    def signatures(self) -> dict[str, Signature]:
        """What an export of the model answers."""
        raise NotImplementedError

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} is trained; its networks are called.")

    def fit(self, x=None, **kwargs):
        """Trains as `keras.Model.fit` does; groups the batches of a tf.data data set by step."""
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            # Keras' default asks for a shuffle that it cannot do, and warns of it.
            kwargs.setdefault("shuffle", False)
        if isinstance(x, tf.data.Dataset):
            x = group_batches(x, self.batches_per_step)
        return super().fit(x, **kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would take a batch to build the networks from, which are built, and fails on one
        # that is a tuple or a dict spread over several workers.
        pass

    def global_mean(self, per_example: tf.Tensor) -> tf.Tensor:
        """Divides the sum over this replica's examples by the global batch.

        This is the one place where losses meet the batch size: Keras optimisers sum gradients
        over replicas, so the replicas' shares add up to the mean over the global batch.

        Args:
            per_example: float32 [B], B examples on this replica, equally many on all.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.reduce_mean(per_example) / replicas

    def results(self, *logs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Ends a step: logs its values and counts it.

        Args:
            logs: what the players' steps gave, by logged name: float32, one value an example or
                a patch, of this replica. A name that several of them have (a critic's, which is
                updated several times) is averaged.

        Returns:
            The means over the global batch and the steps since the last reset, shape (1,), for
            `train_step` to return: multi-worker `fit` joins the workers' logs along axis 0, which
            a scalar does not have.
        """
        values = tf.stack(
            [
                tf.reduce_mean([tf.reduce_mean(log[name]) for log in logs if name in log])
                for name in self.logged
            ]
        )
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            values = context.all_reduce("mean", values)
        is_new = ~tf.math.is_finite(values) & (self.first_non_finite < 0)
        self.first_non_finite.assign(tf.where(is_new, self.step, self.first_non_finite))
        self.totals.assign_add(values)
        self.count.assign_add(1.0)
        self.step.assign_add(1)
        means = self.totals / self.count
        return {name: means[place : place + 1] for place, name in enumerate(self.logged)}

    def means(self) -> dict[str, float]:
        """Reads the means since the last reset by logged name; NaN where there was no step."""
        totals, count = (keras.ops.convert_to_numpy(v) for v in (self.totals, self.count))
        with np.errstate(invalid="ignore"):
            return dict(zip(self.logged, (totals / count).tolist(), strict=True))

    def keep_means(self) -> None:
        """Lets restored means survive the reset with which `fit` begins."""
        self._keep_means = True

    def reset_metrics(self):
        if self._keep_means:
            self._keep_means = False
        else:
            super().reset_metrics()
            self.totals.assign(tf.zeros_like(self.totals))
            self.count.assign(0.0)

    def state(self) -> dict[str, keras.Variable]:
        """Lists every variable that a resumed run needs, by a path that is stable across runs.

        Raises:
            ValueError: when two variables of a network have one path (layers named alike).
        """
        state = {
            "step": self.step,
            "attempt": self.attempt,
            "first_non_finite": self.first_non_finite,
            "logged/totals": self.totals,
            "logged/count": self.count,
        }
        groups = {name: network.variables for name, network in self.networks.items()}
        of_optimizers = {}
        for name, optimizer in self.optimizers.items():
            of_optimizers |= _optimizer_groups(name, optimizer)
        groups |= of_optimizers | self.extra_state()
        for owner, variables in groups.items():
            for variable in variables:
                # The paths of model weights carry automatic numbers; their last part is enough
                # below the owner's name.
                path = variable.path if owner in self.networks else variable.path.split("/")[-1]
                name = f"{owner}/{path}"
                if name in state and owner in of_optimizers:
                    # Networks of one player may have layers of the same names, and so the slots
                    # of its optimiser; their order is that of `players`.
                    name = next(n for i in itertools.count(2) if (n := f"{name}_{i}") not in state)
                if name in state:
                    raise ValueError(f"two variables are called {name}: name the layers apart")
                state[name] = variable
        return state

    def extra_state(self) -> dict[str, list[keras.Variable]]:
        """Variables beyond networks, optimisers and means: pools, averages. Override to add."""
        return {}

    def get_config(self):
        networks = {
            name: keras.saving.serialize_keras_object(network)
            for name, network in self.networks.items()
        }
        return {"name": self.name, "seed": self.seed, **networks}

    @classmethod
    def from_config(cls, config):
        config = {
            key: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**config)


def _optimizer_groups(name, optimizer):
    """Lists an optimiser's variables by owner: a loss scale and what it wraps both count steps."""
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is None:
        return {name: optimizer.variables}
    own = optimizer.variables[: -len(inner.variables)]
    return {name: inner.variables, f"{name}/loss_scale": own}


def group_batches(dataset: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Joins `count` consecutive batches into one element, a tuple of batches.

    A tuple and not a stacked axis, because distribution strategies split every tensor of an
    element along axis 0. Where `count` is 1 the data set is returned as it is.
    """
    if count == 1:
        return dataset

    def split(stacked):
        return tuple(
            tf.nest.map_structure(lambda tensor, i=i: tensor[i], stacked) for i in range(count)
        )

    def split_element(*stacked):
        return split(stacked if len(stacked) > 1 else stacked[0])

    return dataset.batch(count, drop_remainder=True).map(
        split_element, num_parallel_calls=tf.data.AUTOTUNE
    )


class PlayerModel(TrainableModel):
    """Shares what players need: an optimiser each, and updates of one and not the others.

    A scheme says in `networks` and `players` what there is and whose it is, overrides
    `train_step` and calls `update` once a player.
    """

    accumulate = 1

    @property
    def players(self) -> dict[str, list[keras.Model]]:
        """The networks that each player's optimiser updates, by `g` and `d`."""
        raise NotImplementedError

    def _compile_players(self, accumulate, jit_compile, **kwargs):
        """Does what `compile` does but for the optimisers."""
        if accumulate > 1:
            for name, network in self.networks.items():
                mixing = layers.mixing_examples(network)
                if mixing:
                    raise ValueError(
                        f"`accumulate` must be 1: the {name}'s layer {mixing[0]} computes with "
                        "all examples of a batch at once, so that parts of it give another step"
                    )
        super().compile(optimizer=None, loss=None, jit_compile=jit_compile, **kwargs)
        self.accumulate = accumulate

    def get_compile_config(self):
        optimizers = {
            name: keras.saving.serialize_keras_object(optimizer)
            for name, optimizer in self.optimizers.items()
        }
        return {**optimizers, "accumulate": self.accumulate}

    def compile_from_config(self, config):
        config = {
            key: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        self.compile(**config)

    def update(self, player: str, loss_function: Callable, *batch: tf.Tensor) -> dict:
        """Updates one player; the other stands still.

        Args:
            player: `g` or `d`.
            loss_function: takes the batch or a part of it; returns losses, float32 [B], one an
                example, and a dict of tensors [B, ...] for the log. It draws nothing itself: what
                is random comes in with the batch, so that parts of it make the same step.
            batch: tensors [B, ...], or structures of them: the examples on this replica.

        Returns:
            The dict for the log, over the whole batch.
        """
        gradients, log = self.look(player, loss_function, *batch)
        self.apply_gradients(player, gradients)
        return log

    def look(self, player: str, loss_function: Callable, *batch: tf.Tensor) -> tuple[list, dict]:
        """Computes what `update` applies and returns: gradients, and the dict for the log."""
        gradients, logs = None, []
        for number in range(self.accumulate):
            part = (
                batch
                if self.accumulate == 1
                else tf.nest.map_structure(
                    lambda tensor, number=number: tf.split(tensor, self.accumulate)[number], batch
                )
            )
            # Without this, TensorFlow would work on all parts at once and save no memory.
            with tf.control_dependencies([g for g in gradients or () if g is not None]):
                with tf.GradientTape() as tape:
                    losses, log = loss_function(*part)
                    loss = self.scaled_loss(player, losses)
                new = self.gradients(player, tape, loss)
            gradients = (
                new
                if gradients is None
                else [
                    old if one is None else one if old is None else old + one
                    for old, one in zip(gradients, new, strict=True)
                ]
            )
            logs.append(log)
        return gradients, {name: tf.concat([log[name] for log in logs], 0) for name in logs[0]}

    def scaled_loss(self, player: str, losses: tf.Tensor) -> tf.Tensor:
        """Gives the scalar to differentiate: this replica's (and part's) share of the mean loss."""
        loss = self.global_mean(losses) / self.accumulate
        return self.optimizers[f"{player}_optimizer"].scale_loss(loss)

    def gradients(self, player: str, tape: tf.GradientTape, loss: tf.Tensor) -> list:
        """Computes a player's gradients of what `scaled_loss` gave; the tape has been left."""
        return tape.gradient(loss, self._variables(player))

    def apply_gradients(self, player: str, gradients: list) -> None:
        """Updates the player; Keras sums over replicas, and then constrains the weights."""
        self.optimizers[f"{player}_optimizer"].apply(gradients, self._variables(player))

    def _variables(self, player):
        return _trainable(self.players[player])


class OnePlayerModel(PlayerModel):
    """Trains all its networks towards one aim, with one optimiser, which is called G's."""

    @property
    def players(self):
        return {"g": list(self.networks.values())}

    @property
    def optimizers(self):
        return {"g_optimizer": self.g_optimizer}

    def compile(self, g_optimizer, accumulate=1, jit_compile=False, **kwargs):
        """Takes the optimiser.

        Args:
            g_optimizer: Keras optimiser or its name.
            accumulate: see `TwoPlayerModel.compile`.
            jit_compile: the same.
            **kwargs: the same.

        Raises:
            ValueError: when `accumulate` is above 1 and a layer mixes the examples of a batch.
        """
        self._compile_players(accumulate, jit_compile, **kwargs)
        self.g_optimizer = _prepare(g_optimizer, self.players["g"])


class TwoPlayerModel(PlayerModel):
    """Trains two players, one after the other or together.

    Where steps are not all alike (`has_phases`: a critic is trained alone first), there are two
    compiled functions, with `generator_moves` true and false while they are traced; which one does
    a step is chosen in Python by `updates_generator`, because no optimiser may update inside a
    `tf.cond` under a strategy.
    """

    has_phases = False
    generator_moves = True

    @property
    def optimizers(self):
        return {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}

    def compile(self, g_optimizer, d_optimizer, accumulate=1, jit_compile=False, **kwargs):
        """Takes one optimiser for each player.

        Args:
            g_optimizer: Keras optimiser or its name, for the generator (or generators).
            d_optimizer: the same for the discriminator; not the same object.
            accumulate: int; the batch is worked through in so many parts, one after another, and
                their gradients are added up before the update. The same step in less memory.
            jit_compile: XLA; off by default, since it is slower on CPU (Keras' "auto" is on).
            **kwargs: `steps_per_execution`, `run_eagerly`, as in `keras.Model.compile`.

        Raises:
            ValueError: when one optimiser object is given for both players, or when `accumulate`
                is above 1 and a layer mixes the examples of a batch.
        """
        if g_optimizer is d_optimizer and not isinstance(g_optimizer, str):
            raise ValueError("`g_optimizer` and `d_optimizer` must be two objects, each has state")
        self._compile_players(accumulate, jit_compile, **kwargs)
        self.g_optimizer = _prepare(g_optimizer, self.players["g"])
        self.d_optimizer = _prepare(d_optimizer, self.players["d"])

    def updates_generator(self, step: int) -> bool:
        """Says whether a step updates G; override with `has_phases`."""
        return True

    def make_train_function(self, force=False):
        if not self.has_phases:
            return super().make_train_function(force)
        if self.train_function is not None and not force:
            return self.train_function
        compiled = {}
        for moves in (True, False):
            super().make_train_function(force=True)
            compiled[moves] = self.train_function

        def train_function(iterator):
            # Tracing reads it, at the first call of each.
            self.generator_moves = self.updates_generator(self.completed_steps)
            return compiled[self.generator_moves](iterator)

        self.train_function = train_function
        return train_function

    def step_batches(self, data) -> tuple:
        """Returns the batches of one step as a tuple, also where there is only one."""
        return data if self.batches_per_step > 1 else (data,)


class AdversarialModel(TwoPlayerModel):
    """A generator against a discriminator.

    Args:
        generator: built network; its input is the scheme's matter.
        discriminator: built network; gives logits or scores, high = real.
        seed: see `TrainableModel`.
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator

    @property
    def networks(self):
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def players(self):
        return {"g": [self.generator], "d": [self.discriminator]}


def _trainable(networks):
    return [variable for network in networks for variable in network.trainable_variables]


def _prepare(optimizer, networks):
    optimizer = keras.optimizers.get(optimizer)
    # `fit` would scale the loss of a single `optimizer`; with two it is done by hand.
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if networks[0].dtype_policy.name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Slots that are made inside a replica fail, so they are made here.
    optimizer.build(_trainable(networks))
    return optimizer

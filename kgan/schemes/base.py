"""What all trainable models share, and on top of it what two players share.

`TrainableModel` knows steps, logged means, networks by name and their state. `AdversarialModel`
adds the two optimisers, the loop of critic batches and the scaling of losses over replicas.
"""

import keras
import tensorflow as tf

from kgan import randomness
from kgan.signatures import Signature


class TrainableModel(keras.Model):
    """Holds what run folders, logs, checkpoints and exports need of any model.

    Class attributes that a scheme sets:
        data_kind: the kind of collection it trains on (`kgan.data.collection.KINDS`).
        logged: names of the scalars that `record` will be given.
        batches_per_step: how many batches one `train_step` takes, as a tuple.
        validation_measure: the number of `validate` whose lowest value marks the best
            checkpoint, or None.
        discriminator_won_below: a `d_loss` below this for long means that D has won; None where
            the loss has no such value (a critic's).

    Args:
        seed: int; everything random in training is a function of it and of the step.
    """

    data_kind = "images"
    logged: tuple[str, ...] = ()
    batches_per_step = 1
    validation_measure: str | None = None
    discriminator_won_below: float | None = None

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        # Replicas advance it alike, so one replica's value stands for all.
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False,
            aggregation="only_first_replica",
        )  # fmt: skip
        # Raised by a rollback; everything random in training is folded with it.
        self.attempt = self.add_weight(
            name="attempt", shape=(), dtype="int32", initializer="zeros", trainable=False,
            aggregation="only_first_replica",
        )  # fmt: skip
        # The first step at which each logged mean was not finite; −1: none yet.
        self.first_non_finite = self.add_weight(
            name="first_non_finite", shape=(len(self.logged),), dtype="int64",
            initializer=keras.initializers.Constant(-1), trainable=False,
            aggregation="only_first_replica",
        )  # fmt: skip
        self.means = {name: keras.metrics.Mean(name=name) for name in self.logged}
        self._keep_means = False
        # The networks arrive built. Without this, `fit` builds the model by calling it on data.
        self.built = True

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

    def diversity(self) -> float | None:
        """Measures how much the pictures of a fixed batch differ; None where it means nothing."""
        return None

    def signatures(self) -> dict[str, Signature]:
        """What an export of the model answers."""
        raise NotImplementedError

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} is trained; its networks are called.")

    def fit(self, x=None, **kwargs):
        """Trains as `keras.Model.fit` does; groups the batches of a tf.data data set by step."""
        if isinstance(x, tf.data.Dataset):
            x = group_batches(x, self.batches_per_step)
            # Keras' default asks for a shuffle that it cannot do, and warns of it.
            kwargs.setdefault("shuffle", False)
        return super().fit(x, **kwargs)

    def global_mean(self, per_example: tf.Tensor) -> tf.Tensor:
        """Divides the sum over this replica's examples by the global batch.

        This is the one place where losses meet the batch size: Keras optimisers sum gradients
        over replicas, so the replicas' shares add up to the mean over the global batch.

        Args:
            per_example: float32 [B], B examples on this replica, equally many on all.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return tf.reduce_mean(per_example) / replicas

    def record(self, **values: tf.Tensor) -> None:
        """Adds this step's values to the logged means.

        Args:
            values: by logged name, float32 [B] per example or a scalar of this replica. Keras
                metrics sum over replicas, so what is read is the mean over the global batch.
        """
        for name, value in values.items():
            self.means[name].update_state(value)

    def results(self) -> dict[str, tf.Tensor]:
        """Ends a step: the means since the last reset, shape (1,), for `train_step` to return.

        Multi-worker `fit` joins the workers' logs along axis 0, which a scalar does not have.
        """
        # Keras sums the totals over replicas, so they tell of every replica's values.
        totals = tf.stack([tf.convert_to_tensor(mean.total) for mean in self.means.values()])
        is_new = ~tf.math.is_finite(totals) & (self.first_non_finite < 0)
        self.first_non_finite.assign(tf.where(is_new, self.step, self.first_non_finite))
        self.step.assign_add(1)
        return {name: tf.reshape(mean.result(), (1,)) for name, mean in self.means.items()}

    def keep_means(self) -> None:
        """Lets restored means survive the reset with which `fit` begins."""
        self._keep_means = True

    def reset_metrics(self):
        if self._keep_means:
            self._keep_means = False
        else:
            super().reset_metrics()

    def state(self) -> dict[str, keras.Variable]:
        """Lists every variable that a resumed run needs, by a path that is stable across runs.

        Raises:
            ValueError: when two variables of a network have one path (layers named alike).
        """
        state = {
            "step": self.step, "attempt": self.attempt, "first_non_finite": self.first_non_finite,
        }  # fmt: skip
        groups = {name: network.variables for name, network in self.networks.items()}
        for name, optimizer in self.optimizers.items():
            groups |= _optimizer_groups(name, optimizer)
        groups |= {f"means/{name}": mean.variables for name, mean in self.means.items()}
        groups |= self.extra_state()
        for owner, variables in groups.items():
            for variable in variables:
                # Metrics and model weights carry automatic numbers in their path; their last
                # part is enough below the owner's name.
                path = variable.path if owner in self.networks else variable.path.split("/")[-1]
                name = f"{owner}/{path}"
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


class AdversarialModel(TrainableModel):
    """Shares what two players need: networks, optimisers, and updates of one and not the other.

    A scheme overrides `train_step` and calls `minimise` once a player.

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
    def optimizers(self):
        return {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}

    def compile(self, g_optimizer, d_optimizer, jit_compile=False, **kwargs):
        """Takes one optimiser for each player.

        Args:
            g_optimizer: Keras optimiser or its name, for the generator.
            d_optimizer: the same for the discriminator; not the same object.
            jit_compile: XLA; off by default, since it is slower on CPU (Keras' "auto" is on).
            **kwargs: `steps_per_execution`, `run_eagerly`, as in `keras.Model.compile`.

        Raises:
            ValueError: when one optimiser object is given for both players.
        """
        if g_optimizer is d_optimizer and not isinstance(g_optimizer, str):
            raise ValueError("`g_optimizer` and `d_optimizer` must be two objects, each has state")
        super().compile(optimizer=None, loss=None, jit_compile=jit_compile, **kwargs)
        self.g_optimizer = _prepare(g_optimizer, self.generator)
        self.d_optimizer = _prepare(d_optimizer, self.discriminator)

    def get_compile_config(self):
        return {
            name: keras.saving.serialize_keras_object(optimizer)
            for name, optimizer in self.optimizers.items()
        }

    def compile_from_config(self, config):
        self.compile(
            **{key: keras.saving.deserialize_keras_object(value) for key, value in config.items()}
        )

    def step_batches(self, data) -> tuple:
        """Returns the batches of one step as a tuple, also where there is only one."""
        return data if self.batches_per_step > 1 else (data,)

    def minimise(self, optimizer, tape, loss, network) -> None:
        """Updates one network; the other stands still.

        Args:
            optimizer: the network's own.
            tape: recorded the loss; left before this call.
            loss: scalar, this replica's share as `global_mean` gives it, already passed through
                the optimiser's `scale_loss` inside the tape.
            network: whose trainable variables are updated, and then constrained by Keras.
        """
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)


def _prepare(optimizer, network):
    optimizer = keras.optimizers.get(optimizer)
    # `fit` would scale the loss of a single `optimizer`; with two it is done by hand.
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if network.dtype_policy.name == "mixed_float16" and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Slots that are made inside a replica fail, so they are made here.
    optimizer.build(network.trainable_variables)
    return optimizer

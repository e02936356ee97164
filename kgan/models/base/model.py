"""Base of all models: steps, players, logged means and state."""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from kgan import randomness
from kgan.models.base.fitting import warn_of_sigmoid
from kgan.models.base.own_data import OwnData
from kgan.models.base.players import PlayerModel, optimizer_variables, trainable
from kgan.optimizers import apply_gradients
from kgan.serving.signatures import Signature


class Model(PlayerModel):
    """Base of all models: steps, players with one optimizer each, logged means and state.

    A subclass overrides `train_step`, which calls `update` for each player and ends in `results`.

    Class attributes, beside those of `PlayerModel`:
        data_kind: the kind of data set that it is trained on (`kgan.data.dataset.KINDS`).
        logged: names of the scalars that a step logs.
        batches_per_step: how many batches one `train_step` takes, as a tuple.
        validation_measure: the value of `validate` whose lowest value marks the best checkpoint.
        held_out_share: the share of the training part that is kept for validation where a data set
            has no validation part.
        own_data: size and length of a training on images of one's own, by default.
        preview_examples: how many examples of the data `preview` is given.
        preview_columns: headings of the columns of a preview.
        discriminator_won_below: a `d_loss` below this for long means that the discriminator has
            won; None where the loss has no such value.

    Example:
        >>> from kgan.models.wgan import WGAN
        >>> from kgan.networks import mlp
        >>> networks = mlp.generator((2, 2, 1), 3, [4]), mlp.discriminator((2, 2, 1), [4])
        >>> model = WGAN(*networks, clip=0.1)
        >>> model.completed_steps, list(model.players)
        (0, ['g', 'd'])
    """

    data_kind = "images"
    logged: Sequence[str] = ()
    validation_measure: str | None = None
    held_out_share = 0.0
    own_data = OwnData(16, 64, square=True)
    preview_examples = 0
    preview_columns: tuple[str, ...] = ()
    discriminator_won_below: float | None = None

    def __init__(self, *networks, **arguments):
        super().__init__(*networks, **arguments)
        # Replicas advance it alike, so one replica's value stands for all.
        self.step = self._counter("step", (), "int64")
        # Raised by a rollback; everything random in training is folded with it.
        self.attempt = self._counter("attempt", (), "int32")
        # The first step at which each logged mean was not finite; −1: none yet.
        self.first_non_finite = self._counter(
            "first_non_finite", (len(self.logged),), "int64", keras.initializers.Constant(-1)
        )
        # Sums over steps of what was logged, and of how many; already means over the replicas,
        # so that reading them needs nobody else.
        self.totals = self._counter("totals", (len(self.logged),), "float32")
        self.count = self._counter("count", (), "float32")
        self._keep_means = False
        # Without this, `fit` builds the model by calling it on data.
        self.built = True
        for name, network in self.networks.items():
            if name.startswith("discriminator"):
                warn_of_sigmoid(name, network)
        if self.can_complete():
            self.complete()

    def _counter(self, name, shape, dtype, initializer="zeros"):
        fixed = {"trainable": False, "aggregation": "only_first_replica"}
        return self.add_weight(shape, initializer, dtype, name=name, **fixed)

    # A training step

    @property
    def completed_steps(self) -> int:
        """How many steps have been done; a variable on several replicas has no `int()`."""
        return int(keras.ops.convert_to_numpy(self.step))

    @property
    def current_attempt(self) -> int:
        """How often the run was rolled back."""
        return int(keras.ops.convert_to_numpy(self.attempt))

    def random_seed(self, *numbers) -> tf.Tensor:
        """Returns a seed of this attempt, folded with numbers; int32 [2]."""
        return randomness.fold(self.seed, self.attempt, *numbers)

    def update(self, player: str, loss_function: Callable, *batch: tf.Tensor) -> dict:
        """Updates one player; the other stays as it is.

        Args:
            player: `g` or `d`.
            loss_function: takes the batch or a part of it; returns losses, float32 [B], one for
                each example, and a dict of tensors [B, ...] for the log. It samples nothing
                itself: what is random is part of the batch, so that parts make the same step.
            batch: tensors [B, ...], or structures of them: the examples on this replica.

        Returns:
            The dict for the log, over the whole batch.
        """
        gradients, log = self.compute_gradients(player, loss_function, *batch)
        self.apply_gradients(player, gradients)
        return log

    def compute_gradients(self, player: str, loss_function: Callable, *batch) -> tuple[list, dict]:
        """Computes what `update` applies and returns: gradients, and the dict for the log."""
        gradients, logs = None, []
        for number in range(self.accumulate):
            part = batch
            if self.accumulate > 1:
                part = tf.nest.map_structure(
                    lambda tensor, n=number: tf.split(tensor, self.accumulate)[n], batch
                )
            # Without this, TensorFlow would work on all parts at once and save no memory.
            with tf.control_dependencies([g for g in gradients or () if g is not None]):
                with tf.GradientTape() as tape:
                    losses, log = loss_function(*part)
                    loss = self.scaled_loss(player, losses)
                new = self.gradients(player, tape, loss)
            gradients = new if gradients is None else list(map(_added, gradients, new))
            logs.append(log)
        return gradients, {name: tf.concat([log[name] for log in logs], 0) for name in logs[0]}

    def scaled_loss(self, player: str, losses: tf.Tensor) -> tf.Tensor:
        """Computes the scalar to differentiate: this replica's share of the mean loss.

        This is the one place where losses meet the batch size: Keras optimizers sum gradients
        over replicas, so the shares add up to the mean over the global batch.

        Args:
            player: `g` or `d`, whose optimizer may scale the loss (mixed precision).
            losses: float32 [B], B examples on this replica, equally many on all.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        share = tf.reduce_mean(losses) / replicas / self.accumulate
        return self.optimizers[f"{player}_optimizer"].scale_loss(share)

    def gradients(self, player: str, tape: tf.GradientTape, loss: tf.Tensor) -> list:
        """Computes a player's gradients of what `scaled_loss` returned, after the tape's block."""
        return tape.gradient(loss, trainable(self.players[player]))

    def apply_gradients(self, player: str, gradients: list) -> None:
        """Updates the player by the sum over replicas; Keras then constrains the weights."""
        optimizer = self.optimizers[f"{player}_optimizer"]
        apply_gradients(optimizer, gradients, trainable(self.players[player]))

    # Logged means

    def results(self, *logs: Mapping[str, tf.Tensor], parts=()) -> dict[str, tf.Tensor]:
        """Ends a step: logs its values and counts it.

        Args:
            parts: of a batch, by `fields`, for the metrics of `compile`.
            logs: what `update` returned, by logged name: float32, one value for each example or
                patch of this replica. A name in several of them is averaged.

        Returns:
            The means over the global batch and the steps since the last reset, their sum over
            the players as `loss`, and the metrics of `compile`, for `train_step` to return.
        """
        values = self._means_over_replicas(logs)
        is_new = ~tf.math.is_finite(values) & (self.first_non_finite < 0)
        self.first_non_finite.assign(tf.where(is_new, self.step, self.first_non_finite))
        self.step.assign_add(1)
        return {**self._running_means(values), **self._compiled_metrics(parts)}

    def test_step(self, data):
        """Computes what a step logs, without an update: see `test_losses`."""
        parts = self.batch(data)
        with self.networks_at_rest():
            values = self._means_over_replicas(self.test_losses(*parts))
            return {**self._running_means(values), **self._compiled_metrics(parts)}

    def _means_over_replicas(self, logs):
        """Averages logs in the order of `logged`; float32 [names], the same on all replicas."""
        values = tf.stack(
            [
                tf.reduce_mean([tf.reduce_mean(log[name]) for log in logs if name in log])
                for name in self.logged
            ]
        )
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            values = context.all_reduce("mean", values)
        return values

    def _running_means(self, values):
        """Adds the values of a step to the totals, and returns the means by name."""
        self.totals.assign_add(values)
        self.count.assign_add(1.0)
        means = self.totals / self.count
        # Multi-worker `fit` joins the workers' logs along axis 0, which a scalar does not have.
        strategy = tf.distribute.get_strategy()
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            means = means[:, tf.newaxis]
        named = {name: means[place] for place, name in enumerate(self.logged)}
        # `TerminateOnNaN` looks at no other name.
        players = [f"{player}_loss" for player in self.player_names]
        if "loss" not in named and named.keys() >= set(players):
            named["loss"] = sum(named[name] for name in players)
        return named

    def means(self) -> dict[str, float]:
        """Returns the means since the last reset by logged name; NaN where there was no step."""
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

    def non_finite_losses(self) -> dict[str, int]:
        """Returns the step at which each logged mean first was NaN or infinite, if it was."""
        steps = keras.ops.convert_to_numpy(self.first_non_finite)
        return {name: int(s) for name, s in zip(self.logged, steps, strict=True) if s >= 0}

    # State

    def state(self) -> dict[str, keras.Variable]:
        """Lists every variable that a resumed run needs, by a path that is stable across runs.

        Raises:
            ValueError: when two variables of a network have one path (layers of one name).
        """
        state = {name: getattr(self, name) for name in ("step", "attempt", "first_non_finite")}
        state |= {"logged/totals": self.totals, "logged/count": self.count}
        of_optimizers = {}
        for name, optimizer in self.optimizers.items():
            of_optimizers |= optimizer_variables(name, optimizer)
        groups = {name: network.variables for name, network in self.networks.items()}
        for owner, variables in {**groups, **of_optimizers, **self.extra_state()}.items():
            for variable in variables:
                # The paths of model weights carry automatic numbers; their last part is enough
                # below the owner's name.
                path = variable.path if owner in groups else variable.path.split("/")[-1]
                name = f"{owner}/{path}"
                if name in state and owner in of_optimizers:
                    # Networks of one player may have layers of the same names, and so the slots
                    # of its optimizer; their order is that of `players`.
                    name = next(n for i in itertools.count(2) if (n := f"{name}_{i}") not in state)
                if name in state:
                    raise ValueError(f"two variables are called {name}: rename one of the layers")
                state[name] = variable
        return state

    def training_state(self) -> frozenset[str]:
        """Lists the paths in `state` that only further training needs.

        They are what the optimizers keep of each weight, two thirds of the state with Adam, except
        the averages of weights.
        """
        of_optimizers = tuple(f"{name}/" for name in self.optimizers)
        return frozenset(
            path
            for path, variable in self.state().items()
            if path.startswith(of_optimizers)
            and math.prod(variable.shape) > 1
            and not re.search(r"_average(_\d+)?$", path)
        )

    def extra_state(self) -> dict[str, list[keras.Variable]]:
        """Returns variables beyond networks, optimizers and means, such as an image pool."""
        return {}

    # What a run shows and exports

    def preview(self, examples=None) -> np.ndarray:
        """Makes a sheet of samples: float32 [rows, columns, H, W, C] in [-1, 1].

        Args:
            examples: `preview_examples` test examples by field, where that is above 0.
        """
        raise NotImplementedError

    def validate(self, batches) -> dict[str, float]:
        """Computes the values of `validation_measure` and others over a validation part.

        Args:
            batches: tuples of the fields of examples, in their order.
        """
        raise NotImplementedError

    def diversity(self) -> float | None:
        """Computes how much the images of a fixed batch differ; None where it has no meaning."""
        return None

    def signatures(self) -> dict[str, Signature]:
        """Returns the signatures of an export, by name."""
        raise NotImplementedError


def _added(one, other):
    """Adds two gradients, of which either may be None."""
    return other if one is None else one if other is None else one + other

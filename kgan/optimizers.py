"""Optimisers, with the settings of the papers where Keras' defaults differ, and their updates."""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from kgan.utils.choices import OPTIMIZERS
from kgan.utils.errors import ArgumentError


@keras.saving.register_keras_serializable("kgan")
class FusedAdam(keras.optimizers.Adam):
    """Adam with one fused kernel for the formula of `keras.optimizers.Adam`.

    Keras computes the update in a dozen operations, each of which reads and writes all weights: at
    batch size 1 they take a third of a pix2pix step on a CPU.

    Reference: Kingma and Ba 2015, the reordered form at the end of section 2.

    Example:
        >>> weight = keras.Variable([1.0])
        >>> FusedAdam(0.25).apply([tf.constant([3.0])], [weight])
        >>> round(float(weight[0]), 4)
        0.75
    """

    def update_step(self, gradient, variable, learning_rate):
        # The kernel has no amsgrad, and aborts the process on variables that are not float32.
        if self.amsgrad or variable.dtype != "float32":
            return super().update_step(gradient, variable, learning_rate)
        # Nothing public leads from a weight to its two averages: Keras' own optimizers find them by
        # these protected members, too.
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2 = (tf.cast(beta, tf.float32) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, tf.float32),
            grad=tf.cast(tf.convert_to_tensor(gradient), tf.float32),
        )


def _handle(variable):
    """Finds the TensorFlow resource of a variable; under a strategy, this replica's."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def build_optimizer(
    name: str, learning_rate: float, beta_1: float = 0.5, beta_2: float = 0.999, **options
) -> keras.optimizers.Optimizer:
    """Builds an optimiser by name.

    Args:
        name: one of `kgan.utils.choices.OPTIMIZERS`.
        learning_rate: positive float.
        beta_1: in [0, 1); Adam's first decay, and the momentum of `momentum`.
        beta_2: in [0, 1); Adam's second decay.
        **options: further arguments of the Keras class; they override the others.

    Raises:
        ValueError: on an unknown name or option.
    """
    match name:
        case "adam":
            # 1e-8 is the paper's; Keras has 1e-7.
            cls, defaults = FusedAdam, {"beta_1": beta_1, "beta_2": beta_2, "epsilon": 1e-8}
        case "rmsprop":
            # Keras adds ε under the root, where 1e-7 is a lower bound of 3e-4 that damps the small
            # gradients of a clipped critic. The WGAN authors' library adds 1e-8 outside the root
            # and decays by 0.99; (1e-8)² under the root is closest to that.
            cls, defaults = keras.optimizers.RMSprop, {"rho": 0.99, "epsilon": 1e-16}
        case "sgd":
            cls, defaults = keras.optimizers.SGD, {}
        case "momentum":
            cls, defaults = keras.optimizers.SGD, {"momentum": beta_1}
        case "adagrad":
            cls, defaults = keras.optimizers.Adagrad, {}
        case "adadelta":
            cls, defaults = keras.optimizers.Adadelta, {}
        case _:
            known = ", ".join(OPTIMIZERS)
            raise ArgumentError("name", f"must be one of {known}. Received: name={name}")
    return cls(learning_rate, **{**defaults, **options})


def apply_gradients(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence, variables: Sequence
) -> None:
    """Updates variables by the sum of the replicas' gradients; call it on every replica.

    Keras adds up the gradients of the replicas last. A limit of the gradients (`clipnorm`,
    `global_clipnorm`, `clipvalue`) would then hold for each replica and not for their sum, and a
    `LossScaleOptimizer`, which asks the first replica whether its gradients are finite, would let
    another replica's overflow reach the weights. They are added up first here, so that all
    replicas do what one device does.

    Args:
        optimizer: built for the variables.
        gradients: of this replica's share of the loss, or None for a variable without one.
        variables: of the same number.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        optimizer.apply(gradients, variables)
        return
    added = iter(context.all_reduce("sum", [g for g in gradients if g is not None]))
    gradients = [None if gradient is None else next(added) for gradient in gradients]
    with _added_up_already(_inner(optimizer)):
        optimizer.apply(gradients, variables)


def check_for_replicas(name: str, optimizer: keras.optimizers.Optimizer) -> None:
    """Checks that an optimizer can update on several replicas, where the strategy has them.

    Raises:
        ArgumentError: names an option with which Keras updates inside a `tf.cond`, which
            distribution strategies do not allow.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return
    for option in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
        if getattr(_inner(optimizer), option):
            message = f"must not have {option}, which works on one replica only"
            raise ArgumentError(name, message)


@contextlib.contextmanager
def _added_up_already(optimizer) -> Iterator[None]:
    """Keeps Keras from adding up the gradients of the replicas for a second time."""
    # Each replica is a thread that comes here, and the last one to leave clears up.
    own = vars(optimizer)
    own["_kgan_callers"] = own.get("_kgan_callers", 0) + 1
    own["_all_reduce_sum_gradients"] = lambda gradients_and_variables: gradients_and_variables
    try:
        yield
    finally:
        own["_kgan_callers"] -= 1
        if not own["_kgan_callers"]:
            del own["_all_reduce_sum_gradients"], own["_kgan_callers"]


def _inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns what computes the updates: the optimizer, or the one that a loss scale wraps."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.inner_optimizer
    return optimizer


def averaged_weights(optimizer: keras.optimizers.Optimizer) -> list | None:
    """Lists the moving averages of the trained weights, in their order; None without averages."""
    optimizer = _inner(optimizer)
    if not optimizer.use_ema:
        return None
    # Keras appends this to the path of the weight; no other variable of its optimisers ends so.
    return [v for v in optimizer.variables if v.name.endswith("_average")]

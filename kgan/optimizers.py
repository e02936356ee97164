"""One optimiser a player, with the settings of the papers where Keras' defaults differ."""

import keras
import tensorflow as tf

NAMES = ("adam", "rmsprop", "sgd", "momentum", "adagrad", "adadelta")


@keras.saving.register_keras_serializable("kgan")
class FusedAdam(keras.optimizers.Adam):
    """Adam in one pass over memory: the same formula as `keras.optimizers.Adam`, one kernel.

    Keras writes the update as a dozen array operations, each of which reads and writes all weights
    from and to memory: at batch size 1 this takes a third of a pix2pix step on a CPU.

    Reference: Kingma and Ba 2015, the reordered form at the end of section 2.
    """

    def update_step(self, gradient, variable, learning_rate):
        # The kernel knows no amsgrad, and aborts the process on variables that are not float32.
        if self.amsgrad or variable.dtype != "float32":
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.cast(self.beta_1, tf.float32), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, tf.float32), step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=tf.cast(self.beta_1, tf.float32),
            beta2=tf.cast(self.beta_2, tf.float32),
            epsilon=tf.cast(self.epsilon, tf.float32),
            grad=tf.cast(tf.convert_to_tensor(gradient), tf.float32),
        )
        return None


def _handle(variable):
    """Finds the TensorFlow resource of a variable; under a strategy, this replica's."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


def build_optimizer(
    name: str, learning_rate: float, beta_1: float = 0.5
) -> keras.optimizers.Optimizer:
    """Builds an optimiser by name.

    Args:
        name: one of `NAMES`.
        learning_rate: positive float.
        beta_1: in [0, 1); Adam's first decay, and the momentum of `momentum`.

    Raises:
        ValueError: on an unknown name.
    """
    match name:
        case "adam":
            # 1e-8 is the paper's; Keras has 1e-7.
            return FusedAdam(learning_rate, beta_1=beta_1, epsilon=1e-8)
        case "rmsprop":
            # Keras keeps ε under the root, where its 1e-7 is a floor of 3e-4 that throttles the
            # small gradients of a clipped critic. The WGAN authors' library adds 1e-8 outside
            # the root and decays by 0.99; (1e-8)² under the root is the nearest to that.
            return keras.optimizers.RMSprop(learning_rate, rho=0.99, epsilon=1e-16)
        case "sgd":
            return keras.optimizers.SGD(learning_rate)
        case "momentum":
            return keras.optimizers.SGD(learning_rate, momentum=beta_1)
        case "adagrad":
            return keras.optimizers.Adagrad(learning_rate)
        case "adadelta":
            return keras.optimizers.Adadelta(learning_rate)
    raise ValueError(f"`name` must be one of {', '.join(NAMES)}. Received: name={name}")


def players(settings) -> dict:
    """Builds `g_optimizer`, `d_optimizer` and `accumulate` from settings, for `compile`."""
    optimizers = {
        f"{player}_optimizer": build_optimizer(
            getattr(settings, f"{player}_optimizer"),
            getattr(settings, f"{player}_lr"),
            settings.beta_1,
        )
        for player in ("g", "d")
    }
    return {**optimizers, "accumulate": settings.accumulate}

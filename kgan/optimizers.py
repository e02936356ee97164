"""One optimiser a player, with the settings of the papers where Keras' defaults differ."""

import keras

NAMES = ("adam", "rmsprop", "sgd", "momentum", "adagrad", "adadelta")


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
            return keras.optimizers.Adam(learning_rate, beta_1=beta_1, epsilon=1e-8)
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


def players(settings) -> dict[str, keras.optimizers.Optimizer]:
    """Builds `g_optimizer` and `d_optimizer` from settings, as `compile` takes them."""
    return {
        f"{player}_optimizer": build_optimizer(
            getattr(settings, f"{player}_optimizer"),
            getattr(settings, f"{player}_lr"),
            settings.beta_1,
        )
        for player in ("g", "d")
    }

"""Checks of feature arrays, with messages that name the argument; computing in batches."""

from collections.abc import Callable

import numpy as np


def as_features(name: str, value: np.ndarray, *, least: int = 1) -> np.ndarray:
    """Checks feature vectors and converts them to double precision.

    Args:
        name: of the caller's argument, for the message.
        value: float32 or float64 [N, F].
        least: smallest allowed N.

    Returns:
        float64 [N, F], finite; `value` itself if it is float64.

    Raises:
        ValueError: on another type or rank, too few rows, no columns, or values that are not
            finite.
    """
    value = np.asarray(value)
    if value.dtype.kind != "f" or value.ndim != 2 or value.shape[0] < least or not value.shape[1]:
        raise ValueError(
            f"`{name}` must be floats [N, F] with N at least {least} and F at least 1. "
            f"Received: {value.dtype} {list(value.shape)}"
        )
    if not np.isfinite(value).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {np.count_nonzero(~np.isfinite(value))} of "
            f"{value.size} values are NaN or infinite"
        )
    return value.astype(np.float64, copy=False)


def as_feature_pair(
    generated: np.ndarray, reference: np.ndarray, *, least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Checks two sets as `as_features` does, and that their numbers of columns are equal."""
    generated = as_features("generated", generated, least=least)
    reference = as_features("reference", reference, least=least)
    check_equal_widths(generated, reference)
    return generated, reference


def check_equal_widths(generated: np.ndarray, reference: np.ndarray) -> None:
    """Raises ValueError unless two sets, or their means, have the same number of features."""
    if generated.shape[-1] != reference.shape[-1]:
        raise ValueError(
            "`generated` and `reference` must have the same number of features. "
            f"Received: {generated.shape[-1]} and {reference.shape[-1]}"
        )


def map_batches(function: Callable, values: np.ndarray, size: int) -> np.ndarray:
    """Calls a function on `size` rows at a time, and joins the arrays that it returns."""
    return np.concatenate([function(values[n : n + size]) for n in range(0, len(values), size)])

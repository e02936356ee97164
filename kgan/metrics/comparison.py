"""All metrics of generated images against real ones, under names that contain the protocol.

`fid_digits_10000` is the Fréchet distance between the `digits` features of 10,000 generated images
and of the real ones. Only values of the same name can be compared.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kgan.metrics import class_scores, fid, kid, precision_recall, sliced_wasserstein
from kgan.metrics.features import Features

ERROR = "_standard_error"
SEED = 0  # of blocks and directions: the same for all comparisons


@dataclasses.dataclass(frozen=True)
class Group:
    """Metrics of two sets that are computed together.

    Args:
        metrics: their names, and whether lower is better.
        compute: from generated and real features to values by name, without the protocol. A value
            belongs to the metric that its name begins with, as `fid_standard_error` to `fid`.
        classes: whether the features need class probabilities.

    Example:
        >>> [group for group in GROUPS if "kid" in group.metrics][0].metrics
        {'kid': True}
    """

    metrics: Mapping[str, bool]
    compute: Callable[[Features, Features], Mapping[str, float]]
    classes: bool = False


def _fid(generated, real):
    reference = fid.Statistics.from_features(real.features)
    own = fid.Statistics.from_features(generated.features)
    return {
        "fid": fid.frechet_distance(own, reference),
        f"fid{ERROR}": fid.frechet_error(generated.features, reference),
    }


def _kid(generated, real):
    value, error = kid.kernel_distance(generated.features, real.features, seed=SEED)
    return {"kid": value, f"kid{ERROR}": error}


def _pair(function, *names):
    """Names the two values that a function of generated and real features returns."""

    def compute(generated, real):
        return dict(zip(names, function(generated.features, real.features), strict=True))

    return compute


_precision_recall = _pair(precision_recall.precision_recall, "precision", "recall")
_density_coverage = _pair(precision_recall.density_coverage, "density", "coverage")


def _class_score(generated, real):
    value, error = class_scores.class_score(generated.probabilities, seed=SEED)
    return {"class_score": value, f"class_score{ERROR}": error}


def _modes(generated, real):
    counts, real_counts = (class_scores.class_counts(x.probabilities) for x in (generated, real))
    return {
        "modes": float(class_scores.modes_found(counts)),
        "class_divergence": class_scores.class_divergence(counts),
        "class_divergence_of_real": class_scores.class_divergence(real_counts),
    }


def _sliced_wasserstein(generated, real):
    distance = sliced_wasserstein.sliced_wasserstein(generated.features, real.features, seed=SEED)
    return {"sliced_wasserstein": distance}


GROUPS = (
    Group({"fid": True}, _fid),
    Group({"kid": True}, _kid),  # unbiased: it may be negative
    Group({"precision": False, "recall": False}, _precision_recall),
    Group({"density": False, "coverage": False}, _density_coverage),
    Group({"class_score": False}, _class_score, classes=True),
    Group({"modes": False, "class_divergence": True}, _modes, classes=True),
    Group({"sliced_wasserstein": True}, _sliced_wasserstein),
)
METRICS = {name: lower for group in GROUPS for name, lower in group.metrics.items()}


def offers(with_classes: bool) -> dict[str, bool]:
    """Returns the available metrics, and whether lower is better.

    Args:
        with_classes: whether the features have class probabilities.
    """
    return {
        name: lower
        for group in GROUPS
        for name, lower in group.metrics.items()
        if with_classes or not group.classes
    }


def directions() -> dict[str, bool | None]:
    """Returns the beginnings of all names, and whether lower is better; None: no direction."""
    return {**METRICS, "class_divergence_of_real": None}


def compare(
    generated: Features, real: Features, names: Sequence[str], protocol: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Computes metrics of two sets.

    Args:
        generated: features of generated images.
        real: features of real images.
        names: of `METRICS`.
        protocol: appended to every name: features and count.

    Returns:
        Values by full name, errors as `<full name>_standard_error`; and for each metric that could
        not be computed, the reason in one line: too few images for the number of features.
    """
    values: dict[str, float] = {}
    unavailable: dict[str, str] = {}
    for group in GROUPS:
        wanted = [name for name in group.metrics if name in names]
        if not wanted:
            continue
        try:
            found = group.compute(generated, real)
        except ValueError as error:
            unavailable |= dict.fromkeys(wanted, str(error))
            continue
        for key, value in found.items():
            if any(key == name or key.startswith(f"{name}_") for name in wanted):
                plain = key.removesuffix(ERROR)
                values[f"{plain}_{protocol}{key[len(plain) :]}"] = float(value)
    return values, unavailable


def mean_with_error(name: str, values: np.ndarray) -> dict[str, float]:
    """Computes the mean of values [N] and, for more than one, its standard error.

    Returns:
        The mean by `name`, the error by `<name>_standard_error`.
    """
    found = {name: float(values.mean())}
    if len(values) > 1:
        found[f"{name}{ERROR}"] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return found

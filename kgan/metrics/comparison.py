"""Every measure between a set of generated images and a set of real ones, under full names.

A name says what the figure depends on: `fid_digits_10000` is the Fréchet distance between the
`digits` features of 10,000 generated images and of the real ones. Figures of the same name can be
compared, others cannot.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kgan.metrics import class_scores, fid, kid, precision_recall, sliced_wasserstein
from kgan.metrics.features import Seen

ERROR = "_standard_error"
SEED = 0  # of blocks and directions: the same for all that is compared


@dataclasses.dataclass(frozen=True)
class Group:
    """Metrics of two sets that are computed together.

    Args:
        metrics: their names, and whether lower is better.
        compute: from generated and real to values by name, without the protocol. What a name
            begins with, up to an underscore, is the metric that it belongs to:
            `fid_standard_error` is the error of `fid`.
        classes: whether it needs features that have classes.
    """

    metrics: Mapping[str, bool]
    compute: Callable[[Seen, Seen], Mapping[str, float]]
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


def _precision_recall(generated, real):
    values = precision_recall.precision_recall(generated.features, real.features)
    return dict(zip(("precision", "recall"), values, strict=True))


def _density_coverage(generated, real):
    values = precision_recall.density_coverage(generated.features, real.features)
    return dict(zip(("density", "coverage"), values, strict=True))


def _class_score(generated, real):
    value, error = class_scores.class_score(generated.probabilities, seed=SEED)
    return {"class_score": value, f"class_score{ERROR}": error}


def _modes(generated, real):
    counts = class_scores.class_counts(generated.probabilities)
    of_real = class_scores.class_counts(real.probabilities)
    return {
        "modes": float(class_scores.modes_found(counts)),
        "class_divergence": class_scores.class_divergence(counts),
        "class_divergence_of_real": class_scores.class_divergence(of_real),
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
    """Gives the names of the metrics that features allow, and whether lower is better.

    Args:
        with_classes: whether the features have classes.
    """
    return {
        name: lower
        for group in GROUPS
        for name, lower in group.metrics.items()
        if with_classes or not group.classes
    }


def directions() -> dict[str, bool | None]:
    """Gives what the names of all values begin with, and whether lower is better; None: neither."""
    return {**METRICS, "class_divergence_of_real": None}


def compare(
    generated: Seen, real: Seen, names: Sequence[str], protocol: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Computes metrics of two sets.

    Args:
        generated: what was found in the generated images.
        real: the same of the real ones.
        names: of `METRICS`.
        protocol: what stands behind every name: features and count.

    Returns:
        Values by full name, errors as `<full name>_standard_error`; and by metric, in one line
        each, why one could not be computed: too few images for the size of the features.
    """
    values: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for group in GROUPS:
        wanted = [name for name in group.metrics if name in names]
        if not wanted:
            continue
        try:
            found = group.compute(generated, real)
        except ValueError as error:
            left_out |= dict.fromkeys(wanted, str(error))
            continue
        for key, value in found.items():
            if any(key == name or key.startswith(f"{name}_") for name in wanted):
                plain = key.removesuffix(ERROR)
                values[f"{plain}_{protocol}{key[len(plain) :]}"] = float(value)
    return values, left_out


def class_agreement(probabilities: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Computes how often the class that is seen is the one that was asked for.

    Args:
        probabilities: float [N, K].
        asked: int [N].
    """
    right = probabilities.argmax(axis=1) == asked
    error = right.std(ddof=1) / np.sqrt(len(right)) if len(right) > 1 else 0.0
    return {"agreement": float(right.mean()), f"agreement{ERROR}": float(error)}

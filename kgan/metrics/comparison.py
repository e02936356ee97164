"""Every measure between a set of generated pictures and a set of real ones, under full names.

A name says what the figure depends on: `fid_digits_10000` is the Fréchet distance between the
`digits` features of 10,000 generated pictures and of the real ones. Figures of the same name can be
compared, others cannot.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kgan.metrics import classes, frechet, kernel, neighbours, sliced
from kgan.metrics.features import Seen

ERROR = "_standard_error"
SEED = 0  # of blocks and directions: the same for all that is compared


@dataclasses.dataclass(frozen=True)
class Metric:
    """A measure of two sets.

    Args:
        about: for the table.
        compute: from generated and real to values by name, without the protocol; a name with
            `_standard_error` behind is the error of the one without.
        lower_is_better: for the choice of the best checkpoint; False: higher is.
        classes: whether it needs features that have classes.
        others: its values that are not called after it, and whether lower is better; None where
            neither is, as for those of real pictures.
    """

    about: str
    compute: Callable[[Seen, Seen], Mapping[str, float]]
    lower_is_better: bool
    classes: bool = False
    others: Mapping[str, bool | None] = dataclasses.field(default_factory=dict)


def _fid(generated, real):
    reference = frechet.Statistics.from_features(real.features)
    own = frechet.Statistics.from_features(generated.features)
    return {
        "fid": frechet.frechet_distance(own, reference),
        f"fid{ERROR}": frechet.frechet_error(generated.features, reference),
    }


def _kid(generated, real):
    value, error = kernel.kernel_distance(generated.features, real.features, seed=SEED)
    return {"kid": value, f"kid{ERROR}": error}


def _precision_recall(generated, real):
    values = neighbours.precision_recall(generated.features, real.features)
    return dict(zip(("precision", "recall"), values, strict=True))


def _density_coverage(generated, real):
    values = neighbours.density_coverage(generated.features, real.features)
    return dict(zip(("density", "coverage"), values, strict=True))


def _class_score(generated, real):
    value, error = classes.class_score(generated.probabilities, seed=SEED)
    return {"class_score": value, f"class_score{ERROR}": error}


def _modes(generated, real):
    counts = classes.class_counts(generated.probabilities)
    of_real = classes.class_counts(real.probabilities)
    return {
        "modes": float(classes.modes_found(counts)),
        "class_divergence": classes.class_divergence(counts),
        "class_divergence_of_real": classes.class_divergence(of_real),
    }


def _sliced_wasserstein(generated, real):
    distance = sliced.sliced_wasserstein(generated.features, real.features, seed=SEED)
    return {"sliced_wasserstein": distance}


METRICS = {
    "fid": Metric("Fréchet distance; lower is better", _fid, True),
    "kid": Metric("kernel distance, unbiased: may be negative; lower is better", _kid, True),
    "precision_recall": Metric(
        "k = 3: generated that could be real; real that could be generated", _precision_recall,
        False, others={"precision": False, "recall": False},
    ),
    "density_coverage": Metric(
        "k = 5: real density where pictures are; share of real ones with one near",
        _density_coverage, False, others={"density": False, "coverage": False},
    ),
    "class_score": Metric(
        "exp KL of classes: 1 to the number of classes; higher is better", _class_score, False,
        classes=True,
    ),
    "modes": Metric(
        "classes found, and KL(histogram ‖ even) in nats; of the real pictures beside", _modes,
        False, classes=True,
        others={"class_divergence": True, "class_divergence_of_real": None},
    ),
    "sliced_wasserstein": Metric(
        "mean over 256 directions; lower is better", _sliced_wasserstein, True
    ),
}  # fmt: skip


def offers(with_classes: bool) -> dict[str, bool]:
    """Gives the names of the metrics that features allow, and whether lower is better.

    Args:
        with_classes: whether the features have classes.
    """
    return {
        name: metric.lower_is_better for name, metric in METRICS.items()
        if with_classes or not metric.classes
    }  # fmt: skip


def directions() -> dict[str, bool | None]:
    """Gives the names of all values, without the protocol, and whether lower is better."""
    return {
        value: lower
        for name, metric in METRICS.items()
        for value, lower in {name: metric.lower_is_better, **metric.others}.items()
    }


def compare(
    generated: Seen, real: Seen, names: Sequence[str], protocol: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Computes metrics of two sets.

    Args:
        generated: what was found in the generated pictures.
        real: the same of the real ones.
        names: keys of `METRICS`.
        protocol: what stands behind every name: features and count.

    Returns:
        Values by full name, errors as `<full name>_standard_error`; and by metric, in one line
        each, why one could not be computed: too few pictures for the size of the features.
    """
    values: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            found = METRICS[name].compute(generated, real)
        except ValueError as error:
            left_out[name] = str(error)
            continue
        for key, value in found.items():
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

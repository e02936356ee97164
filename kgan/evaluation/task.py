"""What every kind of evaluation is asked for, and what it gives."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

DRAWN = 10_000  # images, where there are as many real ones


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be measured.

    Args:
        part: of the data set: `train`, `validation` or `test`.
        metrics: names; None: all that fit and cost seconds.
        features: by which images are compared; None: those that fit the data.
        count: how many images at most.
        flag: as which the metrics were asked for, for messages.
    """

    part: str = "test"
    metrics: Sequence[str] | None = None
    features: str | None = None
    count: int = DRAWN
    flag: str = "metrics"

    def wanted(self, offered: Iterable[str]) -> list[str]:
        """Gives those of the offered metrics that are to be computed."""
        return [name for name in offered if self.metrics is None or name in self.metrics]


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found.

    Args:
        title: one line: how many of what against what.
        values: by name; the error of `x` is called `x_standard_error`.
        left_out: by metric, why it could not be computed, one line each.
    """

    title: str
    values: Mapping[str, float]
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Task:
    """A kind of evaluation that fits a model and its data.

    Args:
        name: of the file of results, `metrics-<name>.jsonl`.
        offers: names of the metrics that it can compute, and whether lower is better.
        measure: computes some of them for the model.
        impossible: tells, whatever the model draws, which of them the data are too few for: the
            reason by metric.
    """

    name: str
    offers: Mapping[str, bool]
    measure: Callable[[Sequence[str]], Result]
    impossible: Callable[[Sequence[str]], Mapping[str, str]] = lambda names: {}

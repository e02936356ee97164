"""Requests to evaluations, their tasks and their results."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from kgan.utils.errors import UserError

COUNT = 10_000  # images, where the dataset has that many


def sample_name(count: int, total: int) -> str:
    """Returns how the name of a value says which examples it was computed on.

    Values of all examples and of a sample have different names, since only those of equal names
    are compared. Versions of kgan that took the first examples of a part wrote their number alone.

    Example:
        >>> sample_name(100, 360), sample_name(1000, 360)
        ('100_of_360', '360')
    """
    return f"{count}_of_{total}" if count < total else str(total)


@dataclasses.dataclass(frozen=True)
class Request:
    """The metrics that a user requests, and the data to compute them on.

    Args:
        part: part of the dataset: `train`, `validation` or `test`.
        metrics: names of metrics; None: all that fit the model and the dataset.
        features: name of the features that images are compared by; None: those of the dataset.
        count: maximum number of images.
        flag: name of the flag that held the metrics, for error messages.

    Example:
        >>> Request(metrics=["kid", "fid"]).choose(["fid", "kid", "recall"])
        ['fid', 'kid']
        >>> Request().choose(["fid", "kid"])
        ['fid', 'kid']
    """

    part: str = "test"
    metrics: Sequence[str] | None = None
    features: str | None = None
    count: int = COUNT
    flag: str = "metrics"

    def choose(self, available: Iterable[str]) -> list[str]:
        """Returns the available metrics that are requested, in their order."""
        return [name for name in available if self.metrics is None or name in self.metrics]

    def check(self, unavailable: Mapping[str, str]) -> None:
        """Checks that no metric that was requested by name is among the unavailable ones.

        Args:
            unavailable: reasons by metric; a direction may follow after a space.
        """
        for name, reason in unavailable.items():
            if name.partition(" ")[0] in (self.metrics or ()):
                raise UserError(f"--{self.flag}={name}: {reason}")


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of an evaluation.

    Args:
        title: one line: how many examples of which part were compared with what.
        values: by name; the standard error of `x` is `x_standard_error`.
        unavailable: by metric, the reason why it could not be computed, in one line.

    Example:
        >>> Result("5 images of the test part", {"l1": 0.25}).values["l1"]
        0.25
    """

    title: str
    values: Mapping[str, float]
    unavailable: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Task:
    """An evaluation that fits a model and its dataset.

    Args:
        name: name of the evaluation; its results are stored in `metrics-<name>.jsonl`.
        metrics: by name of each metric that it can compute, whether lower is better.
        measure: computes the metrics of the given names.
        unavailable: returns, without the model, by metric the reason why the dataset has too few
            examples for it.

    Example:
        >>> task = Task("pairs", {"l1": True}, lambda names: Result("5 images", {"l1": 0.25}))
        >>> task.measure(["l1"]).values
        {'l1': 0.25}
    """

    name: str
    metrics: Mapping[str, bool]
    measure: Callable[[Sequence[str]], Result]
    unavailable: Callable[[Sequence[str]], Mapping[str, str]] = lambda names: {}

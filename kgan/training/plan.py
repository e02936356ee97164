"""Length of a run: steps, epochs and batch size."""

import dataclasses

from kgan.callbacks.base import Every
from kgan.cli import settings


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long a run is.

    Args:
        batch_size: global.
        steps_per_epoch: steps that take as many images as the training part has, at least 1;
            of two domains, as the larger one has.
        total_steps: where the run ends.
        images_per_step: training images that one step takes.
    """

    batch_size: int
    steps_per_epoch: int
    total_steps: int
    images_per_step: int

    def every(self, name: str, text: str | None, times: int) -> Every:
        """Parses an interval flag; without one, `times` equal parts of the run."""
        if text is None:
            return Every(max(1, self.total_steps // times), "steps", self.steps_per_epoch)
        return Every(*settings.parse_interval(name, text), self.steps_per_epoch)


def make_plan(resolved, collection, model) -> Plan:
    images_per_step = resolved.batch_size * model.batches_per_step
    steps_per_epoch = max(1, collection.pass_length // images_per_step)
    ends = [resolved.steps, resolved.epochs and resolved.epochs * steps_per_epoch]
    total = min(end for end in ends if end is not None)
    return Plan(resolved.batch_size, steps_per_epoch, total, images_per_step)

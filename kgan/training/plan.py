"""Length of a run: steps, epochs and batch size."""

import dataclasses

from kgan.callbacks.base import Every
from kgan.cli.settings import Interval, RunSettings


@dataclasses.dataclass(frozen=True)
class Plan:
    """Length of a run.

    Args:
        batch_size: global.
        steps_per_epoch: steps that take as many images as the training part has, at least 1;
            of two domains, as the larger one has.
        total_steps: where the run ends.
        images_per_step: training images that one step takes.
        steps_per_execution: steps that are executed by one call, see `kgan.training.execution`.

    Example:
        >>> plan = Plan(batch_size=8, steps_per_epoch=10, total_steps=40, images_per_step=8)
        >>> plan.every(None, 20).number
        2
    """

    batch_size: int
    steps_per_epoch: int
    total_steps: int
    images_per_step: int
    steps_per_execution: int = 1

    @classmethod
    def of(cls, settings: RunSettings, pass_length: int, batches_per_step: int) -> "Plan":
        """Makes the plan of a run.

        Args:
            settings: with the global batch size.
            pass_length: images in a pass over the training data.
            batches_per_step: of the model.
        """
        images_per_step = settings.batch_size * batches_per_step
        steps_per_epoch = max(1, pass_length // images_per_step)
        ends = [settings.steps, settings.epochs and settings.epochs * steps_per_epoch]
        total = min(end for end in ends if end is not None)
        return cls(settings.batch_size, steps_per_epoch, total, images_per_step)

    def every(self, interval: Interval | None, times: int) -> Every:
        """Returns when something is due; without an interval, about `times` times in the run."""
        interval = interval or (self.share(times), "steps")
        return Every(*interval, self.steps_per_epoch)

    def share(self, times: int) -> int:
        """Returns about the `times`-th part of the run in steps, a multiple of an execution's."""
        step = self.steps_per_execution
        return max(step, self.total_steps // times // step * step)

"""Length of a run: steps, epochs and batch size."""

import dataclasses

from kgan.callbacks.base import Every
from kgan.cli.settings import Interval, RunSettings, Settings
from kgan.utils.schedules import learning_rate_factor


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
        minutes: after which the training may end earlier; None: it does not.

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
    minutes: float | None = None

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
        lengths = settings.batch_size, steps_per_epoch, total, images_per_step
        return cls(*lengths, minutes=settings.minutes)

    def every(self, interval: Interval | None, times: int) -> Every:
        """Returns when something is due; without an interval, about `times` times in the run.

        If a limit of time ends the run, that is so in this time, too.
        """
        if interval is not None:
            return Every(*interval, self.steps_per_epoch)
        limit = None if self.minutes is None else 60 * self.minutes / times
        return Every(self.share(times), "steps", self.steps_per_epoch, seconds=limit)

    def share(self, times: int) -> int:
        """Returns about the `times`-th part of the run in steps, a multiple of an execution's."""
        step = self.steps_per_execution
        return max(step, self.total_steps // times // step * step)


def keep_schedule(settings: Settings, own: Settings, *data: int) -> Settings:
    """Returns the settings of a resumed run whose learning rates continue as they were planned.

    Args:
        settings: those that it is resumed with.
        own: those that it has had.
        data: the last two arguments of `Plan.of`.
    """
    run = settings.run
    if run.lr_schedule == "constant" or run.lr_schedule_length is not None:
        return settings
    before = Plan.of(own.run, *data).total_steps
    if before == Plan.of(run, *data).total_steps:
        return settings
    return settings.replace(lr_schedule_length=before)


def describe_schedule(run: RunSettings, plan: Plan, step: int, before: int | None) -> list[str]:
    """Describes a schedule of learning rates that does not end with the run, or has changed.

    Args:
        run: the settings of the run.
        plan: its plan.
        step: from which it is resumed, or 0.
        before: steps over which the rates of a resumed run fell before.
    """
    total, length = plan.total_steps, run.lr_schedule_length
    if run.lr_schedule == "constant" or length is None:
        return []
    lines = []
    if length != total:
        end = "are 0 from there on" if length < total else "are not at 0 at the end"
        lines.append(
            f"learning rates: --lr_schedule={run.lr_schedule} falls over {length} steps, the run "
            f"has {total}, so they {end}; --lr_schedule_length={total} lets them fall to its end"
        )
    was, now = (
        learning_rate_factor(run.lr_schedule, step, steps, run.lr_decay_from, run.lr_warmup)
        for steps in (before or length, length)
    )
    if was != now:
        lines.append(
            f"learning rates at step {step}: {now:.3g} of the initial ones, {was:.3g} before, "
            f"since --lr_schedule_length={length} is given"
        )
    return lines

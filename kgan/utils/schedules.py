"""Learning rates as a function of the step."""

import math

SCHEDULES = ("constant", "linear", "cosine")


def learning_rate_factor(
    schedule: str, step: int, total_steps: int, decay_from: float = 0.5, warmup: int = 0
) -> float:
    """Computes the factor of the learning rate in a step.

    It is 1 up to `decay_from · total_steps`. From there, with p rising from 0 to 1 at the run's
    end, it is 1 − p for `linear` and ½ (1 + cos πp) for `cosine`. In the first `warmup` steps it is
    multiplied by 1 / warmup, 2 / warmup, … 1.

    Args:
        schedule: one of `SCHEDULES`.
        step: number of completed steps.
        total_steps: step at which the run ends.
        decay_from: share of the run after which the factor falls, in [0, 1].
        warmup: number of steps in which the factor rises linearly from 0; 0: none.

    Returns:
        A factor in [0, 1]; 0 only from `total_steps` on, when no step is taken.

    Reference: Zhu et al. 2017, section 4 (constant for 100 epochs, linear to zero over 100);
    Loshchilov and Hutter 2017, equation 5, without restarts; Goyal et al. 2017, section 2.2
    (gradual warm-up, there from 1 / workers of the rate).

    Raises:
        ValueError: the schedule is unknown.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"`schedule` must be one of {', '.join(SCHEDULES)}. Received: {schedule}")
    if step < warmup:
        factor = learning_rate_factor(schedule, step, total_steps, decay_from)
        return factor * (step + 1) / warmup
    start = decay_from * total_steps
    if schedule == "constant" or step <= start:
        return 1.0
    progress = min(1.0, (step - start) / (total_steps - start))
    return 1.0 - progress if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))

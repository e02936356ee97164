"""Execution of training steps: with XLA or without it, and how many of them by one call."""

import math

import tensorflow as tf

from kgan.cli.settings import Settings
from kgan.training.plan import Plan
from kgan.utils.errors import UserError

MOST = 10  # steps of an execution that is chosen here
# Steps are short where the weights of all networks, times the images of a batch, are fewer. On two
# cores such steps took 1 to 30 ms, of which ten by one call saved 15 to 25 %.
SHORT = 50e6


def uses_xla(jit: str, replicas: int, deterministic: bool) -> bool:
    """Returns whether steps are compiled with XLA.

    `auto` does so on a single GPU, without `--deterministic`. On a CPU, XLA was up to twice as slow
    with these networks (a DCGAN of 64 pixels: 92 instead of 170 images a second). It cannot compile
    the sums over several replicas, and has operations on a GPU that are not deterministic.

    Args:
        jit: `auto`, `on` or `off`.
        replicas: in all processes together.
        deterministic: whether operations have to be.

    Raises:
        UserError: begins with `--jit`.
    """
    if jit == "on" and replicas > 1:
        raise UserError(
            f"--jit=on: needs a single replica, and there are {replicas}; right would be auto"
        )
    gpus = tf.config.list_physical_devices("GPU")
    return jit == "on" or (jit == "auto" and bool(gpus) and replicas == 1 and not deterministic)


def steps_per_execution(settings: Settings, plan: Plan, model, start: int = 0) -> int:
    """Returns how many steps are executed by one call.

    Callbacks act between two executions only. So that everything is done at its own step, the
    number divides all intervals in steps, the length of an epoch and of the run, and the first
    step; and it is 1 where learning rates change from step to step. `auto` is the largest such
    number up to 10 where steps are short, else 1.

    Args:
        settings: of the training.
        plan: of the training.
        model: built.
        start: the step from which the run starts or is resumed.

    Raises:
        UserError: begins with `--steps_per_execution`.
    """
    given, run = settings.device.steps_per_execution, settings.run
    lengths = {
        **_intervals(settings, plan),
        f"the {plan.steps_per_epoch} steps of an epoch": plan.steps_per_epoch,
        f"the run's {plan.total_steps} steps": plan.total_steps,
        f"step {start}, from which the run is resumed": start,
    }
    common = math.gcd(*lengths.values())
    rates_change = run.lr_schedule != "constant" or run.lr_warmup > 0
    if given is None:
        weights = sum(network.count_params() for network in model.networks.values())
        is_short = weights * plan.batch_size < SHORT
        return _largest_divisor(common, MOST if is_short and not rates_change else 1)
    if given > 1 and rates_change:
        raise UserError(
            f"--steps_per_execution={given}: needs --lr_schedule=constant and --lr_warmup=0, since "
            "rates are set between two executions; right would be 1"
        )
    for what, length in lengths.items():
        if length % given:
            raise UserError(
                f"--steps_per_execution={given}: must divide {what}, or what is due in between "
                f"would come late; right would be {_largest_divisor(common, given)}"
            )
    return given


def _intervals(settings, plan):
    """Returns the intervals in steps that the flags give, by the flag."""
    found = {f"--log_every={settings.run.log_every}": settings.run.log_every}
    for name, interval in (
        ("checkpoint_every", settings.run.checkpoint_every),
        ("sample_every", settings.run.sample_every),
        ("validate_every", settings.validation.validate_every),
    ):
        steps = plan.every(interval, 1).steps if interval else None
        if steps is not None:
            found[f"--{name}={settings.values[name]}"] = steps
    return found


def _largest_divisor(number, most):
    return max(divisor for divisor in range(1, most + 1) if number % divisor == 0)

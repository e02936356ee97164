"""Detection of failed training: values that are not finite, a dominant discriminator, collapse."""

import dataclasses
import logging

from kgan.callbacks.base import StepCallback
from kgan.callbacks.logging import MeansLogger
from kgan.runs.logs import NoLog, ScalarLog
from kgan.utils.failures import Failures

logger = logging.getLogger("kgan")

WON_LINES = 20  # consecutive lines of the log
COLLAPSE_SHARE = 0.25  # of the greatest diversity so far
# The remedies of the course's lesson on mode collapse and its DCGAN practical (docs/course.md).
ADVICE = {
    "discriminator_won": (
        "the discriminator separates real and generated images without error, so the generator "
        "learns little; try the least-squares or the Wasserstein loss, another ratio of the "
        "learning rates (a lower --d_lr), or targets of 0.7 to 0.99 instead of 1 for real images "
        "(--real_label)"
    ),
    "generator_collapsed": (
        "the generator returns nearly the same image for different latents; try noise on a hidden "
        "layer of the generator (--hidden_noise, the most effective remedy), no bias in its last "
        "layer (--nooutput_bias), minibatch discrimination (--minibatch_kernels), or more varied "
        "data; targets of 0.7 to 0.99 for real images have not helped, and a critic trained with "
        "the Wasserstein loss may collapse, too"
    ),
}


@dataclasses.dataclass(eq=False)
class NaNGuard(StepCallback):
    """Ends `fit` when a loss or a weight is NaN or infinite, with a diagnosis.

    The training step records the first mean that is not finite in a variable on the device; this
    callback reads it every few steps. Weights are checked before each checkpoint (see
    `Checkpoints`), which is never written from a state that is not finite.

    Args:
        every: steps between two checks.

    Example:
        >>> guard = NaNGuard(every=20)
        >>> guard.diagnosis is None
        True
    """

    every: int

    def __post_init__(self):
        super().__post_init__()
        self.diagnosis: str | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.diagnosis = None

    def on_step(self):
        if self.step % self.every == 0:
            self.check()

    def on_train_end(self, logs=None):
        self.check()

    def check(self) -> None:
        """Checks the recorded losses; fails with the step and the names of the first bad ones."""
        bad = self.model.non_finite_losses()
        if bad and self.diagnosis is None:
            first = min(bad.values())
            names = ", ".join(name for name, step in bad.items() if step == first)
            self.fail(f"{names} not finite at step {first + 1}")

    def fail(self, diagnosis: str) -> None:
        """Ends `fit` after this step with a diagnosis."""
        self.diagnosis = diagnosis
        self.model.stop_training = True


@dataclasses.dataclass(eq=False)
class CollapseMonitor(StepCallback):
    """Warns, once each, when the discriminator has won or the generator has collapsed.

    Args:
        log: receives the warning as text and the diversity as a scalar.
        means: provides the latest losses.
        guard: ends training for a rollback.
        on_collapse: `warn`, `stop` or `rollback`.
        every: steps between two checks of the generator's diversity.
        failures: notes those of these checks, which do not end the training.

    Example:
        >>> means = MeansLogger(NoLog(), 20, 100, 64)
        >>> CollapseMonitor(NoLog(), means, NaNGuard(20), "warn", every=50).raised
        []
    """

    stored = {"raised": "raised", "greatest": "_greatest", "won_lines": "_won_lines"}

    log: ScalarLog | NoLog
    means: MeansLogger
    guard: NaNGuard
    on_collapse: str
    every: int
    failures: Failures = dataclasses.field(default_factory=Failures)

    def __post_init__(self):
        super().__post_init__()
        self.raised: list[str] = []
        self._greatest = 0.0
        self._won_lines = 0
        self._seen_step = -1

    def on_step(self):
        latest = self.means.latest
        if latest and self.means.logged_step != self._seen_step:
            self._seen_step = self.means.logged_step
            below = self.model.discriminator_won_below
            won = below is not None and latest["d_loss"] < below
            self._won_lines = self._won_lines + 1 if won else 0
            if self._won_lines == WON_LINES:
                self._warn("discriminator_won")
        if self.step % self.every == 0:
            self._check_diversity()

    def _check_diversity(self):
        diversity = None
        with self.failures.tolerated("the check of diversity", f"step {self.step}"):
            diversity = self.model.diversity()
        if diversity is None:
            return
        self.log.write("alarm", self.step, {"diversity": diversity})
        self._greatest = max(self._greatest, diversity)
        if diversity < COLLAPSE_SHARE * self._greatest:
            self._warn("generator_collapsed")
            if self.on_collapse == "stop":
                self.model.stop_training = True
            elif self.on_collapse == "rollback":
                self.guard.fail(f"the generator collapsed before step {self.step}")

    def _warn(self, name):
        if name in self.raised:
            return
        self.raised.append(name)
        logger.warning("warning: step %d: %s", self.step, ADVICE[name])
        self.log.text("alarms", self.step, f"{name}: {ADVICE[name]}")

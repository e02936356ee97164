"""Notices when training goes wrong: numbers that are none, a won game, a collapsed generator."""

import logging

from kgan.callbacks.base import StepCallback
from kgan.callbacks.logging import MeansLogger
from kgan.runs.logs import ScalarLog

logger = logging.getLogger("kgan")

WON_LINES = 20  # lines of the log in a row
COLLAPSE_SHARE = 0.25  # of the greatest diversity so far
# Course `001`, summary: unstable training ⇒ least squares, Wasserstein; `002`, 2.3: the ratio of
# the learning rates; 2.6.2: noise, which helped; 2.6.3: real targets of 0.7 to 0.99 and a few
# swapped labels, which did not help there; 2.6.4: the minibatch; 4.4: a critic collapsed, too.
ADVICE = {
    "discriminator_won": (
        "the discriminator tells real from generated images without error, so that the "
        "generator learns little; the course advises the least-squares or the Wasserstein loss, "
        "another ratio of the learning rates (a lower --d_lr), and targets of 0.7 to 0.99 "
        "instead of 1 for real images (--real_label)"
    ),
    "generator_collapsed": (
        "the generator draws nearly the same image from different latents; the course advises "
        "noise on a hidden layer of the generator (--hidden_noise, which helped most there), no "
        "bias in its last layer (--nooutput_bias), minibatch discrimination "
        "(--minibatch_kernels), and data of more kinds; targets of 0.7 to 0.99 for "
        "real images did not help there, and the Wasserstein loss alone may collapse, too"
    ),
}


class NaNGuard(StepCallback):
    """Ends `fit` when a loss or a weight is NaN or infinite, and says which and when.

    The step itself notes the first bad mean in a variable, on the device; the guard reads it
    every few steps. Weights are looked at before each checkpoint (see `Checkpoints`), which is
    never written from a state that is not finite.

    Args:
        every: steps between two looks.
    """

    def __init__(self, every: int):
        super().__init__()
        self.every = every
        self.diagnosis: str | None = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.diagnosis = None

    def on_step(self):
        if self.step % self.every == 0:
            self.look()

    def on_train_end(self, logs=None):
        self.look()

    def look(self) -> bool:
        """Looks at the noted losses; tells whether all is well."""
        bad = self.model.non_finite_losses()
        if bad and self.diagnosis is None:
            first = min(bad.values())
            names = ", ".join(name for name, step in bad.items() if step == first)
            self.trip(f"{names} not finite at step {first + 1}")
        return self.diagnosis is None

    def trip(self, diagnosis: str) -> None:
        """Ends `fit` after this step with a diagnosis."""
        self.diagnosis = diagnosis
        self.model.stop_training = True


class CollapseMonitor(StepCallback):
    """Warns, once each, when the discriminator has won or the generator has collapsed.

    Args:
        log: gets the warning as text, and the diversity as a scalar.
        means: gives the latest losses.
        guard: ends training where `on_collapse` says so.
        on_collapse: `warn`, `stop` or `rollback`.
        every: steps between two looks at the generator's diversity.
    """

    def __init__(
        self,
        log: ScalarLog,
        means: MeansLogger,
        guard: NaNGuard,
        on_collapse: str,
        every: int,
    ):
        super().__init__()
        self.log = log
        self.means = means
        self.guard = guard
        self.on_collapse = on_collapse
        self.every = every
        self.raised: list[str] = []
        self.stopped = False
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
                self._raise("discriminator_won")
        if self.step % self.every == 0:
            self._look_at_diversity()

    def _look_at_diversity(self):
        diversity = self.model.diversity()
        if diversity is None:
            return
        self.log.write("alarm", self.step, {"diversity": diversity})
        self._greatest = max(self._greatest, diversity)
        if diversity < COLLAPSE_SHARE * self._greatest:
            self._raise("generator_collapsed")
            if self.on_collapse == "stop":
                self.stopped = True
                self.model.stop_training = True
            elif self.on_collapse == "rollback":
                self.guard.trip(f"the generator collapsed before step {self.step}")

    def _raise(self, name):
        if name in self.raised:
            return
        self.raised.append(name)
        logger.warning("warning: step %d: %s", self.step, ADVICE[name])
        self.log.text("alarms", self.step, f"{name}: {ADVICE[name]}")

    def state(self):
        return {"raised": self.raised, "greatest": self._greatest, "won_lines": self._won_lines}

    def restore(self, state):
        self.raised = list(state.get("raised", []))
        self._greatest = state.get("greatest", 0.0)
        self._won_lines = state.get("won_lines", 0)

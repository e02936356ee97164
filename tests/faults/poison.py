"""Faults that are caused in a training; called in the child that trains, see `forks.py`."""

import numpy as np

from kgan.callbacks import health


def write_nan_into_a_weight(step: int) -> None:
    """Makes the generator's first weight NaN after a step, once."""
    original, done = health.NaNGuard.on_step, []

    def on_step(self):
        if self.step == step and not done:
            done.append(step)
            weight = self.model.players["g"][0].trainable_variables[0]
            weight.assign(np.full(weight.shape, np.nan, np.float32))
        original(self)

    health.NaNGuard.on_step = on_step

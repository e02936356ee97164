"""What a training is given to break it; called in the child that trains, see `forks.py`."""

import numpy as np

from kgan import alarms


def write_nan_into_a_weight(step: int) -> None:
    """Makes the generator's first weight NaN after a step, once."""
    original, done = alarms.NonFiniteGuard.on_step, []

    def on_step(self):
        if self.step == step and not done:
            done.append(step)
            weight = self.model.players["g"][0].trainable_variables[0]
            weight.assign(np.full(weight.shape, np.nan, np.float32))
        original(self)

    alarms.NonFiniteGuard.on_step = on_step

"""A model and a log for callbacks, and a `fit` without training."""

import keras
import numpy as np

from kgan.callbacks.base import Every

LOSSES = (1.0, 2.0, 3.0, 10.0, 5.0, 5.0, 5.0, 9.0)


def steps(number):
    """An interval of so many steps."""
    return Every(number, "steps", 4)


class FakeModel:
    """The part of a model that callbacks use; a test sets its losses and diversities."""

    discriminator_won_below = 0.01

    def __init__(self, step=0, diversities=()):
        self.completed_steps = step
        self.current_attempt = 0
        self.losses = []
        self.diversities = list(diversities)
        self.optimizers = {"g_optimizer": keras.optimizers.SGD(0.25)}
        self.stop_training = False
        self.kept_means = False

    def means(self):
        return {"g_loss": float(np.mean(self.losses or [0]))}

    def reset_metrics(self):
        self.losses = []

    def keep_means(self):
        self.kept_means = True

    def state(self):
        return {"weight": keras.Variable(np.float32([1, 2]), name="weight")}

    def diversity(self):
        return self.diversities.pop(0) if self.diversities else None


class FakeLog:
    """A log that keeps what is written."""

    def __init__(self):
        self.lines, self.images, self.texts = [], [], []
        self.flushed = 0

    def write(self, kind, step, values):
        self.lines.append({"kind": kind, "step": step, **values})

    def image(self, name, step, image):
        self.images.append((name, step))

    def text(self, name, step, words):
        self.texts.append((name, step, words))

    def flush(self):
        self.flushed += 1

    def of(self, kind, name):
        return [(line["step"], line[name]) for line in self.lines if line["kind"] == kind]


def train(model, hooks, steps, losses=None, *, end=True):
    """Calls the hooks as `fit` does in one epoch of `steps` steps with these losses."""
    for hook in hooks:
        hook.set_model(model)
    for hook in hooks:
        hook.on_train_begin()
    for hook in hooks:
        hook.on_epoch_begin(0)
    for batch in range(steps):
        if losses is not None:
            model.losses.append(losses[batch])
        model.completed_steps += 1
        for hook in hooks:
            hook.on_train_batch_end(batch)
        if model.stop_training:
            break
    if end:
        for hook in hooks:
            hook.on_train_end()

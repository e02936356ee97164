import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from kgan.callbacks import health
from kgan.models import gan
from kgan.runs import checkpoint
from tests.callbacks.fakes import FakeLog, FakeModel
from tests.small_runs import GAN, command, metrics


def test_values_that_are_not_finite_cause_rollbacks_and_then_a_diagnosis(tmp_path, monkeypatch):
    original = health.NaNGuard.on_step

    def on_step(self):
        weight = self.model.generator.trainable_variables[0]
        weight.assign(np.full(weight.shape, np.nan, np.float32))
        original(self)

    monkeypatch.setattr(health.NaNGuard, "on_step", on_step)
    flags = ("--steps=8", "--log_every=2", "--checkpoint_every=2", "--max_rollbacks=2")
    outcome = command("train", *GAN, *flags, f"--runs_dir={tmp_path}", "--noexport")
    assert outcome.status == 1
    assert outcome.out.count("learning rates halved") == 2
    assert "stopped after 2 rollbacks: " in outcome.out
    # Only the initial state is left: a state that is not finite is never written.
    (run,) = tmp_path.iterdir()
    assert checkpoint.saved_steps(run / "checkpoints") == [0]
    arrays, _ = checkpoint.read(run / "checkpoints" / "step-00000000.safetensors")
    assert checkpoint.non_finite(arrays) == []


class Means:
    """The latest line of the log."""

    latest = {}
    logged_step = 0


class Game:
    """A monitor that checks the diversity every 10 steps, without training."""

    def __init__(self, diversities=(), on_collapse="warn"):
        self.model, self.means = FakeModel(diversities=diversities), Means()
        self.log, self.guard = FakeLog(), health.NaNGuard(1)
        self.monitor = health.CollapseMonitor(self.log, self.means, self.guard, on_collapse, 10)
        for callback in (self.guard, self.monitor):
            callback.set_model(self.model)

    def play(self, first, last, losses=()):
        """Passes through the steps; `losses` holds the d_loss that is logged at some of them."""
        for step in range(first, last + 1):
            if step in losses:
                self.means.latest, self.means.logged_step = {"d_loss": losses[step]}, step
            self.monitor.step = step
            self.monitor.on_step()

    @property
    def warnings(self):
        """The step and name of each warning in the log."""
        assert all(kind == "alarms" for kind, _, _ in self.log.texts)
        return [(step, words.partition(":")[0]) for _, step, words in self.log.texts]


def lines(first, last, value=0.001):
    return dict.fromkeys(range(first, last + 1), value)


@pytest.fixture
def messages(caplog, monkeypatch):
    """What is printed as a warning; the logger of kgan does not propagate by itself."""
    monkeypatch.setattr(logging.getLogger("kgan"), "propagate", True)
    return caplog


def test_discriminator_that_has_won_is_reported_once_after_twenty_consecutive_lines(messages):
    game = Game()
    game.play(1, 19, lines(1, 19))
    assert game.log.texts == [] and messages.messages == []
    game.play(20, 200, lines(20, 200))
    advice = health.ADVICE["discriminator_won"]
    assert game.log.texts == [("alarms", 20, f"discriminator_won: {advice}")]
    assert messages.messages == [f"warning: step 20: {advice}"]
    assert not game.model.stop_training


@pytest.mark.parametrize(
    ("losses", "below", "warned"),
    [
        ({**lines(1, 40), 20: 0.5}, 0.01, [40]),
        ({step: 0.001 for step in range(4, 77, 4)}, 0.01, []),
        (lines(1, 40, -5.0), None, []),
    ],
    ids=["an error restarts the count", "steps between lines do not count", "loss of a critic"],
)
def test_lines_that_count_for_a_discriminator_that_has_won(losses, below, warned):
    game = Game()
    game.model.discriminator_won_below = below
    game.play(1, 79, losses)
    assert [step for step, _ in game.warnings] == warned


def test_collapse_is_reported_once(messages):
    # A quarter of the greatest so far, 0.8, is 0.2.
    diversities = [0.4, 0.8, 0.2, 0.19, 0.5, 0.1]
    game = Game(diversities)
    game.play(1, 60)
    advice = health.ADVICE["generator_collapsed"]
    assert game.log.texts == [("alarms", 40, f"generator_collapsed: {advice}")]
    assert messages.messages == [f"warning: step 40: {advice}"]
    steps = range(10, 61, 10)
    assert game.log.of("alarm", "diversity") == list(zip(steps, diversities, strict=True))
    assert not game.model.stop_training and game.guard.diagnosis is None


def test_resumed_run_warns_as_one_that_was_not_interrupted():
    whole, parts, again = Game([0.8, 0.1]), Game([0.1, 0.1]), Game([0.1])
    whole.play(1, 19, lines(1, 19))
    parts.monitor.restore(json.loads(json.dumps(whole.monitor.state())))
    parts.play(20, 30, lines(20, 30))
    # The twentieth line, and a quarter of the greatest diversity, both from before.
    assert parts.warnings == [(20, "discriminator_won"), (20, "generator_collapsed")]
    again.monitor.restore(json.loads(json.dumps(parts.monitor.state())))
    again.play(31, 40, lines(31, 40))
    assert again.warnings == []


@pytest.mark.parametrize(
    ("on_collapse", "status", "reached", "warned", "printed"),
    [
        ("warn", 0, 20, 1, ()),
        ("stop", 0, 5, 1, ("stopped at step 5 of 20",)),
        (
            "rollback",
            1,
            5,
            2,  # the second attempt warns as well
            (
                "back to step 4, attempt 2, learning rates halved",
                "stopped after 1 rollbacks: the generator collapsed before step 5",
            ),
        ),
    ],
)
def test_collapse_of_a_run_has_the_chosen_effect_and_advice_stands_in_every_log(
    on_collapse, status, reached, warned, printed, tmp_path, monkeypatch
):
    # The diversity is checked at each of the 20 steps.
    monkeypatch.setattr(gan.GAN, "diversity", lambda m: 0.8 if m.completed_steps < 5 else 0.1)
    flags = ("--steps=20", "--log_every=1", "--checkpoint_every=2", "--noexport")
    more = (f"--on_collapse={on_collapse}", "--max_rollbacks=1", f"--runs_dir={tmp_path}")
    outcome = command("train", *GAN, *flags, *more)
    assert outcome.status == status, outcome
    (run,) = tmp_path.iterdir()
    advice = health.ADVICE["generator_collapsed"]
    line = f"warning: step 5: {advice}"
    assert outcome.out.count(line) == (run / "log.txt").read_text().count(line) == warned
    assert all(text in outcome.out for text in printed)
    assert max(entry["step"] for entry in metrics(run)) == reached
    texts = [entry["text"] for entry in metrics(run, "alarms")]
    assert texts == [f"generator_collapsed: {advice}"]
    events = (
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset([str(p) for p in (run / "tensorboard").iterdir()])
    )
    values = [value for event in events for value in event.summary.value if value.tag == "alarms"]
    assert [tf.make_ndarray(value.tensor).item().decode() for value in values] == texts

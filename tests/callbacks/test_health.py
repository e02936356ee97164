import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from kgan import randomness
from kgan.callbacks import health
from kgan.models import dcgan
from kgan.runs import checkpoint
from kgan.runs.folder import Run
from tests.small_runs import DCGAN, command, copy_of, dcgan_run, metrics


def test_numbers_that_are_none_are_rolled_back_and_then_diagnosed(tmp_path, monkeypatch):
    original = health.NaNGuard.on_step

    def spoil_and_look(self):
        weight = self.model.generator.trainable_variables[0]
        weight.assign(np.full(weight.shape, np.nan, np.float32))
        original(self)

    monkeypatch.setattr(health.NaNGuard, "on_step", spoil_and_look)
    outcome = command(
        "train",
        *DCGAN,
        "--steps=8",
        "--log_every=2",
        "--checkpoint_every=2",
        "--max_rollbacks=2",
        f"--runs_dir={tmp_path}",
        "--noexport",
    )
    assert outcome.status == 1
    assert outcome.out.count("learning rates halved") == 2
    assert "stopped after 2 rollbacks: " in outcome.out
    (run,) = tmp_path.iterdir()
    # Only the untouched start is left: a state that is not finite is never written.
    assert checkpoint.saved_steps(run / "checkpoints") == [0]
    arrays, _ = checkpoint.read(run / "checkpoints" / "step-00000000.safetensors")
    assert checkpoint.non_finite(arrays) == []


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    newest, before = sorted((run / "checkpoints").glob("step-*"))[::-1][:2]
    content = bytearray(newest.read_bytes())
    content[-10] ^= 1
    newest.write_bytes(content)
    outcome = command("train", f"--resume={run}", "--steps=12", "--noexport")
    assert outcome.status == 0
    assert newest.name in outcome.out
    assert f"resumed at step {int(before.stem.removeprefix('step-'))} of 12" in outcome.out
    steps = [line["step"] for line in metrics(run, "train")]
    assert steps == sorted(set(steps)) and steps[-1] == 12


def test_two_processes_cannot_write_into_one_run(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    with Run(run).lock():
        outcome = command("train", f"--resume={run}", "--steps=12")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1 and "another process" in outcome.err


def test_attempts_draw_other_numbers_and_the_first_is_the_runs_own():
    seeds = [randomness.attempt_seed(5, attempt) for attempt in range(4)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_arrays_are_named(value):
    arrays = {"a": np.float32([1, value]), "b": np.float32([1]), "c": np.int64([1])}
    assert checkpoint.non_finite(arrays) == ["a"]


class FakeModel:
    """A game of which a test says how it stands."""

    discriminator_won_below = 0.01

    def __init__(self, diversities=()):
        self.stop_training = False
        self.completed_steps = 0
        self._diversities = list(diversities)

    def diversity(self):
        return self._diversities.pop(0) if self._diversities else None

    def non_finite_losses(self):
        return {}


class FakeMeans:
    """The latest line of the log."""

    def __init__(self):
        self.latest = {}
        self.logged_step = 0


class FakeLog:
    """Keeps what is written."""

    def __init__(self):
        self.texts = []
        self.diversities = []

    def write(self, kind, step, values):
        assert kind == "alarm"
        self.diversities.append((step, values["diversity"]))

    def text(self, name, step, words):
        self.texts.append((name, step, words))


class Game:
    """Alarms over fakes; a look at the diversity every 10 steps."""

    def __init__(self, diversities=(), on_collapse="warn"):
        self.model, self.means, self.log = FakeModel(diversities), FakeMeans(), FakeLog()
        self.guard = health.NaNGuard(1)
        self.alarms = health.CollapseMonitor(
            self.log, self.means, self.guard, on_collapse, every=10
        )
        for callback in (self.guard, self.alarms):
            callback.set_model(self.model)

    def play(self, first, last, losses=None):
        """Goes through the steps; `losses` gives the d_loss that is logged at some of them."""
        for step in range(first, last + 1):
            if losses is not None and step in losses:
                self.means.latest, self.means.logged_step = {"d_loss": losses[step]}, step
            self.alarms.step = step
            self.alarms.on_step()


@pytest.fixture
def said(caplog, monkeypatch):
    """What is said at level WARNING; the logger of kgan hands nothing on by itself."""
    monkeypatch.setattr(logging.getLogger("kgan"), "propagate", True)
    return caplog


def test_won_discriminator_is_said_once_after_twenty_lines_in_a_row(said):
    game = Game()
    game.play(1, 19, dict.fromkeys(range(1, 20), 0.001))
    assert game.log.texts == [] and said.messages == []
    game.play(20, 200, dict.fromkeys(range(20, 201), 0.001))
    advice = health.ADVICE["discriminator_won"]
    assert game.log.texts == [("alarms", 20, f"discriminator_won: {advice}")]
    assert said.messages == [f"warning: step 20: {advice}"]
    assert not game.model.stop_training


def test_line_in_between_at_which_the_discriminator_errs_starts_the_count_again(said):
    game = Game()
    game.play(1, 39, {step: 0.5 if step == 20 else 0.001 for step in range(1, 40)})
    assert game.log.texts == []
    game.play(40, 40, {40: 0.001})
    assert [step for _, step, _ in game.log.texts] == [40]


def test_steps_between_two_lines_do_not_count(said):
    game = Game()
    game.play(1, 100, {step: 0.001 for step in range(10, 101, 10)})  # ten lines
    assert game.log.texts == []


def test_critic_whose_loss_says_nothing_never_wins(said):
    game = Game()
    game.model.discriminator_won_below = None
    game.play(1, 50, dict.fromkeys(range(1, 51), -5.0))
    assert game.log.texts == []


def test_collapsed_generator_is_said_once(said):
    # A quarter of the greatest so far, 0.8, is 0.2.
    game = Game([0.4, 0.8, 0.2, 0.19, 0.5, 0.1])
    game.play(1, 30)
    assert game.log.texts == []
    game.play(31, 60)
    advice = health.ADVICE["generator_collapsed"]
    assert game.log.texts == [("alarms", 40, f"generator_collapsed: {advice}")]
    assert said.messages == [f"warning: step 40: {advice}"]
    assert game.log.diversities == [
        (10, 0.4),
        (20, 0.8),
        (30, 0.2),
        (40, 0.19),
        (50, 0.5),
        (60, 0.1),
    ]
    assert not game.model.stop_training and game.guard.diagnosis is None


def test_collapse_stops_the_run_where_it_should(said):
    game = Game([0.8, 0.1], "stop")
    game.play(1, 20)
    assert game.model.stop_training and game.guard.diagnosis is None
    assert len(game.log.texts) == 1


def test_collapse_rolls_the_run_back_where_it_should(said):
    game = Game([0.8, 0.1], "rollback")
    game.play(1, 20)
    assert game.model.stop_training
    assert game.guard.diagnosis == "the generator collapsed before step 20"


def test_alarms_go_on_in_a_resumed_run_as_in_one_that_was_not_interrupted(said):
    whole = Game([0.8, 0.1])
    whole.play(1, 19, dict.fromkeys(range(1, 20), 0.001))
    parts = Game([0.1, 0.1])
    parts.alarms.restore(json.loads(json.dumps(whole.alarms.state())))
    parts.play(20, 30, dict.fromkeys(range(20, 31), 0.001))
    # The twentieth line, and a quarter of the greatest diversity, which was before.
    assert [(step, words.partition(":")[0]) for _, step, words in parts.log.texts] == [
        (20, "discriminator_won"),
        (20, "generator_collapsed"),
    ]
    again = Game([0.1])
    again.alarms.restore(json.loads(json.dumps(parts.alarms.state())))
    again.play(31, 40, dict.fromkeys(range(31, 41), 0.001))
    assert again.log.texts == []


COLLAPSING = (*DCGAN, "--steps=20", "--log_every=1", "--checkpoint_every=2", "--noexport")


@pytest.fixture
def collapsing(monkeypatch):
    """Lets every run collapse at step 5: looks are at each of the 20 steps."""

    def diversity(model):
        return 0.8 if model.completed_steps < 5 else 0.1

    monkeypatch.setattr(dcgan.DCGAN, "diversity", diversity)


@pytest.mark.parametrize(
    ("on_collapse", "status", "reached", "warned"),
    [("warn", 0, 20, 1), ("stop", 0, 5, 1), ("rollback", 1, 5, 2)],
)
def test_collapse_of_a_run_is_answered_as_asked_and_advice_stands_in_every_log(
    on_collapse, status, reached, warned, tmp_path, collapsing
):
    outcome = command(
        "train",
        *COLLAPSING,
        f"--on_collapse={on_collapse}",
        "--max_rollbacks=1",
        f"--runs_dir={tmp_path}",
    )
    assert outcome.status == status, outcome
    (run,) = tmp_path.iterdir()
    advice = health.ADVICE["generator_collapsed"]
    line = f"warning: step 5: {advice}"
    # A rollback tries again, and what happens in the second try is said, too.
    assert outcome.out.count(line) == warned
    assert (run / "log.txt").read_text().count(line) == warned
    assert max(entry["step"] for entry in metrics(run)) == reached
    texts = [entry["text"] for entry in metrics(run, "alarms")]
    assert texts == [f"generator_collapsed: {advice}"]
    in_tensorboard = []
    for path in (run / "tensorboard").iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
                if value.tag == "alarms":
                    in_tensorboard.append(tf.make_ndarray(value.tensor).item().decode())
    assert in_tensorboard == texts
    if on_collapse == "rollback":
        assert "back to step 4, attempt 2, learning rates halved" in outcome.out
        assert "stopped after 1 rollbacks: the generator collapsed before step 5" in outcome.out
    if on_collapse == "stop":
        assert "stopped at step 5 of 20; go on with" in outcome.out


def test_torn_last_checkpoint_is_written_anew_though_only_one_is_kept(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    newest = run / "checkpoints" / "step-00000010.safetensors"
    newest.write_bytes(newest.read_bytes()[:-10])
    outcome = command(
        "train", f"--resume={run}", "--keep_checkpoints=1", "--checkpoint_every=1", "--noexport"
    )
    assert outcome.status == 0 and "resumed at step 8 of 10" in outcome.out
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "step-00000010.safetensors",
        "step-00000010.safetensors.damaged",
    ]
    assert checkpoint.read(newest)[1]["step"] == 10

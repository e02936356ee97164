"""Several steps in one execution: whatever a step is, it is the step that one by one would be."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.models.base import schedule
from kgan.models.base.adversarial import AdversarialModel
from kgan.networks import mlp
from kgan.utils.errors import ArgumentError
from tests.models.contracts.state import assert_same_state, values

SHAPE = (2, 2, 1)
STEPS = 8
GAMES = {
    "each step": {},
    "warm-up": {"critic_warmup": 4},
    "warm-up that ends in an execution": {"critic_warmup": 3},
    "schedule": {"critic_schedule": True},
    "warm-up and schedule": {"critic_warmup": 2, "critic_schedule": True},
    "simultaneous": {"simultaneous": True},
    "simultaneous with warm-up": {"simultaneous": True, "critic_warmup": 3},
    "simultaneous with schedule": {"simultaneous": True, "critic_schedule": True},
    "two updates": {"d_updates": 2, "g_updates": 2, "critic_warmup": 3},
}


@pytest.fixture(autouse=True)
def short_schedule(monkeypatch):
    """The authors' schedule, with an update of the generator after 2 of the critic."""
    monkeypatch.setattr(schedule, "CRITIC_UPDATES", 2)


def build(steps_per_execution, accumulate=1, run_eagerly=False, **game):
    networks = mlp.generator(SHAPE, 3, [4]), mlp.discriminator(SHAPE, [4])
    model = AdversarialModel(*networks, seed=2, **game)
    model.compile(
        *(keras.optimizers.SGD(0.1) for _ in range(2)),
        accumulate=accumulate,
        steps_per_execution=steps_per_execution,
        run_eagerly=run_eagerly,
    )
    return model


def images(model, steps=STEPS):
    count = 4 * steps * model.batches_per_step
    return np.random.default_rng(0).uniform(-1, 1, (count, *SHAPE)).astype(np.float32)


def train(model, steps=STEPS, **how):
    data = tf.data.Dataset.from_tensor_slices(images(model, steps)).batch(4, drop_remainder=True)
    model.fit(data, verbose=0, **how)
    return model


def generator_updates(game, steps=STEPS):
    """Counts the updates of the generator step by step, as the flags describe them."""
    count = 0
    for step in range(steps):
        place = step - game.get("critic_warmup", 0)
        if place >= 0 and game.get("critic_schedule"):
            count += schedule.updates_generator(place, game.get("d_updates", 1))
        else:
            count += place >= 0
    return count * game.get("g_updates", 1)


def assert_did_each_step(model, game, steps=STEPS):
    assert model.completed_steps == steps
    state = values(model)
    assert state["g_optimizer/iteration"] == generator_updates(game, steps)
    assert state["d_optimizer/iteration"] == steps * game.get("d_updates", 1)


# Of 3 steps in an execution the last one is a part.
@pytest.mark.parametrize(
    ("game", "steps_per_execution"),
    [
        *((game, 3) for game in GAMES),
        ("warm-up", 8),
        pytest.param("warm-up", 2, marks=pytest.mark.slow),
        pytest.param("schedule", 2, marks=pytest.mark.slow),
    ],
)
def test_executions_do_what_single_steps_do(game, steps_per_execution):
    reference = train(build(1, **GAMES[game]))
    assert_did_each_step(reference, GAMES[game])
    model = train(build(steps_per_execution, **GAMES[game]))
    assert_did_each_step(model, GAMES[game])
    assert_same_state(reference, model)


ENDING, TOGETHER = "warm-up that ends in an execution", "simultaneous with warm-up"


@pytest.mark.parametrize(
    ("game", "how"),
    [
        (TOGETHER, {"accumulate": 2}),
        (ENDING, {"run_eagerly": True}),
        pytest.param(ENDING, {"accumulate": 2}, marks=pytest.mark.slow),
        pytest.param(TOGETHER, {"run_eagerly": True}, marks=pytest.mark.slow),
    ],
)
def test_executions_in_parts_and_without_graphs(game, how):
    reference = train(build(1, **GAMES[game]))
    model = train(build(2, **how, **GAMES[game]))
    assert_did_each_step(model, GAMES[game])
    assert_same_state(reference, model)


@pytest.mark.parametrize(
    ("game", "steps_per_execution"),
    [
        *((game, 3) for game in ("each step", "warm-up", "simultaneous with schedule")),
        pytest.param("warm-up", 1, marks=pytest.mark.slow),
        pytest.param("simultaneous with schedule", 1, marks=pytest.mark.slow),
    ],
)
def test_executions_on_replicas(game, steps_per_execution, two_replicas):
    reference = train(build(1, **GAMES[game]))
    with two_replicas.scope():
        model = build(steps_per_execution, **GAMES[game])
    assert_did_each_step(train(model), GAMES[game])
    assert_same_state(reference, model)


def test_several_epochs_and_calls_of_fit_continue_the_schedule():
    game = GAMES["warm-up that ends in an execution"]
    model = build(4, **game)
    train(model, 2)
    train(model, 2, epochs=3)
    assert_did_each_step(model, game, 8)


def test_batches_of_python_are_a_step_each():
    game = GAMES["warm-up that ends in an execution"]
    model = build(3, **game)
    model.make_train_function()
    for batch in np.split(images(model, 5), 5):
        model.train_function(iter([tf.constant(batch)]))
    assert_did_each_step(model, game, 5)


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_end_of_data_of_unknown_length_is_no_step(steps_per_execution):
    model = build(steps_per_execution)
    data = tf.data.Dataset.from_tensor_slices(images(model)).batch(4)
    data = data.filter(lambda batch: True)
    assert data.cardinality() == tf.data.UNKNOWN_CARDINALITY
    model.fit(data, epochs=2, verbose=0)
    assert_did_each_step(model, {}, 2 * STEPS)


def test_steps_of_an_epoch_that_are_no_whole_executions_are_refused():
    # Keras would do 9 steps in place of 8.
    model = build(3)
    data = tf.data.Dataset.from_tensor_slices(images(model)).batch(4).repeat()
    with pytest.raises(ArgumentError, match="steps_per_epoch.*multiple of.*3"):
        model.fit(data, steps_per_epoch=8, verbose=0)
    model.fit(data, steps_per_epoch=6, verbose=0)
    assert model.completed_steps == 6

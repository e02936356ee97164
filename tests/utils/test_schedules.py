import pytest

from kgan.utils import schedules


@pytest.mark.parametrize(
    ("schedule", "step", "total", "decay_from", "expected"),
    [
        ("constant", 0, 10, 0.5, 1.0),
        ("constant", 9, 10, 0.5, 1.0),
        # Falls from step 100 of 200: halfway between them at 150.
        ("linear", 0, 200, 0.5, 1.0),
        ("linear", 100, 200, 0.5, 1.0),
        ("linear", 101, 200, 0.5, 0.99),
        ("linear", 150, 200, 0.5, 0.5),
        ("linear", 199, 200, 0.5, 0.01),
        ("linear", 200, 200, 0.5, 0.0),
        ("linear", 3, 4, 0.0, 0.25),
        ("linear", 9, 10, 1.0, 1.0),
        # ½ (1 + cos 60°) = ¾; cos 90° = 0; cos 120° = −½.
        ("cosine", 100, 300, 0.0, 0.75),
        ("cosine", 150, 300, 0.0, 0.5),
        ("cosine", 200, 300, 0.0, 0.25),
        ("cosine", 150, 300, 0.5, 1.0),
        ("cosine", 225, 300, 0.5, 0.5),
    ],
)
def test_factor_of_a_step(schedule, step, total, decay_from, expected):
    assert schedules.learning_rate_factor(schedule, step, total, decay_from) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("schedule", "decay_from", "expected"),
    [
        # Four steps of warm-up: a quarter more in each.
        ("constant", 0.5, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]),
        # Times 1 up to step 4, then ¾, ½, ¼.
        ("linear", 0.5, [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]),
        # Times 1 − step / 8.
        ("linear", 0.0, [0.25, 0.4375, 0.5625, 0.625, 0.5, 0.375, 0.25, 0.125]),
    ],
)
def test_warm_up_multiplies_the_schedule(schedule, decay_from, expected):
    factors = [
        schedules.learning_rate_factor(schedule, step, 8, decay_from, warmup=4) for step in range(8)
    ]
    assert factors == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_no_step_that_is_taken_has_a_rate_of_zero(schedule):
    for total in (1, 2, 7, 1000):
        assert schedules.learning_rate_factor(schedule, total - 1, total, 0.5) > 0
        assert schedules.learning_rate_factor(schedule, 0, total, 0.5, warmup=2) > 0


def test_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="`schedule` must be one of constant, linear, cosine"):
        schedules.learning_rate_factor("steps", 0, 1)

"""Curves: extraction from logs, alignment of runs, final values."""

import math

import numpy as np
import pytest

from kgan.plots import curves


def curve(steps, values):
    return curves.Curve(np.array(steps), np.array(values, float))


def test_curves_are_interpolated_at_all_steps_up_to_the_end_of_the_shortest():
    steps, values = curves.align(
        [curve([10, 20, 30, 40], [1, 2, 3, 4]), curve([5, 15, 25], [0, 10, 30])]
    )
    assert steps.tolist() == [10, 15, 20, 25]
    assert values.tolist() == [[1, 1.5, 2, 2.5], [5, 10, 20, 30]]


def test_curves_without_a_common_step_give_none():
    steps, values = curves.align([curve([1, 2], [0, 0]), curve([3, 4], [0, 0])])
    assert steps.size == 0 and values.shape == (2, 0)


def test_final_value_is_the_mean_over_the_last_tenth_of_the_shortest():
    # The shorter ends at 100: steps 91 to 100 count. Means 3 and 5: deviation sqrt(2).
    mean, deviation = curves.final_value(
        [curve([90, 95, 100], [50, 2, 4]), curve([95, 100, 110], [4, 6, 99])]
    )
    assert mean == 4 and deviation == pytest.approx(math.sqrt(2))


def test_final_value_of_a_run_without_a_point_there_is_its_last_before():
    # The second has no point between 90 and 100.
    assert curves.final_value([curve([100], [1]), curve([50, 120], [3, 77])])[0] == 2


def test_one_run_has_no_deviation_and_none_no_mean():
    assert math.isnan(curves.final_value([curve([1], [3])])[1])
    assert math.isnan(curves.final_value([])[0])


def test_values_that_are_not_finite_are_left_out_of_a_curve():
    lines = [{"kind": "train", "step": s, "g_loss": v} for s, v in ((1, 4.0), (2, None), (3, 6.0))]
    assert curves.curves_of(lines, ["g_loss"])["g_loss"].steps.tolist() == [1, 3]


def test_losses_and_validation_metrics_are_shown_by_default():
    lines = [
        {"kind": "train", "step": 1, "g_loss": 1.0, "g_lr": 1.0, "d_loss": 1.0},
        {"kind": "validation", "step": 1, "l1": 0.5},
        {"kind": "alarm", "step": 1, "diversity": 0.5},
    ]
    assert curves.choose_measures([lines], []) == ["g_loss", "d_loss", "validation/l1"]
    assert curves.choose_measures([lines], ["l1", "g_lr"]) == ["validation/l1", "g_lr"]
    assert curves.curves_of(lines, ["validation/l1"])["validation/l1"].values.tolist() == [0.5]


def test_alarms_and_names_with_a_slash_are_distinguished():
    lines = [
        {"kind": "train", "step": 1, "alarm": 2.0, "a/b": 3.0},
        {"kind": "alarm", "step": 4, "diversity": 0.5, "b": 9.0},
    ]
    found = curves.curves_of(lines, ["alarm/diversity", "a/b", "diversity"])
    assert {name: curve.values.tolist() for name, curve in found.items()} == {
        "alarm/diversity": [0.5],
        "a/b": [3.0],
    }


def test_seconds_are_the_largest_that_were_logged():
    lines = [
        {"kind": "train", "step": 1, "seconds": 5.0},
        {"kind": "train", "step": 2},
        {"kind": "epoch", "step": 3, "seconds": 9.0},
    ]
    assert curves.seconds_of(lines) == 5.0
    assert curves.seconds_of([]) == 0.0

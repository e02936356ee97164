"""Evaluation of generated points."""

import dataclasses

import pytest

from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.dataset import ArraySource, Dataset
from kgan.evaluation import points
from kgan.evaluation.task import Request
from tests.evaluation.fakes import Generator


def test_points_of_four_modes_of_the_ring_are_four():
    ring = MIXTURES["ring"]
    own = dataclasses.replace(ring, centres=ring.centres[:4]).sample(2500, (5,))
    own[:100] = 50.0
    parts = {"test": ArraySource(ring.sample(3000, (1,)))}
    data = Dataset("ring", "points", parts, "made", mixture=ring)
    task = points.make_task(Generator(own), data, Request())
    values = task.measure(tuple(task.metrics)).values
    assert values["modes_2500"] == 4
    # 2,400 of them are real ones, 98.9 % of which are within three deviations.
    assert values["high_quality_2500"] == pytest.approx(0.96 * 0.98889, abs=0.008)
    # 100 of the first 1,000 are at (50, 50), about 70 away; half of the others have to move.
    assert values["wasserstein_1000_of_3000"] > 7
    assert values["wasserstein_1000_of_real"] < 0.2

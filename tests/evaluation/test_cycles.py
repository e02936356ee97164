"""Evaluation of translations in both directions, on a model that shifts brightness."""

import keras
import pytest

from kgan.data.dataset import Dataset
from kgan.evaluation import cycles
from kgan.evaluation.task import Request
from kgan.models.base.translation import Direction, TranslationModel
from tests.evaluation.fakes import Images, levels, plain_features

pytestmark = pytest.mark.usefixtures(plain_features.__name__)


class Translator(TranslationModel):
    """Adds 0.1 from A to B, and subtracts 0.3 from B to A."""

    def __init__(self):
        keras.Model.__init__(self)  # without networks

    @property
    def directions(self):
        def direction(added):
            return Direction((8, 8, 1), (8, 8, 1), lambda images, seeds: images + added)

        return {"AtoB": direction(0.1), "BtoA": direction(-0.3)}


def make_task(**known):
    parts = {"test_a": Images(levels(30)), "test_b": Images(levels(20, 1))}
    data = Dataset("made", "unpaired", parts, "made", **known)
    return cycles.make_task(Translator(), data, Request())


def test_reconstructions_are_measured_in_both_directions():
    values = make_task(features="plain").measure(("reconstruction", "sliced_wasserstein")).values
    # 0.1 − 0.3 in both.
    assert values["reconstruction_l1_AtoB_30"] == pytest.approx(0.2, rel=1e-5)
    assert values["reconstruction_l1_BtoA_20"] == pytest.approx(0.2, rel=1e-5)
    assert values["reconstruction_l1_AtoB_30_standard_error"] < 1e-6
    assert {"sliced_wasserstein_AtoB_plain_30", "sliced_wasserstein_BtoA_plain_20"} < set(values)


def test_only_reconstructions_are_measured_without_features():
    assert list(make_task().metrics) == ["reconstruction"]

"""Evaluation of generated images, on models that generate given ones."""

import numpy as np
import pytest

from kgan.data.dataset import Dataset
from kgan.evaluation import generated
from kgan.evaluation.task import Request
from kgan.utils.errors import UserError
from tests.evaluation.fakes import (
    ConditionalGenerator,
    Generator,
    Images,
    dataset,
    levels,
    plain_features,
    scaled,
)

pytestmark = pytest.mark.usefixtures(plain_features.__name__)


def measured(real, images, *names, **request):
    task = generated.make_task(Generator(images), dataset(real), Request(**request))
    return task.measure(names or tuple(task.metrics))


def test_perfect_generator_reaches_the_best_values():
    real = levels(400)
    result = measured(real, scaled(real))
    values = result.values
    assert values["fid_plain_400"] == pytest.approx(0, abs=1e-9)
    assert values["precision_plain_400"] == values["recall_plain_400"] == 1
    assert values["coverage_plain_400"] == 1
    assert values["sliced_wasserstein_plain_400"] == pytest.approx(0, abs=1e-6)
    assert values["class_divergence_plain_400"] == values["class_divergence_of_real_plain_400"]
    assert result.unavailable == {}
    assert "400 generated" in result.title and "plain" in result.title


def test_distance_of_brighter_images_is_the_difference_in_brightness():
    real = levels(300)
    values = measured(real, scaled(real) + 0.5, "fid", "sliced_wasserstein", "modes").values
    # Both features are 0.5 higher, with the same covariance: 0.5² + 0.5².
    assert values["fid_plain_300"] == pytest.approx(0.5, rel=1e-4)
    assert set(values) == {
        "fid_plain_300",
        "fid_plain_300_standard_error",
        "sliced_wasserstein_plain_300",
        "modes_plain_300",
    }


@pytest.mark.parametrize(("count", "expected"), [(20, "20_of_50"), (300, "50")])
def test_number_of_images_is_limited_by_the_request_and_the_real_ones(count, expected):
    values = measured(levels(50), scaled(levels(500, 1)), "sliced_wasserstein", count=count).values
    assert set(values) == {f"sliced_wasserstein_plain_{expected}"}


def test_too_few_images_give_a_reason_and_no_number():
    result = measured(levels(2), scaled(levels(2)), "fid")
    assert result.values == {}
    assert "2" in result.unavailable["fid"] and "\n" not in result.unavailable["fid"]


def test_conditions_are_those_of_the_real_images():
    labels = (3, 1, 0, 2) * 10
    parts = {"test": Images(levels(40), labels)}
    data = Dataset("made", "labelled", parts, "made", tuple("0123"), features="plain")
    model = ConditionalGenerator(scaled(levels(40, 1)))
    generated.make_task(model, data, Request()).measure(("modes",))
    assert np.argmax(model.conditions, axis=1).tolist() == list(labels)


def test_model_that_generates_nan_is_refused():
    images = scaled(levels(40))
    images[7, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match="NaN"):
        measured(levels(40), images, "fid")

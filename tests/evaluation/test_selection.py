"""Selection of the evaluations that fit, and directions of their values."""

import pytest

from kgan.evaluation.selection import lower_is_better, select
from kgan.evaluation.task import Request
from kgan.utils.errors import UserError
from tests.evaluation.fakes import Generator, dataset, levels, plain_features, scaled

pytestmark = pytest.mark.usefixtures(plain_features.__name__)
MODEL = Generator(scaled(levels(9)))


def test_metrics_that_do_not_fit_are_refused_and_those_that_do_are_named():
    data = dataset(levels(9))
    with pytest.raises(UserError) as caught:
        select(MODEL, data, Request(metrics=["fid", "ssim"], flag="validate_metrics"))
    assert str(caught.value).startswith("--validate_metrics=ssim: ")
    assert "fid, kid" in str(caught.value)
    ((task, names),) = select(MODEL, data, Request(metrics=["kid", "fid"]))
    assert (task.name, names) == ("drawings", ["fid", "kid"])


def test_nothing_fits_images_without_features():
    data = dataset(levels(9), features=None)
    assert select(MODEL, data, Request()) == []
    ((task, names),) = select(MODEL, data, Request(features="pixels"))
    assert task.name == "drawings" and "class_score" not in names


@pytest.mark.parametrize(
    ("evaluation", "value", "lower"),
    [
        ("drawings", "kid_keras_inception_500_standard", True),
        ("drawings", "coverage_digits_10", False),
        ("drawings", "class_divergence_digits_10", True),
        ("drawings", "class_divergence_of_real_digits_10", None),
        ("drawings", "agreement_digits_10", False),
        ("cycles", "reconstruction_l1_AtoB_60", True),
        ("cycles", "fid_AtoB_pixels_60", True),
        ("pairs", "l1", True),
        ("pairs", "l1_noise_floor", None),
        ("pairs", "mean_iou", False),
        ("pairs", "commonest_class_share", None),
        ("points", "high_quality_2500", False),
        ("points", "wasserstein_1000", True),
        ("points", "wasserstein_1000_of_real", None),
        ("critic", "critic_estimate_1000", None),
        ("likelihood", "bits_per_dimension_10", True),
        ("likelihood", "log_likelihood_nats_500_10", False),
        ("likelihood", "elbo_nats_10", False),
        ("likelihood", "log_likelihood_nats_of_mixture_10", None),
        ("unknown", "fid_digits_10", None),
    ],
)
def test_directions_are_found_by_whole_words(evaluation, value, lower):
    assert lower_is_better(evaluation, value) is lower

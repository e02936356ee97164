"""Checks of feature arrays, and that each metric makes them."""

import numpy as np
import pytest

from kgan.metrics import arrays, fid, kid, precision_recall, sliced_wasserstein

TWO_SETS = {
    "squared_mmd": kid.squared_mmd,
    "kernel_distance": lambda *sets: kid.kernel_distance(*sets, blocks=2, seed=0),
    "precision_recall": precision_recall.precision_recall,
    "density_coverage": precision_recall.density_coverage,
    "sliced_wasserstein": lambda *sets: sliced_wasserstein.sliced_wasserstein(*sets, seed=0),
}


def test_features_are_converted_to_double_precision():
    features = np.array([[0.1, 2.0]], np.float32)
    found = arrays.as_features("features", features)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[np.float64(np.float32(0.1)), 2.0]])


@pytest.mark.parametrize(
    "value",
    [np.zeros(3), np.zeros((3, 2, 1)), np.zeros((1, 2)), np.zeros((3, 0)), np.zeros((3, 2), int)],
)
def test_other_shapes_and_integers_are_refused(value):
    with pytest.raises(ValueError, match=r"`real` must be floats \[N, F\] with N at least 2") as e:
        arrays.as_features("real", value, least=2)
    assert str(e.value).endswith(f"Received: {value.dtype} {list(value.shape)}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(bad):
    value = np.zeros((3, 2), np.float32)
    value[1] = bad
    with pytest.raises(ValueError, match="`real` must be finite. Received: 2 of 6 values"):
        arrays.as_features("real", value)


@pytest.mark.parametrize("name", TWO_SETS)
def test_each_metric_of_two_sets_names_the_one_that_is_wrong(name):
    good = np.random.default_rng(0).standard_normal((12, 3))
    with pytest.raises(ValueError, match="`generated` must be finite"):
        TWO_SETS[name](np.full((12, 3), np.nan), good)
    with pytest.raises(ValueError, match="`reference` must be floats"):
        TWO_SETS[name](good, good[0])
    with pytest.raises(ValueError, match="same number of features. Received: 3 and 2"):
        TWO_SETS[name](good, good[:, :2])
    assert np.isfinite(TWO_SETS[name](good, good)).all()


def test_statistics_check_their_features():
    with pytest.raises(ValueError, match="`features` must be finite. Received: 1 of 4"):
        fid.Statistics.from_features(np.array([[0.0, 1.0], [np.inf, 0.0]]))

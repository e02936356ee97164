"""Numbers worked out by hand on pictures of a few pixels."""

import numpy as np
import pytest

from kgan.metrics import translation

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)


def test_l1_is_each_picture_s_mean_absolute_error():
    targets = np.zeros((2, 1, 2, 1), np.float32)
    answers = np.array([[[[0.5], [-1.0]]], [[[0.25], [0.25]]]], np.float32)
    np.testing.assert_allclose(translation.l1(answers, targets), [0.75, 0.25])


def test_l1_reaches_from_0_to_2_and_has_no_sign():
    black, white = np.full((1, 2, 2, 3), -1, np.float32), np.full((1, 2, 2, 3), 1, np.float32)
    assert translation.l1(black, white) == translation.l1(white, black) == [2.0]
    assert translation.l1(white, white) == [0.0]


def test_l1_of_many_pixels_is_summed_in_double_precision():
    answers = np.full((1, 1024, 1024, 3), np.float32(0.1), np.float32)
    expected = np.float64(np.float32(0.1))
    assert abs(translation.l1(answers, np.zeros_like(answers))[0] - expected) < 1e-12


def test_class_is_that_of_the_nearest_colour():
    # Nearly red, pure blue, dark, and a purple that is nearer to blue than to red.
    levels = np.array([[[[250, 10, 5], [0, 0, 255]], [[60, 60, 60], [120, 0, 140]]]])
    found = translation.classes((levels / 127.5 - 1).astype(np.float32), PALETTE)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[[1, 2], [0, 2]]])


def test_classes_find_every_palette_colour_itself():
    rng = np.random.default_rng(0)
    palette = rng.choice(256**3, 64, replace=False)
    palette = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], -1).astype(np.uint8)
    wanted = rng.integers(0, 64, (3, 8, 5))
    pictures = palette[wanted].astype(np.float32) / 127.5 - 1
    np.testing.assert_array_equal(translation.classes(pictures, palette), wanted)


def test_constant_colour_is_the_median_of_each_class():
    # Class 0 has 0.0, 0.1, 0.8: median 0.1, errors 0.1 + 0 + 0.7 (the mean 0.3 would give 1.0).
    # Class 2 has -1.0, 0.0: any value between gives an error of 1.0. Together 1.8 over 5 pixels.
    given = np.array([[[0, 0, 0, 2, 2]]])
    targets = np.array([[[[0.0], [0.1], [0.8], [-1.0], [0.0]]]], np.float32)
    assert translation.constant_colour_l1(given, targets) == pytest.approx(1.8 / 5)


def test_constant_colour_has_a_median_for_each_channel_over_all_pictures():
    # Two pictures of one pixel and class each; channel errors are 0.5, 0.2 and 0 for both
    # pixels together: 0.7 over 2 pixels of 3 channels.
    given = np.array([[[1]], [[1]]])
    targets = np.array([[[[0.0, 0.4, 1.0]]], [[[0.5, 0.2, 1.0]]]], np.float32)
    assert translation.constant_colour_l1(given, targets) == pytest.approx(0.7 / 6)


def test_constant_colour_is_exact_where_each_class_has_one_colour():
    rng = np.random.default_rng(0)
    given = rng.integers(0, 3, (2, 4, 4))
    targets = PALETTE[given].astype(np.float32) / 127.5 - 1
    assert translation.constant_colour_l1(given, targets) == 0


def test_no_constant_colours_do_better():
    rng = np.random.default_rng(0)
    given = rng.integers(0, 2, (2, 4, 4))
    targets = rng.uniform(-1, 1, (2, 4, 4, 3)).astype(np.float32)
    best = translation.constant_colour_l1(given, targets)
    for _ in range(50):
        colours = rng.uniform(-0.5, 0.5, (2, 3))
        assert np.abs(colours[given] - targets).mean() > best


def test_pixel_accuracy_is_the_share_of_right_pixels():
    answered = np.array([[[0, 1], [2, 2]], [[1, 1], [1, 1]]])
    wanted = np.array([[[0, 2], [2, 1]], [[1, 1], [1, 0]]])
    assert translation.pixel_accuracy(answered, wanted) == 5 / 8


def test_commonest_class_share_is_over_all_pictures():
    wanted = np.array([[[0, 0], [0, 1]], [[1, 1], [1, 2]]])
    # Three zeros, four ones, one two.
    assert translation.commonest_class_share(wanted) == 4 / 8

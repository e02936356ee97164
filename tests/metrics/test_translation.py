"""Metrics of translations by hand on images of a few pixels."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kgan.metrics import translation

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)


def test_l1_is_the_mean_absolute_error_of_each_image():
    targets = np.zeros((2, 1, 2, 1), np.float32)
    answers = np.array([[[[0.5], [-1.0]]], [[[0.25], [0.25]]]], np.float32)
    np.testing.assert_allclose(translation.l1(answers, targets), [0.75, 0.25])


def test_l1_of_many_pixels_is_summed_in_double_precision():
    answers = np.full((1, 1024, 1024, 3), np.float32(0.1), np.float32)
    expected = np.float64(np.float32(0.1))
    assert abs(translation.l1(answers, np.zeros_like(answers))[0] - expected) < 1e-12


def test_psnr_is_in_decibels_of_a_range_of_2_for_each_image():
    targets = np.array([0, 0, -1], np.float32).repeat(2).reshape(3, 1, 2, 1)
    # Mean squares of (0.04 + 0.04) / 2, (0 + 0.8) / 2 and 2² are a 100th, a 10th and all of 4.
    answers = np.float32([0.2, -0.2, 0.0, np.sqrt(0.8), 1, 1]).reshape(3, 1, 2, 1)
    expected = [20.0, 10.0, 0.0]
    np.testing.assert_allclose(translation.psnr(answers, targets), expected, rtol=1e-6, atol=1e-9)


def test_psnr_is_that_of_scikit_image_below_its_limit():
    rng = np.random.default_rng(0)
    targets = rng.uniform(-1, 1, (3, 8, 6, 3)).astype(np.float32)
    spread = np.array([1, 0.1, 0.004])[:, None, None, None]
    answers = (targets + spread * rng.uniform(-1, 1, targets.shape)).astype(np.float32)
    expected = [
        peak_signal_noise_ratio(target.astype(np.float64), answer.astype(np.float64), data_range=2)
        for target, answer in zip(targets, answers, strict=True)
    ]
    np.testing.assert_allclose(translation.psnr(answers, targets), expected, rtol=1e-9)


def test_limit_of_psnr_is_that_of_rounding_to_256_levels():
    rng = np.random.default_rng(0)
    targets = rng.uniform(-1, 1, (1, 256, 256, 3)).astype(np.float32)
    limit = translation.psnr(targets, targets)
    np.testing.assert_allclose(limit, [10 * np.log10(12 * 255**2)])
    rounded = np.round((targets + 1) * 127.5) / 127.5 - 1
    np.testing.assert_allclose(translation.psnr(rounded, targets), limit, atol=0.05)
    np.testing.assert_array_equal(translation.psnr(targets + np.float32(1e-5), targets), limit)


def plain_ssim(one, other):
    """The paper's equations 13 to 17 for one channel in [0, 2], window by window."""
    along = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(along, along) / along.sum() ** 2
    c1, c2 = 0.02**2, 0.06**2
    values = []
    for top in range(one.shape[0] - 10):
        for left in range(one.shape[1] - 10):
            x, y = (p[top : top + 11, left : left + 11] for p in (one, other))
            mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
            variance_x = (weights * (x - mean_x) ** 2).sum()
            variance_y = (weights * (y - mean_y) ** 2).sum()
            covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
            values.append(
                (2 * mean_x * mean_y + c1)
                * (2 * covariance + c2)
                / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
            )
    return np.mean(values)


def test_ssim_follows_the_paper_window_by_window_and_is_the_mean_over_channels():
    rng = np.random.default_rng(0)
    targets = rng.uniform(-1, 1, (2, 17, 13, 3))
    answers = np.clip(targets + [[[[0.1, 0.4, 0.9]]]] * rng.normal(size=targets.shape), -1, 1)
    answers, targets = answers.astype(np.float32), targets.astype(np.float32)
    light = [images.astype(np.float64) + 1 for images in (answers, targets)]
    expected = [
        np.mean([plain_ssim(answer[..., c], target[..., c]) for c in range(3)])
        for answer, target in zip(*light, strict=True)
    ]
    assert min(expected) > 0.3 and max(expected) < 0.9
    np.testing.assert_allclose(translation.ssim(answers, targets), expected, rtol=1e-9)


def test_ssim_is_that_of_scikit_image_on_256_levels():
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 256, (2, 1, 20, 30, 3), np.uint8)
    options = dict(channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    expected = structural_similarity(levels[0, 0], levels[1, 0], data_range=255, **options)
    images = levels.astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(translation.ssim(*images), [expected], atol=1e-6)


def test_ssim_of_constant_images_compares_their_brightness():
    # Brightness of 0.5 and 1.5: (2 · 0.75 + C₁) / (0.25 + 2.25 + C₁) with C₁ = 0.0004.
    dark, light = (np.full((1, 11, 11, 1), value, np.float32) for value in (-0.5, 0.5))
    np.testing.assert_allclose(translation.ssim(dark, light), [1.5004 / 2.5004], rtol=1e-9)
    # Nearly equal brightness, in the middle of the range.
    near = translation.ssim(np.float32(0.02) * dark, np.float32(0.02) * light)
    np.testing.assert_allclose(near, [1.0], atol=1e-3)


def test_ssim_of_equal_images_is_1_and_of_a_negative_below_0():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 12, 12, 3)).astype(np.float32)
    np.testing.assert_allclose(translation.ssim(images, images), [1.0, 1.0], rtol=1e-12)
    assert (translation.ssim(-images, images) < -0.5).all()


@pytest.mark.parametrize("shape", [(1, 10, 32, 3), (1, 32, 10, 3)])
def test_ssim_of_images_smaller_than_its_window_is_refused_in_one_line(shape):
    images = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=r"11 pixels a side. Received: shape=\(1, ") as refusal:
        translation.ssim(images, images)
    assert "\n" not in str(refusal.value)


def test_class_is_that_of_the_nearest_palette_colour():
    # Nearly red, pure blue, dark, and a purple that is nearer to blue than to red.
    levels = np.array([[[[250, 10, 5], [0, 0, 255]], [[60, 60, 60], [120, 0, 140]]]])
    found = translation.classes((levels / 127.5 - 1).astype(np.float32), PALETTE)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[[1, 2], [0, 2]]])


def test_classes_find_every_palette_colour_itself():
    rng = np.random.default_rng(0)
    palette = rng.choice(256**3, 64, replace=False)
    palette = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], -1).astype(np.uint8)
    targets = rng.integers(0, 64, (3, 8, 5))
    images = palette[targets].astype(np.float32) / 127.5 - 1
    np.testing.assert_array_equal(translation.classes(images, palette), targets)


def test_constant_colour_is_the_median_of_each_class():
    # Class 0 has 0.0, 0.1, 0.8: median 0.1, errors 0.1 + 0 + 0.7 (the mean 0.3 would give 1.0).
    # Class 2 has -1.0, 0.0: any value between gives an error of 1.0. Together 1.8 over 5 pixels.
    given = np.array([[[0, 0, 0, 2, 2]]])
    targets = np.array([[[[0.0], [0.1], [0.8], [-1.0], [0.0]]]], np.float32)
    assert translation.constant_colour_l1(given, targets) == pytest.approx(1.8 / 5)


def test_constant_colour_has_a_median_for_each_channel_over_all_images():
    # Two images of one pixel and class each; channel errors are 0.5, 0.2 and 0 for both
    # pixels together: 0.7 over 2 pixels of 3 channels.
    given = np.array([[[1]], [[1]]])
    targets = np.array([[[[0.0, 0.4, 1.0]]], [[[0.5, 0.2, 1.0]]]], np.float32)
    assert translation.constant_colour_l1(given, targets) == pytest.approx(0.7 / 6)


def test_no_other_constant_colours_are_better():
    rng = np.random.default_rng(0)
    given = rng.integers(0, 2, (2, 4, 4))
    targets = rng.uniform(-1, 1, (2, 4, 4, 3)).astype(np.float32)
    best = translation.constant_colour_l1(given, targets)
    for _ in range(50):
        colours = rng.uniform(-0.5, 0.5, (2, 3))
        assert np.abs(colours[given] - targets).mean() > best


def test_pixel_accuracy_is_the_fraction_of_correct_pixels():
    predicted = np.array([[[0, 1], [2, 2]], [[1, 1], [1, 1]]])
    targets = np.array([[[0, 2], [2, 1]], [[1, 1], [1, 0]]])
    assert translation.pixel_accuracy(predicted, targets) == 5 / 8


def test_commonest_class_share_is_over_all_images():
    targets = np.array([[[0, 0], [0, 1]], [[1, 1], [1, 2]]])
    # Three zeros, four ones, one two.
    assert translation.commonest_class_share(targets) == 4 / 8


# Class 0 has 4 pixels, 3 of them correct; class 1 has two, one correct; class 2 has three, none
# correct; class 3 is predicted once and has none; class 4 is in neither.
TARGETS = np.array([[[0, 0, 0]], [[0, 1, 1]], [[2, 2, 2]]], np.uint8)
PREDICTED = np.array([[[0, 0, 0]], [[1, 1, 0]], [[0, 0, 3]]], np.uint8)


def test_accuracy_and_iou_are_means_over_the_classes_that_there_are():
    # Of the targets, for the accuracy.
    accuracy = translation.class_accuracy(PREDICTED, TARGETS, 5)
    assert accuracy == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)
    # Class 0: 3 in both, 4 + 6 - 3 in either; 1: 1 of 2 + 2 - 1; 2 and 3: none of 3 and of 1.
    iou = translation.mean_iou(PREDICTED, TARGETS, 5)
    assert iou == pytest.approx((3 / 7 + 1 / 3 + 0 + 0) / 4)
    for measure in (translation.class_accuracy, translation.mean_iou):
        assert measure(TARGETS, TARGETS, 200) == 1


def test_classes_are_measured_over_all_images_together():
    # The class 1 has two pixels in one image and none in the other.
    targets, predicted = np.array([[[0, 0]], [[1, 1]]]), np.array([[[0, 1]], [[1, 1]]])
    assert translation.class_accuracy(predicted, targets, 2) == 3 / 4
    assert translation.mean_iou(predicted, targets, 2) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_classes_up_to_255_are_distinguished():
    targets = np.array([[[255, 254, 1, 0]]], np.uint8)
    predicted = np.array([[[255, 255, 1, 0]]], np.uint8)
    assert translation.mean_iou(predicted, targets, 256) == pytest.approx((1 / 2 + 0 + 1 + 1) / 4)


@pytest.mark.parametrize("measure", [translation.class_accuracy, translation.mean_iou])
def test_classes_beyond_the_count_are_refused(measure):
    for predicted, targets in ((PREDICTED, TARGETS), (TARGETS, PREDICTED)):
        with pytest.raises(ValueError, match="more than every class, 3. Received: 3"):
            measure(predicted, targets, 3)

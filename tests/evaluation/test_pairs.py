"""Evaluation of translations of pairs, on models that give prepared answers."""

import dataclasses

import keras
import numpy as np
import pytest

from kgan.data.dataset import Dataset, Source
from kgan.evaluation import pairs
from kgan.models.base.translation import Direction, TranslationModel

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
PALETTE = np.array([RED, BLUE], np.uint8)
# Label maps of two pixels, and photos of one level a pixel: 0, 51 and 102, 255.
MAPS = np.array([[[RED, RED]], [[RED, BLUE]]], np.uint8)


def grey(levels):
    return np.uint8(levels)[..., np.newaxis].repeat(3, axis=-1)


PHOTOS = grey([[[0, 51]], [[102, 255]]])


@dataclasses.dataclass(frozen=True)
class Pairs(Source):
    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self):
        return len(self.inputs)

    def read(self, index):
        return {"input": self.inputs[index], "target": self.targets[index]}


class Translator(TranslationModel):
    """A model that returns given answers, uint8, one after another."""

    def __init__(self, answers):
        keras.Model.__init__(self)  # without networks
        self.answers = iter(answers)

    @property
    def directions(self):
        return {None: Direction((1, 2, 1), (1, 2, 1), self.next_answers)}

    def next_answers(self, images, seeds):
        assert images.dtype == np.float32 and np.abs(images).max() <= 1
        return np.stack([next(self.answers) for _ in images]).astype(np.float32) / 127.5 - 1


def compare(inputs, targets, answers, **known):
    data = Dataset("made", "paired", {"test": Pairs(inputs, targets)}, "made up", **known)
    return pairs.compare(Translator(answers), data)


def test_photos_are_compared_with_the_best_constant_colours():
    # 51 levels are 0.4. The answers miss by 0.4 and 0, and by 0.4 and 0.8.
    answers = grey([[[51, 51]], [[51, 153]]])
    known = {"palette": PALETTE, "palette_side": "input", "noise_floor": 0.0123}
    assert compare(MAPS, PHOTOS, answers, **known) == pytest.approx(
        {
            "pictures": 2,
            "l1": 0.4,  # of 0.2 and 0.6
            "l1_standard_error": 0.2,  # deviation 0.4/√2, over √2
            # Red is 0, 51, 102, whose median is 51: 0.4 + 0 + 0.4; blue has one value. Of 4 pixels.
            "l1_constant_colour_per_class": 0.2,
            "l1_noise_floor": 0.0123,
            # Squared errors of 0.08 and 0.4 are a 50th and a 10th of 2²: 16.990 and 10 decibels.
            "psnr": 13.49485,
            "psnr_standard_error": 3.49485,
        }
    )


def test_label_maps_are_compared_by_pixels_and_with_the_commonest_class():
    # A few levels off the palette, and wrong in the last pixel.
    answers = np.array([[[(200, 20, 9), RED]], [[RED, (255, 0, 30)]]], np.uint8)
    palette = np.uint8([RED, GREEN, BLUE])
    values = compare(PHOTOS, MAPS, answers, palette=palette, palette_side="target")
    assert (values["pixel_accuracy"], values["commonest_class_share"]) == (0.75, 0.75)
    # Red: 3 of 3 right, 3 of 4 answered; blue: its one pixel is wrong; nothing is green.
    assert (values["class_accuracy"], values["mean_iou"]) == (0.5, 0.375)
    assert "l1_constant_colour_per_class" not in values and "l1_noise_floor" not in values
    # (55 + 20 + 9) levels of 6 channel values, and (255 + 225) of 6, in 127.5ths.
    assert values["l1"] == pytest.approx((84 / 6 + 480 / 6) / 2 / 127.5, rel=1e-5)


# Rounding to 256 levels alone gives 10 log₁₀(12 · 255²) = 58.92261 decibels.
PERFECT = {"l1": 0.0, "psnr": 58.92261}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, {"pictures": 1, **PERFECT}),
        (2, {"pictures": 2, **PERFECT, "l1_standard_error": 0.0, "psnr_standard_error": 0.0}),
    ],
)
def test_pairs_without_a_label_map_have_distances_and_several_have_errors(count, expected):
    photos = PHOTOS[:count]
    assert compare(photos, photos, photos) == pytest.approx(expected, abs=1e-5)


def test_similarity_is_measured_if_images_are_as_large_as_its_window():
    targets = np.zeros((2, 11, 12, 3), np.uint8)
    answers = np.stack([targets[0], targets[1] + np.uint8(255)])
    values = compare(targets, targets, answers)
    # Black and black give 1, white and black C₁ / (4 + C₁) = 0.0001, with C₁ = 0.0004.
    assert values["ssim"] == pytest.approx(0.50005, abs=1e-7)
    assert values["ssim_standard_error"] == pytest.approx(0.49995, abs=1e-7)
    for small in (targets[:, :10], targets[:, :, :10]):
        values = compare(small, small, small)
        assert "ssim" not in values and "ssim_standard_error" not in values


def test_all_images_count_also_those_of_a_last_short_batch():
    count = 2 * pairs.BATCH + 3
    targets = np.zeros((count, 1, 1, 3), np.uint8)
    answers = targets.copy()
    answers[-1] = 255
    values = compare(targets, targets, answers)
    assert (values["pictures"], values["l1"]) == (count, pytest.approx(2 / count))

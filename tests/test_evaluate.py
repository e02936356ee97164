import dataclasses
import json

import numpy as np
import pytest

import kgan
from kgan import evaluating, runs, training
from kgan.data.collection import Collection
from tests.small_runs import (
    command,
    copy_of,
    dcgan_run,
    pairs_folder,
    pix2pix_run,
    with_other_best,
)

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
PALETTE = np.array([RED, BLUE], np.uint8)


@dataclasses.dataclass(frozen=True)
class Pairs:
    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self):
        return len(self.inputs)

    def read(self, index):
        return {"input": self.inputs[index], "target": self.targets[index]}


class Answering:
    """A model that gives prepared answers (uint8 levels) in the order in which it is asked."""

    def __init__(self, answers):
        self.answers = answers
        self.given = 0

    def translate(self, pictures):
        assert pictures.dtype == np.float32 and np.abs(pictures).max() <= 1
        answers = self.answers[self.given : self.given + len(pictures)]
        self.given += len(pictures)
        return answers.astype(np.float32) / 127.5 - 1


def collection(inputs, targets, **known):
    return Collection("made", "paired", {"test": Pairs(inputs, targets)}, "made up", **known)


def two_photos():
    """Label maps of two pixels, and photos of one level a pixel: 0, 51 and 102, 255."""
    maps = np.array([[[RED, RED]], [[RED, BLUE]]], np.uint8)
    levels = np.array([[[0, 51]], [[102, 255]]], np.uint8)
    return maps, levels[..., np.newaxis].repeat(3, axis=-1)


def test_photos_are_measured_beside_the_best_constant_colours():
    maps, photos = two_photos()
    # 51 levels are 0.4. The answers miss by 0.4 and 0, and by 0.4 and 0.8.
    answers = np.uint8([[[51, 51]], [[51, 153]]])[..., np.newaxis].repeat(3, axis=-1)
    measured = evaluating.evaluate_translation(
        Answering(answers),
        collection(maps, photos, palette=PALETTE, palette_side="input", noise_floor=0.0123),
    )
    assert measured == pytest.approx({
        "pictures": 2,
        "l1": 0.4,  # of 0.2 and 0.6
        "l1_standard_error": 0.2,  # deviation 0.4/√2, over √2
        # Red is 0, 51, 102, whose median is 51: 0.4 + 0 + 0.4; blue has one value. Of 4 pixels.
        "l1_constant_colour_per_class": 0.2,
        "l1_noise_floor": 0.0123,
        # Squared errors of 0.08 and 0.4 are a 50th and a 10th of 2²: 16.990 and 10 decibels.
        "psnr": 13.49485,
        "psnr_standard_error": 3.49485,
    })  # fmt: skip


def test_label_maps_are_measured_by_pixels_beside_the_commonest_class():
    maps, photos = two_photos()
    # Off the palette by a few levels, and wrong in the last pixel.
    answers = np.array([[[(200, 20, 9), RED]], [[RED, (255, 0, 30)]]], np.uint8)
    measured = evaluating.evaluate_translation(
        Answering(answers),
        collection(photos, maps, palette=np.uint8([RED, GREEN, BLUE]), palette_side="target"),
    )
    assert (measured["pixel_accuracy"], measured["commonest_class_share"]) == (0.75, 0.75)
    # Red: 3 of 3 right, 3 of 4 answered; blue: its one pixel is wrong; nothing is green.
    assert (measured["class_accuracy"], measured["mean_iou"]) == (0.5, 0.375)
    assert "l1_constant_colour_per_class" not in measured and "l1_noise_floor" not in measured
    # (55 + 20 + 9) levels of 6 channel values, and (255 + 225) of 6, in 127.5ths.
    assert measured["l1"] == pytest.approx((84 / 6 + 480 / 6) / 2 / 127.5, rel=1e-5)


def test_pairs_without_a_label_map_are_measured_by_distances_alone():
    _, photos = two_photos()
    measured = evaluating.evaluate_translation(Answering(photos), collection(photos, photos))
    # Rounding to 256 levels alone gives 10 log₁₀(12 · 255²) decibels.
    assert measured == pytest.approx({
        "pictures": 2, "l1": 0.0, "l1_standard_error": 0.0,
        "psnr": 58.92261, "psnr_standard_error": 0.0,
    }, abs=1e-5)  # fmt: skip


def test_similarity_is_measured_where_pictures_hold_its_window():
    targets = np.zeros((2, 11, 12, 3), np.uint8)
    answers = np.stack([targets[0], targets[1] + np.uint8(255)])
    measured = evaluating.evaluate_translation(Answering(answers), collection(targets, targets))
    # Black beside black gives 1, beside white C₁ / (4 + C₁) = 0.0001, with C₁ = 0.0004.
    assert measured["ssim"] == pytest.approx(0.50005, abs=1e-7)
    assert measured["ssim_standard_error"] == pytest.approx(0.49995, abs=1e-7)
    for small in (targets[:, :10], targets[:, :, :10]):
        measured = evaluating.evaluate_translation(Answering(small), collection(small, small))
        assert "ssim" not in measured and "ssim_standard_error" not in measured


def test_all_pictures_count_also_those_of_a_last_short_batch():
    count = 2 * evaluating.BATCH + 3
    targets = np.zeros((count, 1, 1, 3), np.uint8)
    answers = targets.copy()
    answers[-1] = 255
    measured = evaluating.evaluate_translation(Answering(answers), collection(targets, targets))
    assert measured["pictures"] == count
    assert measured["l1"] == pytest.approx(2 / count)


def test_one_picture_has_no_standard_error():
    _, photos = two_photos()
    measured = evaluating.evaluate_translation(
        Answering(photos[:1]), collection(photos[:1], photos[:1])
    )
    expected = {"pictures": 1, "l1": 0.0, "psnr": 58.92261}
    assert measured == pytest.approx(expected, abs=1e-5)


def evaluations(run):
    lines = (run / "evaluation.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_training_ends_with_an_evaluation_of_the_test_part():
    (line,) = evaluations(pix2pix_run())
    assert (line["part"], line["pictures"]) == ("test", 5)
    # Noise of ±20 levels around one colour for each class: nobody knows it better than
    # E|n| = (2 · 210) / 41 levels of 127.5; the label map is known to be one.
    assert line["l1_constant_colour_per_class"] == pytest.approx(420 / 41 / 127.5, rel=0.03)
    assert line["l1"] > line["l1_constant_colour_per_class"]
    # Errors of mean m have a mean square of at least m².
    assert 0 < line["psnr"] < 10 * np.log10(4 / line["l1"] ** 2)
    assert -1 < line["ssim"] < 1


def test_command_measures_the_best_checkpoint_prints_and_appends(tmp_path):
    run = with_other_best(pix2pix_run(), tmp_path)
    outcome = command("evaluate", f"--run={run}")
    assert (outcome.status, outcome.err) == (0, "")
    before, line = evaluations(run)
    assert line["part"] == "test" and line["time"] > before["time"]
    assert line["l1"] != before["l1"]
    said = [" ".join(words.split()) for words in outcome.out.splitlines()]
    assert said[:2] == ["measured on 5 pictures of the test part:", f"l1 {line['l1']:.4f}"]

    model = kgan.load(str(run))
    data, _ = training.open_collection(runs.open_run(str(run)).settings())
    examples = [data.parts["test"].read(index) for index in range(5)]
    inputs, targets = (
        np.stack([e[key] for e in examples]) / np.float32(127.5) - 1 for key in ("input", "target")
    )
    expected = np.abs(model.translate(inputs) - targets).mean()
    assert line["l1"] == pytest.approx(expected, rel=1e-4)


def test_other_parts_can_be_measured(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    for part, count in (("train", 12), ("validation", 3)):
        outcome = command("evaluate", f"--run={run}", f"--part={part}")
        assert outcome.status == 0
        assert f"measured on {count} pictures of the {part} part" in outcome.out
    assert [line["part"] for line in evaluations(run)] == ["test", "train", "validation"]


def test_part_that_is_not_there_is_refused(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert "--run=" in command("evaluate", f"--run={run}", "--part=validation").error_line


def test_runs_that_do_not_translate_are_refused():
    line = command("evaluate", f"--run={dcgan_run()}").error_line
    assert line.startswith("--run=") and "pairs" in line
    assert not (dcgan_run() / "evaluation.jsonl").exists()


def test_data_set_that_is_gone_is_named(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    flags = (run / "flags.cfg").read_text()
    (run / "flags.cfg").write_text(flags.replace(str(pairs_folder()), f"{tmp_path}/gone"))
    line = command("evaluate", f"--run={run}").error_line
    assert line.startswith(f"--dataset={tmp_path}/gone: no such folder")

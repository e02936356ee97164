import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kgan
from kgan.data.dataset import Dataset, Source
from kgan.evaluation import pairs
from kgan.runs import checkpoint
from kgan.runs.folder import open_run
from kgan.training import loop
from tests.small_runs import (
    DCGAN,
    command,
    copy_of,
    dcgan_run,
    metrics,
    pairs_folder,
    pix2pix_run,
    with_other_best,
)

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
PALETTE = np.array([RED, BLUE], np.uint8)


@dataclasses.dataclass(frozen=True)
class Pairs(Source):
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

    def translate(self, images):
        assert images.dtype == np.float32 and np.abs(images).max() <= 1
        answers = self.answers[self.given : self.given + len(images)]
        self.given += len(images)
        return answers.astype(np.float32) / 127.5 - 1


def collection(inputs, targets, **known):
    return Dataset("made", "paired", {"test": Pairs(inputs, targets)}, "made up", **known)


def two_photos():
    """Label maps of two pixels, and photos of one level a pixel: 0, 51 and 102, 255."""
    maps = np.array([[[RED, RED]], [[RED, BLUE]]], np.uint8)
    levels = np.array([[[0, 51]], [[102, 255]]], np.uint8)
    return maps, levels[..., np.newaxis].repeat(3, axis=-1)


def test_photos_are_measured_beside_the_best_constant_colours():
    maps, photos = two_photos()
    # 51 levels are 0.4. The answers miss by 0.4 and 0, and by 0.4 and 0.8.
    answers = np.uint8([[[51, 51]], [[51, 153]]])[..., np.newaxis].repeat(3, axis=-1)
    measured = pairs.compare(
        Answering(answers),
        collection(maps, photos, palette=PALETTE, palette_side="input", noise_floor=0.0123),
    )
    assert measured == pytest.approx(
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


def test_label_maps_are_measured_by_pixels_beside_the_commonest_class():
    maps, photos = two_photos()
    # Off the palette by a few levels, and wrong in the last pixel.
    answers = np.array([[[(200, 20, 9), RED]], [[RED, (255, 0, 30)]]], np.uint8)
    measured = pairs.compare(
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
    measured = pairs.compare(Answering(photos), collection(photos, photos))
    # Rounding to 256 levels alone gives 10 log₁₀(12 · 255²) decibels.
    assert measured == pytest.approx(
        {
            "pictures": 2,
            "l1": 0.0,
            "l1_standard_error": 0.0,
            "psnr": 58.92261,
            "psnr_standard_error": 0.0,
        },
        abs=1e-5,
    )


def test_similarity_is_measured_where_images_hold_its_window():
    targets = np.zeros((2, 11, 12, 3), np.uint8)
    answers = np.stack([targets[0], targets[1] + np.uint8(255)])
    measured = pairs.compare(Answering(answers), collection(targets, targets))
    # Black beside black gives 1, beside white C₁ / (4 + C₁) = 0.0001, with C₁ = 0.0004.
    assert measured["ssim"] == pytest.approx(0.50005, abs=1e-7)
    assert measured["ssim_standard_error"] == pytest.approx(0.49995, abs=1e-7)
    for small in (targets[:, :10], targets[:, :, :10]):
        measured = pairs.compare(Answering(small), collection(small, small))
        assert "ssim" not in measured and "ssim_standard_error" not in measured


def test_all_images_count_also_those_of_a_last_short_batch():
    count = 2 * pairs.BATCH + 3
    targets = np.zeros((count, 1, 1, 3), np.uint8)
    answers = targets.copy()
    answers[-1] = 255
    measured = pairs.compare(Answering(answers), collection(targets, targets))
    assert measured["pictures"] == count
    assert measured["l1"] == pytest.approx(2 / count)


def test_one_image_has_no_standard_error():
    _, photos = two_photos()
    measured = pairs.compare(Answering(photos[:1]), collection(photos[:1], photos[:1]))
    expected = {"pictures": 1, "l1": 0.0, "psnr": 58.92261}
    assert measured == pytest.approx(expected, abs=1e-5)


def evaluations(run):
    lines = (run / "metrics-pairs.jsonl").read_text().splitlines()
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


def test_command_measures_the_best_checkpoint_prints_and_keeps(tmp_path):
    run = with_other_best(pix2pix_run(), tmp_path)
    (before,) = evaluations(run)
    outcome = command("evaluate", f"--run={run}")
    assert (outcome.status, outcome.err) == (0, "")
    # The same step and part: what is measured anew takes the place of what was there.
    (line,) = evaluations(run)
    assert line["part"] == "test" and line["time"] > before["time"]
    assert line["l1"] != before["l1"]
    said = [" ".join(words.split()) for words in outcome.out.splitlines()]
    assert said[:2] == [
        "measured: 5 images of the test part",
        f"l1 {line['l1']:.4f} ± {line['l1_standard_error']:.4f}",
    ]

    model = kgan.load(str(run))
    data, _ = loop.open_collection(open_run(str(run)).settings())
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
        assert f"measured: {count} images of the {part} part" in outcome.out
    assert [line["part"] for line in evaluations(run)] == ["test", "train", "validation"]


def test_part_that_is_not_there_is_refused(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert "--run=" in command("evaluate", f"--run={run}", "--part=validation").error_line


def test_tensorboard_shows_what_was_measured(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    assert command("evaluate", f"--run={run}", "--part=validation").status == 0
    (path,) = (run / "evaluation").iterdir()
    shown = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            shown[value.tag] = (event.step, tf.make_ndarray(value.tensor).item())
    test, validation = evaluations(run)
    assert shown["pairs/l1"] == (test["step"], pytest.approx(test["l1"]))
    assert shown["pairs/validation/psnr"][1] == pytest.approx(validation["psnr"])
    assert not any("time" in tag or "pictures" in tag for tag in shown)


def test_runs_that_draw_are_measured_beside_the_real_images(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    outcome = command("evaluate", f"--run={run}", "--metrics=kid,modes", "--count=40")
    assert (outcome.status, outcome.err) == (0, "")
    (line,) = (
        json.loads(text)
        for text in (run / "metrics-drawings.jsonl").read_text().split("\n")
        if text
    )
    assert {"kid_digits_40", "kid_digits_40_standard_error", "modes_digits_40"} < set(line)
    assert "fid_digits_40" not in line
    said = [" ".join(words.split()) for words in outcome.out.splitlines()]
    assert said[0].startswith("measured: 40 generated images against 40 real ones of the test part")
    assert f"modes_digits_40 {line['modes_digits_40']:.4f}" in said


@pytest.mark.parametrize(
    "flags, named",
    [
        (("--metrics=ssim",), "--metrics=ssim: does not fit"),
        (("--metrics=fid,",), "--metrics=fid,"),
        (("--metrics=fid", "--count=20"), "--metrics=fid"),
        (("--features=eigenfaces",), "--features=eigenfaces"),
        (("--real=x",), "--real=x"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(flags, named, tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert command("evaluate", f"--run={run}", *flags).error_line.startswith(named)
    assert not list(run.glob("metrics-*"))


def png_folder(folder, count, seed):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        levels = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{number}.png")
    return folder


def test_two_folders_of_images_are_compared(tmp_path):
    first = png_folder(tmp_path / "first", 210, 0)
    outcome = command("evaluate", f"--pictures={first}", f"--real={first}")
    assert (outcome.status, outcome.err) == (0, ""), outcome
    said = dict(line.split()[:2] for line in outcome.out.splitlines()[1:])
    assert float(said["fid_pixels_210"]) == pytest.approx(0, abs=1e-6)
    assert float(said["coverage_pixels_210"]) == 1
    other = png_folder(tmp_path / "other", 30, 1)
    few = command("evaluate", f"--pictures={other}", f"--real={first}", "--metrics=fid")
    assert few.error_line.startswith("--metrics=fid: ")


def test_an_exported_model_is_compared_with_a_folder(tmp_path):
    real = png_folder(tmp_path / "real", 30, 0)
    exported = command("export", f"--run={dcgan_run()}", f"--export_dir={tmp_path}/models")
    assert exported.status == 0
    (version,) = (tmp_path / "models").glob("*/1")
    outcome = command(
        "evaluate",
        f"--saved_model={version}",
        f"--real={real}",
        "--features=digits",
        "--metrics=kid",
    )
    assert outcome.status == 0 and "kid_digits_30" in outcome.out, outcome
    pairs_model = command("evaluate", f"--saved_model={tmp_path}", f"--real={real}")
    assert pairs_model.error_line.startswith(f"--saved_model={tmp_path}: cannot be loaded")


@pytest.mark.parametrize("flags", [(), ("--run=x", "--pictures=y"), ("--pictures=y",)])
def test_one_thing_is_measured_beside_one_other(flags):
    assert "--" in command("evaluate", *flags).error_line


def test_training_measures_and_keeps_the_best_by_a_chosen_metric(tmp_path):
    outcome = command(
        "train",
        *DCGAN,
        "--steps=4",
        "--validate_every=2",
        "--validate_metrics=ssim,kid",
        f"--runs_dir={tmp_path}/runs",
    )
    assert outcome.error_line.startswith("--validate_metrics=ssim: does not fit")
    # 64 features want 65 images.
    outcome = command(
        "train",
        *DCGAN,
        "--steps=4",
        "--validate_every=2",
        "--validate_count=50",
        "--validate_metrics=fid",
        f"--runs_dir={tmp_path}/runs",
    )
    assert outcome.error_line.startswith("--validate_metrics=fid: ")
    assert "at least 65" in outcome.error_line
    assert not (tmp_path / "runs").exists()
    outcome = command(
        "train",
        *DCGAN,
        "--steps=4",
        "--validate_every=2",
        "--noexport",
        "--validate_count=50",
        "--validate_metrics=coverage,kid",
        f"--runs_dir={tmp_path}/runs",
    )
    assert outcome.status == 0, outcome
    (run,) = (tmp_path / "runs").iterdir()
    lines = metrics(run, "validation")
    assert [line["step"] for line in lines] == [2, 4]
    best = max(lines, key=lambda line: line["coverage_digits_50"])  # higher is better
    assert "kid_digits_50" in best and "density_digits_50" not in best
    _, header = checkpoint.read(run / "checkpoints" / "best.safetensors")
    assert header["step"] == best["step"]


def test_data_set_that_is_gone_is_named(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    flags = (run / "flags.cfg").read_text()
    (run / "flags.cfg").write_text(flags.replace(str(pairs_folder()), f"{tmp_path}/gone"))
    line = command("evaluate", f"--run={run}").error_line
    assert line.startswith(f"--dataset={tmp_path}/gone: no such folder")

"""`kgan.evaluate` on runs, exported models and folders, and evaluations during training."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kgan
from kgan.data import encoding
from kgan.runs import checkpoint
from kgan.runs.data import open_data
from kgan.runs.folder import open_run
from tests.small_runs import (
    GAN,
    command,
    copy_of,
    dcgan_run,
    metrics,
    pairs_folder,
    pix2pix_run,
    with_other_best,
)


def evaluate(*arguments):
    """Runs the command; returns its lines with single spaces."""
    outcome = command("evaluate", *arguments)
    assert (outcome.status, outcome.err) == (0, ""), outcome
    return [" ".join(line.split()) for line in outcome.out.splitlines()]


def stored(run, name="pairs"):
    lines = (run / f"metrics-{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_training_ends_with_an_evaluation_of_the_test_part():
    (line,) = stored(pix2pix_run())
    assert (line["part"], line["pictures"]) == ("test", 5)
    # Noise of ±20 levels around one colour for each class: nobody knows it better than
    # E|n| = (2 · 210) / 41 levels of 127.5; the label map is known to be one.
    assert line["l1_constant_colour_per_class"] == pytest.approx(420 / 41 / 127.5, rel=0.03)
    assert line["l1"] > line["l1_constant_colour_per_class"]
    # Errors of mean m have a mean square of at least m².
    assert 0 < line["psnr"] < 10 * np.log10(4 / line["l1"] ** 2)
    assert -1 < line["ssim"] < 1


def test_best_checkpoint_is_measured_printed_and_stored(tmp_path):
    run = with_other_best(pix2pix_run(), tmp_path)
    (before,) = stored(run)
    said = evaluate(f"--run={run}")
    # The line of the same step and part is replaced.
    (line,) = stored(run)
    assert line["part"] == "test" and line["time"] > before["time"]
    assert line["l1"] != before["l1"]
    assert said[:2] == [
        "measured: 5 images of the test part",
        f"l1 {line['l1']:.4f} ± {line['l1_standard_error']:.4f}",
    ]

    model = kgan.load(str(run))
    data, _ = open_data(open_run(str(run)).settings())
    examples = [data.parts["test"].read(index) for index in range(5)]
    inputs, targets = (
        np.stack([e[key] for e in examples]) / np.float32(127.5) - 1 for key in ("input", "target")
    )
    expected = np.abs(model.translate(inputs) - targets).mean()
    assert line["l1"] == pytest.approx(expected, rel=1e-4)


def test_other_parts_are_measured_and_tensorboard_shows_all_of_them(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    for part, count in (("train", 12), ("validation", 3)):
        said = evaluate(f"--run={run}", f"--part={part}")
        assert said[0] == f"measured: {count} images of the {part} part"
    lines = {line["part"]: line for line in stored(run)}
    assert list(lines) == ["test", "train", "validation"]

    (path,) = (run / "evaluation").iterdir()
    shown = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            shown[value.tag] = (event.step, tf.make_ndarray(value.tensor).item())
    test, validation = lines["test"], lines["validation"]
    assert shown["pairs/l1"] == (test["step"], pytest.approx(test["l1"]))
    assert shown["pairs/validation/psnr"][1] == pytest.approx(validation["psnr"])
    assert not any("time" in tag or "pictures" in tag for tag in shown)


def test_generated_images_are_compared_with_real_ones(tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    said = evaluate(f"--run={run}", "--metrics=kid,modes", "--count=40")
    (line,) = stored(run, "drawings")
    assert {
        "kid_digits_40_of_297",
        "kid_digits_40_of_297_standard_error",
        "modes_digits_40_of_297",
    } < set(line)
    assert "fid_digits_40_of_297" not in line
    assert said[0].startswith("measured: 40 generated images against 40 real ones of the test part")
    assert f"modes_digits_40_of_297 {line['modes_digits_40_of_297']:.4f}" in said


@pytest.mark.parametrize(
    "flags, error",
    [
        (("--metrics=ssim",), "--metrics=ssim: does not fit"),
        (("--metrics=fid,",), "--metrics=fid,"),
        (("--metrics=fid", "--count=20"), "--metrics=fid"),
        (("--features=eigenfaces",), "--features=eigenfaces"),
        (("--real=x",), "--real=x"),
        (("--images=x",), "--run and --images"),
        (("--part=validation",), "--run="),
        (("--image_size=32",), "--image_size=32"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(flags, error, tmp_path):
    run = copy_of(dcgan_run(), tmp_path)
    assert command("evaluate", f"--run={run}", *flags).error_line.startswith(error)
    assert not list(run.glob("metrics-*"))


@pytest.mark.parametrize(
    "flags, error",
    [
        ((), "nothing to measure"),
        (("--images=y",), "--images: needs --real="),
        (("--pictures=y", "--saved_model=x"), "--saved_model and --images"),
    ],
)
def test_images_without_a_run_need_real_ones(flags, error):
    assert command("evaluate", *flags).error_line.startswith(error)


def test_earlier_name_of_a_flag_is_not_in_the_help():
    text = command("evaluate", "--help").out
    assert "--images " in text and "--pictures" not in text


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A folder of 210 images of 64x64, whose values are uint8 [210, 64, 64, 3], and another."""
    levels = np.random.default_rng(0).integers(0, 256, (210, 4, 4, 3)).astype(np.uint8)
    levels = levels.repeat(16, axis=1).repeat(16, axis=2)
    folder = tmp_path_factory.mktemp("noise")
    for number, image in enumerate(levels):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder, levels


def test_folder_under_the_earlier_flag_is_compared_with_a_folder(noise):
    folder, _ = noise
    said = evaluate(f"--pictures={folder}", f"--real={folder}", "--metrics=fid,coverage")
    assert said[1:] == [
        "fid_pixels_fullx3_210 0.0000 ± 0.0000",
        "coverage_pixels_fullx3_210 1.0000",
    ]
    flags = (f"--images={folder}", f"--real={folder}", "--metrics=fid", "--count=30")
    assert command("evaluate", *flags).error_line.startswith("--metrics=fid: ")


def grey_halves(tmp_path, side, channels=1):
    """Two folders of 300 images each from one distribution, and their values in [-1, 1]."""
    shape = (600, 4, 4, channels)
    levels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    levels = levels.repeat(side // 4, axis=1).repeat(side // 4, axis=2)
    for number, image in enumerate(levels):
        path = tmp_path / ("one" if number < 300 else "other") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0] if channels == 1 else image).save(path)
    return tmp_path / "one", tmp_path / "other", levels / np.float32(127.5) - 1


def value_of(said, name):
    (line,) = (line for line in said if line.startswith(f"{name} "))
    return float(line.split()[1])


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (40, 3)])
def test_images_are_compared_at_their_own_size_with_the_generated_channels(
    side, channels, tmp_path
):
    one, other, images = grey_halves(tmp_path, side, channels)
    protocol = f"pixels_fullx{channels}_300"
    metrics = "--metrics=fid,coverage"
    for generated in (f"--images={one}", f"--saved_model={tmp_path}/model"):
        if not (tmp_path / "model").exists():
            save_model(f"{tmp_path}/model", images[:300])
        said = evaluate(generated, f"--real={one}", metrics)
        assert value_of(said, f"fid_{protocol}") == pytest.approx(0, abs=1e-4)
        said = evaluate(generated, f"--real={other}", metrics)
        # Of independent values with the variance 1/3, and 300 images of 64 or 192 values: the
        # distance to a third half is of this size by chance.
        assert value_of(said, f"fid_{protocol}") < 64 * channels / 3 * 0.35
        assert value_of(said, f"coverage_{protocol}") > 0.85


def test_images_of_several_sizes_are_resized_once_by_the_features(noise, tmp_path):
    folder, levels = noise
    # Steps of 16 pixels survive an average over 8 in a row, and so do those of 32.
    for number, image in enumerate(levels):
        large = image.repeat(2, axis=0).repeat(2, axis=1) if number % 3 == 0 else image
        wide = image[:, :, :].repeat(3, axis=1) if number % 3 == 1 else large
        Image.fromarray(wide).save(tmp_path / f"{number:03}.png")
    flags = (f"--images={tmp_path}", f"--real={folder}", "--metrics=fid")
    said = evaluate(*flags)
    assert value_of(said, "fid_pixels_fullx3_210") == pytest.approx(0, abs=0.02)
    said = evaluate(*flags, "--image_size=16x24", "--fit=crop")
    assert value_of(said, "fid_pixels_16x24x3_crop_210") > 1


def test_tiny_images_of_several_sizes_need_a_size(noise, tmp_path):
    folder, levels = noise
    Image.fromarray(levels[0]).save(tmp_path / "large.png")
    Image.fromarray(levels[0][:6, :8]).save(tmp_path / "tiny.png")
    flags = (f"--images={tmp_path}", f"--real={folder}", "--metrics=sliced_wasserstein")
    line = command("evaluate", *flags).error_line
    assert line.startswith("--images: has images of several sizes") and "--image_size=" in line
    (tmp_path / "large.png").unlink()
    assert command("evaluate", *flags).error_line.startswith(f"--images={tmp_path}: has images of")
    said = evaluate(*flags, "--image_size=16x24")
    assert value_of(said, "sliced_wasserstein_pixels_16x24x3_1_and_210") >= 0


def test_reference_is_read_whole_or_as_a_random_sample_that_the_name_tells(noise, tmp_path):
    folder, levels = noise
    flags = (f"--images={folder}", f"--real={folder}", "--metrics=sliced_wasserstein", "--count=70")
    whole = evaluate(*flags)
    assert whole[0].endswith("against 210 real ones, by pixels")
    assert value_of(whole, "sliced_wasserstein_pixels_fullx3_70_of_210_and_210") > 0
    # Both samples are the same one, which is not that of the first names.
    said = evaluate(*flags, "--real_count=70")
    assert value_of(said, "sliced_wasserstein_pixels_fullx3_70_of_210") == 0
    first = tmp_path / "first"
    first.mkdir()
    for number in range(70):
        Image.fromarray(levels[number]).save(first / f"{number:03}.png")
    said = evaluate(f"--images={first}", *flags[1:], "--real_count=70")
    assert value_of(said, "sliced_wasserstein_pixels_fullx3_70_and_70_of_210") > 0


def test_unreadable_images_are_named_skipped_and_limited(noise, tmp_path):
    folder, levels = noise
    for number, image in enumerate(levels[:80]):
        Image.fromarray(image).save(tmp_path / f"{number:03}.png")
    for number in (3, 41):
        (tmp_path / f"{number:03}.png").write_bytes(b"\x89PNG no image")
    flags = ("--metrics=sliced_wasserstein", f"--real={folder}")
    outcome = command("evaluate", f"--images={tmp_path}", *flags)
    assert outcome.status == 0
    assert (
        "skipped (1 so far): " in outcome.out + outcome.err
        and "041.png" in outcome.err + outcome.out
    )
    assert "sliced_wasserstein_pixels_fullx3_78_of_80_and_210" in outcome.out
    for measured, real in ((tmp_path, folder), (folder, tmp_path)):
        given = (f"--images={measured}", f"--real={real}", "--metrics=kid", "--bad_limit=0.02")
        outcome = command("evaluate", *given)
        start = "error: --bad_limit=0.02: 2 of 80 images of --"
        assert outcome.status == 2 and outcome.err.startswith(start) and "041.png" in outcome.err


def test_deep_files_are_read_with_all_their_bits_in_the_range_of_the_real_ones(tmp_path):
    levels = np.random.default_rng(2).integers(0, 4096, (24, 8, 8, 3)).astype(np.uint16)

    def folder(name, images):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            suffix = ".png" if image.dtype == np.uint16 else ".tif"
            content = encoding.encode_deep(image, suffix)
            (tmp_path / name / f"{number:02}{suffix}").write_bytes(content)
        return tmp_path / name

    deep, near = folder("deep", levels), folder("near", levels // 16 * 16)
    floats = folder("floats", levels / np.float32(100) - np.float32(10))
    narrow = folder("narrow", levels[..., :1] / np.float32(100) - np.float32(10))

    def distance(images, real, *flags):
        outcome = command(
            *("evaluate", f"--images={images}", f"--real={real}"),
            *("--metrics=sliced_wasserstein", *flags),
        )
        assert outcome.status == 0, outcome
        name, value = outcome.out.splitlines()[-1].split()
        return name.removeprefix("sliced_wasserstein_pixels_"), float(value), outcome.out

    name, value, said = distance(deep, near)
    assert name == "fullx3_24" and value <= 0.0005 and "--value_range=0,4095 would use" in said
    # Levels of 8 bits would be equal, and 16 of 4096 are 0.004 of the range.
    name, value, _ = distance(deep, near, "--value_range=0,4095")
    assert name == "fullx3_0to4095_24" and 0.002 < value < 0.008
    name, value, said = distance(floats, floats)
    assert name == "fullx3_-10to30.95_24" and value == 0 and "floating point levels" in said
    _, value, _ = distance(floats, floats, "--value_range=-10,71.9")
    assert value == 0
    # The values of both are levels of one range, here half of it.
    half = folder("half", levels / np.float32(200) - np.float32(10))
    assert distance(half, floats)[1] > 0.3
    assert distance(narrow, floats)[0].startswith("fullx1_-10to30.9")
    line = command("evaluate", f"--images={deep}", f"--real={deep}", "--value_range=9,1").error_line
    assert line.startswith("--value_range=9,1: ")


def save_model(folder, images, *others):
    """Saves a model whose image of seed n is the n-th of given ones; others are more inputs."""
    module = tf.Module()
    seeds, *more = (tf.TensorSpec([None], tf.int32, name) for name in ("seeds", *others))

    @tf.function(input_signature=[seeds, *more])
    def from_seeds(seeds, *others):
        return {"pictures": tf.gather(tf.constant(images), seeds)}

    tf.saved_model.save(module, folder, signatures={"from_seeds": from_seeds})


def test_exported_model_is_compared_with_a_folder(noise, tmp_path):
    folder, levels = noise
    save_model(tmp_path, levels.astype(np.float32) / 127.5 - 1)
    said = evaluate(f"--saved_model={tmp_path}", f"--real={folder}", "--metrics=fid")
    assert "fid_pixels_fullx3_210 0.0000 ± 0.0000" in said


@pytest.mark.parametrize(
    ("images", "inputs", "error"),
    [
        (None, (), "cannot be loaded"),
        (np.zeros([2, 8, 8, 1], np.float32), ("labels",), "has no signature from_seeds"),
        (np.zeros([2, 2], np.float32), (), "generates points"),
        (np.zeros([2, 8, 8, 2], np.float32), (), "generates images of 2 channels"),
    ],
)
def test_exported_model_that_generates_no_images_from_seeds_is_refused(
    images, inputs, error, noise, tmp_path
):
    if images is not None:
        save_model(tmp_path, images, *inputs)
    flags = (f"--saved_model={tmp_path}", f"--real={noise[0]}", "--count=2")
    assert command("evaluate", *flags).error_line.startswith(f"--saved_model={tmp_path}: {error}")


def test_training_measures_and_keeps_the_best_by_a_chosen_metric(tmp_path):
    def train(wanted):
        flags = (*GAN, "--steps=4", "--validate_every=2", "--validate_count=50", "--noexport")
        runs = f"--runs_dir={tmp_path}/runs"
        return command("train", *flags, runs, f"--validate_metrics={wanted}")

    assert train("ssim,kid").error_line.startswith("--validate_metrics=ssim: does not fit")
    # 64 features need 65 images.
    line = train("fid").error_line
    assert line.startswith("--validate_metrics=fid: ") and "at least 65" in line
    assert not (tmp_path / "runs").exists()
    outcome = train("coverage,kid")
    assert outcome.status == 0, outcome
    (run,) = (tmp_path / "runs").iterdir()
    lines = metrics(run, "validation")
    assert [line["step"] for line in lines] == [2, 4]
    best = max(lines, key=lambda line: line["coverage_digits_50_of_1500"])  # higher is better
    assert "kid_digits_50_of_1500" in best and "density_digits_50_of_1500" not in best
    _, header = checkpoint.read(run / "checkpoints" / "best.safetensors")
    assert header["step"] == best["step"]


def test_dataset_that_is_gone_is_named(tmp_path):
    run = copy_of(pix2pix_run(), tmp_path)
    flags = (run / "flags.cfg").read_text()
    (run / "flags.cfg").write_text(flags.replace(str(pairs_folder()), f"{tmp_path}/gone"))
    line = command("evaluate", f"--run={run}").error_line
    assert line.startswith(f"--dataset={tmp_path}/gone: no such folder")

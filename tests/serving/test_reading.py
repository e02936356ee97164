"""One reading of image files: of training, of `generate` and of the export."""

import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.data.pipeline import to_domain
from kgan.generation import translation, translator
from kgan.generation.inputs import open_inputs
from kgan.models.pix2pix import Pix2Pix
from kgan.runs.data import open_data
from kgan.runs.folder import create_run, open_run
from kgan.serving.savedmodel import write_saved_model
from tests.serving.test_decoding import FILES, RGB, encode, with_orientation

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "BMP": ".bmp", "WEBP": ".webp"}


class Echo(Pix2Pix):
    """Answers with the given image."""

    @property
    def directions(self):
        (direction,) = super().directions.values()
        return {None: type(direction)(*[direction.image_shape] * 2, lambda images, seeds: images)}


def as_levels(images):
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


def write_pairs(folder, files):
    """Writes pairs in two folders: A of the files, B plain."""
    for number, (name, data) in enumerate(files.items()):
        for place in range(2):
            path = folder / "A" / "train" / f"{number:02}-{place}{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            other = folder / "B" / "train" / path.with_suffix(".png").name
            other.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (45, 31), (9, 9, 9)).save(other)


def translate(monkeypatch, model, run, images, out):
    """Translates a folder as `kgan.generate` does, with a model in place of the run's."""
    checkpoint = run.checkpoints / "step-00000000.safetensors"
    monkeypatch.setattr(translator, "load_run", lambda *arguments: model)
    monkeypatch.setattr(translator, "chosen_checkpoint", lambda *arguments: checkpoint)
    monkeypatch.setattr(translator, "describe_checkpoint", lambda *arguments: "none")
    monkeypatch.setattr(translator.files, "metadata", lambda path: {"sha256": ""})
    return translation.translate_images(
        translator.Translator(str(run.folder)), open_inputs(images), translation.Request(out)
    )


def three_readings(tmp_path, monkeypatch, *flags):
    """Returns the inputs of a data set of pairs by training, `generate` and the export."""
    arguments = ["--model=pix2pix", "--width=1", "--patch_layers=1", "--jitter=1", *flags]
    settings = parse_training([*arguments, f"--dataset={tmp_path}/pairs"])
    dataset, spec = open_data(settings)
    sources = [dataset.parts[part] for part in ("train", "validation", "test")]
    names, trained = [], []
    for source in sources:
        for index in range(len(source)):
            names.append(source.source.examples[index][0])
            trained.append(to_domain(source.read(index)["input"]).numpy())

    run = create_run(f"{tmp_path}/runs", "echo", settings, spec)
    built = build_model(settings, open_run(str(run.folder)).spec())
    config = {k: v for k, v in built.get_config().items() if k not in ("generator", "name")}
    config.pop("discriminator")
    echo = Echo(*built.networks.values(), **config)
    out = translate(monkeypatch, echo, run, f"{tmp_path}/pairs/A/train", f"{tmp_path}/o")
    # Without the alpha of the files, which `generate` keeps.
    generated = {path.name: np.asarray(Image.open(path))[..., :3] for path in out.glob("*.png")}

    version = write_saved_model(echo.signatures(), tmp_path / "exported")
    served = tf.saved_model.load(str(version)).signatures["from_files"]
    files = [(tmp_path / "pairs" / name).read_bytes() for name in names]
    answers = served(image_bytes=tf.constant(files))["png_bytes"].numpy()
    exported = [np.asarray(Image.open(io.BytesIO(answer))) for answer in answers]
    described = json.loads((version / "assets.extra" / "signatures.json").read_text())
    keys = [name.rpartition("/")[2].rpartition(".")[0] + ".png" for name in names]
    return (
        names,
        as_levels(trained),
        np.stack([generated[key] for key in keys]),
        np.stack(exported),
        described["from_files"]["image_files"],
    )


def assert_one_reading(readings):
    names, trained, generated, exported, described = readings
    for name, one, two, three in zip(names, trained, generated, exported, strict=True):
        tolerance = 3 if name.endswith((".jpg", "lossy.webp")) else 1
        assert np.abs(one - two).max() <= tolerance, f"{name}: generate"
        assert np.abs(one - three).max() <= tolerance, f"{name}: export"
    return described


@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_training_generate_and_export_read_the_same(fit, tmp_path, monkeypatch):
    files = {}
    for name, (image, kind, options, tolerance) in FILES.items():
        if name not in ("CMYK JPEG",):
            suffix = ("lossy" if tolerance and kind == "WEBP" else "") + SUFFIXES[kind]
            files[f"-{name.replace(' ', '_')}{suffix}"] = encode(image, kind, options)
    for orientation in range(1, 9):
        exif = {"exif": with_orientation(orientation)}
        files[f"-turned{orientation}.png"] = encode(RGB, "PNG", exif)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (128, 256, 3), np.uint8))
    files["-large.jpg"] = encode(noise, "JPEG", {})
    write_pairs(tmp_path / "pairs", files)
    described = assert_one_reading(
        three_readings(tmp_path, monkeypatch, "--image_size=32", f"--fit={fit}", "--channels=3")
    )
    assert described["fit"] == fit and described["resampling"].startswith("bicubic")
    assert (described["size"], described["channels"]) == ([32, 32], 3)


def test_label_maps_keep_their_colours_everywhere(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    files = {}
    for number in range(6):
        image = Image.fromarray(rng.integers(0, 4, (50, 70), np.uint8))
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90])
        files[f"-{number}.png"] = encode(image, "PNG", {})
    write_pairs(tmp_path / "pairs", files)
    readings = three_readings(tmp_path, monkeypatch, "--image_size=32")
    described = assert_one_reading(readings)
    assert described["resampling"] == "nearest"
    for reading in readings[1:4]:
        assert len(np.unique(reading.reshape(-1, 3), axis=0)) == 4


def test_photos_of_few_colours_are_not_taken_for_label_maps_by_generate(tmp_path, monkeypatch):
    # The training saw photos, so its inputs were never label maps.
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)) for _ in range(8)]
    write_pairs(
        tmp_path / "pairs", {f"-{n}.png": encode(i, "PNG", {}) for n, i in enumerate(noise)}
    )
    settings = parse_training(
        ["--model=pix2pix", "--width=1", "--patch_layers=1", "--image_size=32", "--jitter=1"]
        + [f"--dataset={tmp_path}/pairs"]
    )
    _, spec = open_data(settings)
    assert spec.label_maps is False
    run = create_run(f"{tmp_path}/runs", "echo", settings, spec)
    built = build_model(settings, spec)
    echo = Echo(*built.networks.values(), image_fit="resize", label_maps=False)
    drawing = np.zeros((64, 64, 3), np.uint8)
    drawing[:, 31:] = 255
    (tmp_path / "drawings").mkdir()
    Image.fromarray(drawing).resize((70, 70)).quantize(2).save(tmp_path / "drawings" / "one.png")
    out = translate(monkeypatch, echo, run, f"{tmp_path}/drawings", f"{tmp_path}/o")
    (path,) = out.glob("*.png")
    assert len(np.unique(np.asarray(Image.open(path)))) > 2


def test_run_of_an_earlier_version_has_the_fit_of_its_flags(tmp_path):
    settings = parse_training(["--model=pix2pix", "--fit=crop"])
    run = create_run(f"{tmp_path}/runs", "old", settings, DataSpec("paired", (128, 128), 3, 3))
    stored = json.loads(run.dataset.read_text())
    for name in ("fit", "label_maps", "split_rule"):
        stored.pop(name)
    run.dataset.write_text(json.dumps(stored))
    spec = run.spec()
    assert (spec.fit, spec.label_maps, spec.split_rule) == ("crop", None, 1)


def test_reading_stays_with_a_saved_model(tmp_path):
    settings = parse_training(["--model=pix2pix", "--width=1", "--patch_layers=1"])
    spec = DataSpec("paired", (32, 32), 3, 1, fit="crop", label_maps=True)
    build_model(settings, spec).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    reading = loaded.reading(loaded.directions[None])
    assert (reading.size, reading.channels) == ((32, 32), 1)
    assert reading.fit == "crop" and reading.nearest

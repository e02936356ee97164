"""One reading of image files: of training, of `generate` and of the export."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.models import build_model
from kgan.cli.parsing import parse_training
from kgan.data import pipeline
from kgan.data.dataset import DataSpec, Subset
from kgan.generation import translation, translator
from kgan.generation.inputs import open_inputs
from kgan.models.base.translation import Direction
from kgan.models.pix2pix import Pix2Pix
from kgan.runs.data import open_data
from kgan.runs.folder import create_run, open_run
from kgan.serving.decoding import decode_images
from kgan.serving.savedmodel import write_saved_model
from kgan.serving.signatures import describe
from tools.image_kinds import CASES, ID_CASES, LOSSY, encoded


class Echo(Pix2Pix):
    """Answers with the given image."""

    @property
    def directions(self):
        (direction,) = super().directions.values()
        shape = direction.image_shape
        return {None: Direction(shape, shape, lambda images, seeds: images, sides=(0, 0))}


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


def translator_of(monkeypatch, model, run):
    """Returns what `kgan.generate` translates with, with a model in place of the run's."""
    checkpoint = run.checkpoints / "step-00000000.safetensors"
    monkeypatch.setattr(translator, "load_run", lambda *arguments: model)
    monkeypatch.setattr(translator, "chosen_checkpoint", lambda *arguments: checkpoint)
    monkeypatch.setattr(translator, "describe_checkpoint", lambda *arguments: "none")
    monkeypatch.setattr(translator.files, "metadata", lambda path: {"sha256": ""})
    return translator.Translator(str(run.folder))


def readings(tmp_path, monkeypatch, served, *flags):
    """Returns the inputs of a data set of pairs as everything reads them that reads files.

    Args:
        served: whether an export reads the file of a name.

    Returns:
        The inputs; by what reads, arrays [H, W, C] in [-1, 1] by name; the model.
    """
    arguments = ["--model=pix2pix", "--width=1", "--patch_layers=1", "--jitter=1", *flags]
    settings = parse_training([*arguments, f"--dataset={tmp_path}/pairs"])
    dataset, spec = open_data(settings)
    found = {"training": of_parts(dataset)}
    run = create_run(f"{tmp_path}/runs", "echo", settings, spec)
    stored = open_run(str(run.folder)).spec()
    found["evaluate"] = of_parts(open_data(settings, jitter=False, stored=stored)[0])

    built = build_model(settings, stored)
    config = {k: v for k, v in built.get_config().items() if k not in ("generator", "name")}
    config.pop("discriminator")
    echo = Echo(*built.networks.values(), **config)
    given = open_inputs(f"{tmp_path}/pairs/A/train")
    generate = translator_of(monkeypatch, echo, run)
    found["generate"] = {
        name: generate.read(given.read(name), name, name).values for name in given.names
    }

    direction = echo.directions[None]
    signature = [tf.TensorSpec([None], tf.string)]
    decode = tf.function(lambda files: decode_images(files, echo.reading(direction)), signature)
    names = [name for name in given.names if served(name)]
    images = decode(tf.constant([given.read(name) for name in names])).numpy()
    found["export"] = dict(zip(names, images, strict=True))
    return given, found, echo


def answers(echo, tmp_path, files):
    """Exports a model; returns what it answers to files, uint16 [H, W, C], and its description."""
    version = write_saved_model(echo.signatures(), tmp_path / "exported")
    served = tf.saved_model.load(str(version)).signatures["from_files"]
    encoded = served(image_bytes=tf.constant(files))["png_bytes"].numpy()
    described = json.loads((version / "assets.extra" / "signatures.json").read_text())
    images = [tf.io.decode_png(answer, dtype=tf.uint16).numpy() for answer in encoded]
    return images, described["from_files"]


def of_parts(dataset):
    """Returns the inputs of all parts of a data set of pairs by the name of their file."""
    found = {}
    for part in ("train", "validation", "test"):
        source = dataset.parts[part]
        inputs = pipeline.examples(source, ("input",))["input"]
        for index, image in enumerate(inputs):
            place = source.indices[index] if isinstance(source, Subset) else index
            name = of_files(source).examples[place][0]
            found[name.removeprefix("A/train/")] = image
    return found


def of_files(source):
    return of_files(source.source) if hasattr(source, "source") else source


def assert_one_reading(found, lossy=lambda name: False):
    for name in found["training"]:
        limit = (LOSSY if lossy(name) else 0) / 127.5 + 1e-6
        for reader, images in found.items():
            if name in images:
                apart = np.abs(images[name] - found["training"][name]).max()
                assert apart <= limit, (reader, name, apart * 127.5)


@pytest.mark.parametrize(("fit", "depth"), [("resize", 32), ("crop", 16)])
def test_all_read_the_same_of_every_kind_of_file(fit, depth, tmp_path, monkeypatch):
    cases = [case for case in CASES if case.depth <= depth]
    files = {f"-{n:02}-{case.name}{case.suffix}": case for n, case in enumerate(cases)}
    names = {}
    for name, case in files.items():
        names |= {f"{number:02}-{place}{name}": case for number in range(99) for place in (0, 1)}
    write_pairs(tmp_path / "pairs", {name: case.data for name, case in files.items()})
    served = lambda name: names[name].served  # noqa: E731
    flags = ["--image_size=32x64", f"--fit={fit}", "--channels=3"]
    flags += ["--value_range=0,1"] if depth == 32 else []
    given, found, echo = readings(tmp_path, monkeypatch, served, *flags)
    assert len(found["training"]) == len(given.names) == len(names) / 99
    assert_one_reading(found, lambda name: names[name].lossy)
    assert len(found["export"]) > len(given.names) / 2
    described = describe(echo.signatures())["from_files"]["image_files"]
    assert (described["fit"], described["bits"]) == (fit, depth)
    assert described["resampling"].startswith("bicubic")
    assert (described["size"], described["channels"]) == ([32, 64], 3)


@pytest.mark.parametrize("flags", [[], ["--label_encoding=one_hot"]])
def test_label_maps_keep_their_colours_everywhere(flags, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    files = {}
    for number in range(6):
        image = Image.fromarray(rng.integers(0, 4, (50, 70), np.uint8))
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90])
        files[f"-{number}.png"] = encoded(image, "PNG")
    write_pairs(tmp_path / "pairs", files)
    given, found, echo = readings(
        tmp_path, monkeypatch, lambda name: True, "--image_size=32", *flags
    )
    assert_one_reading(found)
    images, described = answers(echo, tmp_path, [given.read(given.names[0])])
    described = described["image_files"]
    assert described["resampling"] == "nearest" and len(described["palette"]) == 4
    for read in found.values():
        for image in read.values():
            colours = np.unique(image.reshape(-1, image.shape[-1]), axis=0)
            assert len(colours) == 4
    if "--label_encoding=one_hot" not in flags:
        return
    images, _ = answers(echo, tmp_path, [given.read(given.names[0])])
    assert {tuple(colour // 257) for colour in images[0].reshape(-1, 3)} == {
        *((255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90))
    }


def test_numbers_of_classes_are_read_the_same_everywhere(tmp_path, monkeypatch):
    files = {f"-{n:02}{case.suffix}": case for n, case in enumerate(ID_CASES)}
    write_pairs(tmp_path / "pairs", {name: case.data for name, case in files.items()})
    served = lambda name: files[name[4:]].served  # noqa: E731
    flags = "--palette=ids", "--image_size=32"
    given, found, echo = readings(tmp_path, monkeypatch, served, *flags)
    assert_one_reading(found)
    images, described = answers(echo, tmp_path, [given.read(given.names[0])])
    described = described["image_files"]
    assert (described["encoding"], described["classes"], described["void"]) == ("ids", 12, 255)
    assert described["resampling"] == "nearest"
    expected = found["training"][given.names[0]].argmax(axis=-1)
    np.testing.assert_array_equal(images[0][..., 0] // 257, expected)


def test_photos_of_few_colours_are_not_taken_for_label_maps_by_generate(tmp_path, monkeypatch):
    # The training saw photos, so its inputs were never label maps.
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)) for _ in range(8)]
    write_pairs(tmp_path / "pairs", {f"-{n}.png": encoded(i, "PNG") for n, i in enumerate(noise)})
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
    out = translation.translate_images(
        translator_of(monkeypatch, echo, run),
        open_inputs(f"{tmp_path}/drawings"),
        translation.Request(f"{tmp_path}/o"),
    )
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

"""Measurements of fewer images than there are, of folders that are sorted by class."""

import numpy as np
import pytest
from PIL import Image

from kgan.data.dataset import Dataset
from kgan.evaluation import critic, cycles, folders, generated, likelihood
from kgan.evaluation.runner import plan_validation
from kgan.evaluation.task import Request
from kgan.training.callbacks import _preview_examples
from tests.evaluation.fakes import Critic, Generator, Images, scaled
from tests.evaluation.test_cycles import Translator
from tests.evaluation.test_likelihood import Bound

CLASSES, EACH, COUNT = 3, 120, 100


def sorted_levels(seed, count=EACH):
    """Images of three brightnesses, one class after the other, uint8 [3 * count, 8, 8, 1]."""
    rng = np.random.default_rng(seed)
    base = np.repeat([50, 128, 206], count)[:, np.newaxis, np.newaxis, np.newaxis]
    return (base + rng.integers(-40, 41, (CLASSES * count, 8, 8, 1))).astype(np.uint8)


def shuffled(images):
    return images[np.random.default_rng(9).permutation(len(images))]


def write(folder, images):
    for number, image in enumerate(images):
        path = folder / f"class{number * CLASSES // len(images)}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return folder


@pytest.fixture
def real():
    """A data set with one part, sorted by class."""
    return Dataset("sorted", "images", {"test": Images(sorted_levels(0))}, "made")


def drawings(real, **request):
    model = Generator(scaled(shuffled(sorted_levels(1))))
    task = generated.make_task(model, real, Request(features="pixels", **request))
    return task.measure(("fid", "coverage")).values


def assert_as_good(values, protocol, whole, all_of):
    """A perfect generator is as good by a sample as by everything."""
    assert whole[f"coverage_{all_of}"] > 0.9
    assert values[f"coverage_{protocol}"] > 0.9
    # Of 100 images the distance is larger: the bias falls as 1/N.
    assert values[f"fid_{protocol}"] < whole[f"fid_{all_of}"] + 2.0


def test_perfect_generator_is_as_good_by_a_sample_as_by_all(real):
    values, whole = drawings(real, count=COUNT), drawings(real)
    assert_as_good(values, "pixels_100_of_360", whole, "pixels_360")


def test_folders_that_are_sorted_by_class_are_sampled(tmp_path):
    one = write(tmp_path / "one", sorted_levels(0))
    # Another number of images, or the same places would be chosen in both.
    other = write(tmp_path / "other", sorted_levels(1, EACH + 10))

    def measure(count):
        request = Request(metrics=("fid", "coverage"), count=count)
        protocol = folders.Protocol(real_count=count)
        return folders.evaluate_images(None, str(other), str(one), request, protocol).values

    values, whole = measure(COUNT), measure(1000)
    (name,) = (name for name in values if name.startswith("fid") and "error" not in name)
    assert "100_of_390_and_100_of_360" in name
    found = {key.partition("_")[0]: value for key, value in values.items() if "error" not in key}
    best = {key.partition("_")[0]: value for key, value in whole.items() if "error" not in key}
    assert found["coverage"] > 0.9 and best["coverage"] > 0.9
    assert found["fid"] < best["fid"] + 2.0


def test_validation_in_training_measures_a_sample(real):
    model = Generator(scaled(shuffled(sorted_levels(1))))
    request = Request(metrics=("fid",), features="pixels", count=COUNT, flag="validate_metrics")
    values = plan_validation(model, real, request).measure()
    assert values["fid_pixels_100_of_360"] < 1.5


def brightness(images):
    """Returns which of the three brightnesses an array of images in [-1, 1] shows."""
    return set(np.rint(images.mean(axis=(1, 2, 3)) * 127.5 / 78).astype(int).tolist())


class Stop(Exception):
    """Ends an evaluation that has shown its images."""


def test_every_evaluation_sees_all_classes(real, monkeypatch):
    seen = {}

    def stop_at(module, name, evaluation):
        def look(first, *arguments):
            seen[evaluation] = next(a for a in arguments if isinstance(a, np.ndarray))
            raise Stop

        monkeypatch.setattr(module, name, look)

    def measure(module, model, data):
        task = module.make_task(model, data, Request(count=COUNT))
        with pytest.raises(Stop):
            task.measure(tuple(task.metrics))

    parts = {"test_a": real.parts["test"], "test_b": real.parts["test"]}
    stop_at(critic.wasserstein, "lipschitz_estimate", "critic")
    stop_at(likelihood, "_bound", "likelihood")
    stop_at(cycles, "_there_and_back", "cycles")
    monkeypatch.setattr(critic, "MATCHED", COUNT)
    measure(critic, Critic(scaled(sorted_levels(1)), None), real)
    measure(likelihood, Bound(), real)
    measure(cycles, Translator(), Dataset("two", "unpaired", parts, "made"))
    assert {name: brightness(images) for name, images in seen.items()} == {
        name: {-1, 0, 1} for name in ("critic", "likelihood", "cycles")
    }
    assert all(len(images) == COUNT for images in seen.values())


def test_preview_of_a_part_in_a_cycle_of_classes_shows_several():
    # Evenly spaced places would all show the same of 29 classes in turn.
    images = np.repeat(np.arange(204, dtype=np.uint8) % 29, 4).reshape(204, 2, 2, 1)
    parts = {"test_a": Images(images), "test_b": Images(images)}
    shown = _preview_examples(Dataset("made", "unpaired", parts, "made"), 8)
    assert len({float(image[0, 0, 0]) for image in shown["image_a"]}) > 4

"""Size and length of a training that its images decide, where no flag does."""

from types import SimpleNamespace

import pytest

from kgan.callbacks import estimate
from kgan.cli.models import model_names
from kgan.cli.parsing import parse_training
from kgan.distributed import workers
from kgan.models.base.own_data import OwnData
from kgan.training.from_data import choose_length, choose_size
from kgan.training.loop import Training
from tests.data.folder.images import numbered, save_all
from tests.small_runs import GAN


def chosen(model, root, *flags):
    settings, lines = choose_size(parse_training([f"--model={model}", f"--dataset={root}", *flags]))
    assert bool(lines) == ("image_size" not in settings.given)
    return settings.data.image_size, settings.data.fit


def photos(root, width, height, count=4):
    return save_all(root, numbered("photos", count), size=(width, height))


def test_size_and_aspect_come_from_the_images(tmp_path):
    root = photos(tmp_path / "lying", 640, 480)
    assert chosen("pix2pix", root, "--pairs=edges") == ((192, 256), "resize")
    assert chosen("cyclegan", f"{root}+{root}") == ((192, 256), "resize")
    assert chosen("dcgan", root) == ((64, 64), "crop")
    assert chosen("vae", root) == ((24, 32), "resize")
    assert chosen("dcgan", root, "--fit=resize") == ((64, 64), "resize")
    assert chosen("dcgan", root, "--image_size=32") == ((32, 32), "resize")
    # Small images are not enlarged; upright ones among lying ones do not turn the size.
    assert chosen("dcgan", photos(tmp_path / "digits", 28, 28)) == ((32, 32), "resize")
    photos(root / "more", 480, 640, count=3)
    assert chosen("pix2pix", root, "--pairs=edges")[0] == (192, 256)


def test_halves_of_a_pair_have_the_size(tmp_path):
    root = save_all(tmp_path, numbered("train", 4) + numbered("test", 4), size=(640, 240))
    assert chosen("pix2pix", root)[0] == (192, 256)


def test_data_sets_that_are_no_files_and_given_flags_keep_their_defaults():
    for model in model_names():
        settings = parse_training([f"--model={model}"])
        assert choose_size(settings) == (settings, [])
    settings = parse_training(["--model=pix2pix", "--dataset=mnist"])
    assert choose_size(settings) == (settings, [])


@pytest.mark.parametrize(("images", "steps"), [(37, 20_000), (400, 80_000), (9_000, 80_000)])
def test_length_is_that_of_the_paper_within_bounds(images, steps):
    settings = parse_training(["--model=pix2pix"])
    found, (line,) = choose_length(settings, images, 1)
    assert (found.run.steps, found.run.epochs) == (steps, None)
    assert f"--steps={steps}" in line and "--epochs, --steps or --minutes" in line
    for flag in ("--epochs=3", "--steps=9"):
        given = parse_training(["--model=pix2pix", flag])
        assert choose_length(given, images, 1) == (given, [])


def test_sizes_that_networks_take_are_near_in_aspect_and_area():
    rectangles = OwnData(64, 256, multiple=32)
    found = {(h, w): rectangles.size_for(h, w) for h in range(40, 1200, 37) for w in (90, 256, 1e3)}
    for (h, w), size in found.items():
        assert all(side % 32 == 0 and 64 <= side <= 256 for side in size)
        if 1 / 3 < h / w < 3 and min(h, w) > 90:
            assert 0.8 < size[0] / size[1] * w / h < 1.25, (h, w, size)
    assert OwnData(16, 64, square=True).size_for(30, 300) == (32, 32)


def test_run_stores_what_was_chosen(tmp_path):
    root = photos(tmp_path, 60, 60)
    flags = [flag for flag in GAN if "image_size" not in flag]
    settings = parse_training([*flags, f"--dataset={root}", f"--runs_dir={tmp_path}/runs"])
    training = Training(settings, workers.join("none"))
    stored = training.settings.flagfile_text().splitlines()
    assert {"--image_size=32", "--steps=5000"} <= set(stored)
    assert not any(line.startswith("--epochs") for line in stored)
    assert [line.split(":")[0] for line in training.chosen] == ["size", "length"]


def test_time_is_estimated_once_where_it_takes_minutes(monkeypatch):
    said, times = [], iter([100.0, 110.0, 120.0, 130.0, 140.0])
    monkeypatch.setattr(estimate.logger, "info", lambda text, *values: said.append(text % values))
    callback = estimate.TimeEstimate(total=1001, clock=lambda: next(times))
    callback.set_model(SimpleNamespace(completed_steps=0))
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for batch in range(5):
        callback.on_train_batch_end(batch)
    (line,) = said
    assert line.startswith("time: about 2.8 hours for the 998 steps that are left, at 0.1 steps")

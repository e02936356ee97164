"""Mixtures of Gaussians, and training on them."""

import numpy as np
import pytest
from PIL import Image

from kgan.data import registry
from kgan.data.builtin.mixtures import MIXTURES
from kgan.data.builtin.points import open_mixture
from kgan.data.dataset import ImageFormat, spec_of
from kgan.utils.errors import UserError
from tests.small_runs import command

ANY = ImageFormat((28, 28), (28, 28))
MAXOUT = (
    "--model=gan",
    "--dataset=ring",
    "--network=maxout",
    "--latent_size=2",
    "--g_hidden=8",
    "--d_hidden=6",
    "--batch_size=20",
    "--strategy=none",
)


def test_ring_has_eight_modes_at_radius_one_and_grid_twenty_five_two_apart():
    ring, grid = np.array(MIXTURES["ring"].centres), np.array(MIXTURES["grid"].centres)
    assert ring.shape == (8, 2) and grid.shape == (25, 2)
    np.testing.assert_allclose(np.hypot(*ring.T), 1)
    neighbours = np.hypot(*(ring - np.roll(ring, 1, axis=0)).T)
    np.testing.assert_allclose(neighbours, 0.7653668647)  # 2 sin(π / 8)
    assert sorted(map(tuple, grid)) == [
        (x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)
    ]
    assert (MIXTURES["ring"].deviation, MIXTURES["grid"].deviation) == (0.01, 0.05)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_points_lie_around_all_modes_alike_with_the_deviation_of_each(name):
    dataset = open_mixture(name)
    mixture = MIXTURES[name]
    points = dataset.parts["train"].images
    assert points.shape == (100_000, 2) and points.dtype == np.float32
    offsets = points[:, None] - np.array(mixture.centres)
    nearest = (offsets**2).sum(-1).argmin(1)
    shares = np.bincount(nearest) / len(points)
    # Five standard errors of a share.
    expected = 1 / len(mixture.centres)
    np.testing.assert_allclose(shares, expected, atol=5 * np.sqrt(expected / 100_000))
    own = offsets[np.arange(len(points)), nearest]
    np.testing.assert_allclose(own.std(axis=0), mixture.deviation, rtol=0.02)


def test_parts_share_no_points_and_another_seed_gives_others():
    first, same, other = open_mixture("ring"), open_mixture("ring"), open_mixture("ring", seed=1)
    train, test = (set(map(tuple, first.parts[part].images[:5000])) for part in ("train", "test"))
    assert not train & test
    np.testing.assert_array_equal(first.parts["train"].images, same.parts["train"].images)
    assert not np.array_equal(first.parts["train"].images, other.parts["train"].images)


def test_latent_models_take_points_as_they_are():
    dataset = registry.open_dataset("grid", ANY, kind="images")
    spec = spec_of(dataset, (28, 28))
    assert (dataset.kind, spec.kind, spec.shape) == ("points", "points", (2,))
    point = dataset.parts["test"].read(3)["image"]
    assert point.shape == (2,) and point.dtype == np.float32
    with pytest.raises(IndexError):
        dataset.parts["test"].read(10_000)


@pytest.mark.parametrize("kind", ["paired", "unpaired", "labelled", "conditional"])
def test_models_of_pairs_and_labels_refuse_points(kind):
    with pytest.raises(UserError, match="ring"):
        registry.open_dataset("ring", ANY, kind=kind)


def test_a_run_on_points_is_plotted_and_resumed(tmp_path):
    places = (f"--runs_dir={tmp_path}/runs", f"--export_dir={tmp_path}/models")
    done = command("train", *MAXOUT, *places, "--steps=4", "--packing=2")
    assert done.status == 0, done
    (run,) = (tmp_path / "runs").iterdir()
    samples = sorted((run / "samples").iterdir())
    assert [path.name for path in samples][-1] == "step-00000004.png"
    with Image.open(samples[-1]) as image:
        assert image.mode == "RGB" and image.size == (500, 500)
    done = command("train", f"--resume={run}", "--steps=6", "--noexport")
    assert done.status == 0, done
    done = command("generate", f"--run={run}", "--seeds=0-9", f"--out={tmp_path}/p.png")
    assert done.status == 0, done
    with Image.open(tmp_path / "p.png") as image:
        assert image.size == (500, 500)


@pytest.mark.parametrize(
    "wrong",
    [
        "--flip",
        "--jitter=1.2",
        "--augment=color",
        "--network=dcgan",
        "--hidden_noise=add",
        "--minibatch_kernels=3",
        "--spectral_norm",
    ],
)
def test_flags_for_images_are_refused_for_points_in_one_line(wrong, tmp_path):
    refused = command("train", *MAXOUT, wrong, "--steps=2", f"--runs_dir={tmp_path}/runs")
    assert refused.err.splitlines()[-1].startswith(f"error: {wrong.partition('=')[0]}"), refused
    assert refused.status == 2
    assert not list(tmp_path.glob("runs/*"))


def test_maxout_is_refused_for_images(tmp_path):
    refused = command(
        "train", "--model=gan", "--network=maxout", "--steps=2", f"--runs_dir={tmp_path}/runs"
    )
    assert "--network=maxout" in refused.error_line

"""Rendered faces: independent visible attributes, different persons."""

import numpy as np
import pytest

from kgan.data import pipeline
from kgan.data.builtin import faces
from kgan.data.builtin.faces import ATTRIBUTES, open_faces, render_face
from kgan.data.dataset import FIELDS, ImageFormat, Source, spec_of
from kgan.data.pipeline import Augmentation, training_batches
from kgan.data.registry import open_dataset
from kgan.data.transform.derived_pairs import derive_pairs


def opened(side, **options):
    return open_faces(ImageFormat((side, side), (side, side)), **options)


def render(number, attributes, side):
    return render_face(0, number, side, side, attributes=attributes)["image"].astype(int)


def with_and_without(name, number, side=64, others=()):
    bits = np.array([other in others for other in ATTRIBUTES])
    bits[ATTRIBUTES.index(name)] = True
    on = render(number, bits, side)
    bits[ATTRIBUTES.index(name)] = False
    return on, render(number, bits, side)


def test_dataset_names_its_attributes():
    found = opened(32)
    assert found.kind == "attributes"
    assert found.class_names == ("glasses", "beard", "hat", "smile", "long_hair")
    spec = spec_of(found, (32, 32))
    assert (spec.kind, spec.channels, spec.input_channels) == ("attributes", 3, 3)
    assert spec.class_names == found.class_names
    example = found.parts["train"].read(0)
    assert (example["image"].shape, example["image"].dtype) == ((32, 32, 3), np.uint8)
    assert (example["attributes"].shape, example["attributes"].dtype) == ((5,), np.float32)


def test_attributes_are_balanced_and_independent_of_one_another_and_of_the_colours(monkeypatch):
    # One pixel is enough: the background, in the upper left corner.
    monkeypatch.setattr(faces, "CANVAS", 16)
    examples = [render_face(0, number, 8, 8) for number in range(1500)]
    bits = np.stack([example["attributes"] for example in examples])
    assert set(np.unique(bits)) == {0, 1}
    # Five standard deviations of a mean of 1,500 fair coins, and of a correlation.
    assert np.abs(bits.mean(0) - 0.5).max() < 0.065
    assert len(np.unique(bits, axis=0)) == 32
    backgrounds = np.stack([example["image"][0, 0] for example in examples])
    correlations = np.corrcoef(np.concatenate([bits, backgrounds], 1).T)[:5]
    assert np.abs(correlations - np.eye(5, 8)).max() < 0.13


# Rows and columns, as fractions of the side, in which an attribute may change the image.
REGIONS = {
    "glasses": (0.3, 0.7, 0.1, 0.9),
    "beard": (0.45, 1.0, 0.15, 0.85),
    "hat": (0, 0.55, 0, 1),
    "smile": (0.5, 0.9, 0.25, 0.75),
    "long_hair": (0.1, 1, 0, 1),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("others", [(), tuple(ATTRIBUTES)])
def test_an_attribute_is_visible_in_its_region_and_changes_nothing_else(name, others):
    for number in range(40):
        on, off = with_and_without(name, number, others=others)
        changed = (np.abs(on - off).max(-1) > 40).mean()
        assert 0.002 < changed < 0.5, number
        top, bottom, left, right = (int(64 * share) for share in REGIONS[name])
        outside = np.ones((64, 64), bool)
        outside[top:bottom, left:right] = False
        np.testing.assert_array_equal(on[outside], off[outside])


def test_faces_with_equal_attributes_differ():
    images = np.stack([render(number, np.zeros(5), 32) for number in range(60)])
    distances = np.abs(images[:, None] - images).mean((2, 3, 4)) + 255 * np.eye(60)
    assert distances.min() > 3
    # The background and the skin in the middle of the cheek have many colours.
    for row, column in ((0, 0), (18, 11)):
        assert np.ptp(images[:, row, column], axis=0).min() > 80


def means_of_blocks(image):
    """Means of 4 by 4 blocks, whose sizes may differ by a pixel."""
    rows = np.array_split(image, 4)
    return np.array([[b.mean((0, 1)) for b in np.array_split(row, 4, axis=1)] for row in rows])


@pytest.mark.parametrize("side", [16, 100, 300])
def test_another_size_shows_the_same_face(side):
    for number in range(5):
        bits = np.arange(5) % 2 == number % 2
        image, like = render(number, bits, side), render(number, bits, 64)
        assert image.shape == (side, side, 3)
        assert np.abs(means_of_blocks(image) - means_of_blocks(like)).max() < 8


def test_faces_serve_as_plain_images_and_as_pairs():
    small = ImageFormat((16, 16), (16, 16))
    plain = open_dataset("faces", small, kind="images")
    assert (plain.kind, plain.class_names) == ("images", ())
    assert open_dataset("faces", small, kind="attributes", seed=2).kind == "attributes"
    pairs = derive_pairs(opened(16), "grey")
    assert (pairs.kind, pairs.class_names) == ("paired", ())
    assert pairs.parts["train"].read(0)["input"].shape == (16, 16, 3)


@pytest.mark.parametrize("cache_bytes", [4e9, 0])
@pytest.mark.parametrize("augmentation", [None, Augmentation((12, 12), True)])
def test_attributes_pass_through_the_pipeline_unharmed(cache_bytes, augmentation):
    source = opened(16, train=10).parts["train"]
    batches = training_batches(
        source,
        FIELDS["attributes"],
        batch_size=4,
        seed=0,
        cache_bytes=cache_bytes,
        augmentation=augmentation,
    )
    places = pipeline.shuffled_indices(np.arange(12, dtype=np.int64), 10, 0).numpy()
    wanted = np.stack([source.read(place)["attributes"] for place in places])
    given = list(batches.take(3).as_numpy_iterator())
    attributes = np.concatenate([batch[1] for batch in given])
    assert attributes.dtype == np.float32
    np.testing.assert_array_equal(attributes, wanted)
    side = 12 if augmentation else 16
    assert given[0][0].shape == (4, side, side, 3)
    assert given[0][0].dtype == np.float32 and given[0][0].min() < -0.5


def test_fractions_between_the_attributes_are_not_rounded():
    class Halves(Source):
        def __len__(self):
            return 3

        def read(self, index):
            image = np.zeros((4, 4, 1), np.uint8)
            return {"image": image, "attributes": np.full(2, index / 2, np.float32)}

    batches = training_batches(Halves(), FIELDS["attributes"], batch_size=3, seed=0)
    attributes = next(iter(batches))[1].numpy()
    assert sorted(attributes[:, 0]) == [0, 0.5, 1]
    read = next(pipeline.batches(Halves(), FIELDS["attributes"], 3))[1]
    assert read[:, 1].tolist() == [0, 0.5, 1]

"""The printed digits: drawn from (seed, number) alone, whole, and the digit that the label says."""

import os

import numpy as np
import pytest
from PIL import ImageFont
from sklearn.linear_model import LogisticRegression

from kgan.data.builtin import typeset
from kgan.data.builtin.typeset import FONTS, font_folder, open_typeset
from kgan.data.dataset import ImageFormat, spec_of
from kgan.utils.errors import UserError


def opened(side, **options):
    return open_typeset(ImageFormat((side, side), (side, side)), **options)


def images(source, count):
    return np.stack([source.read(index)["image"] for index in range(count)])


def test_collection_is_the_printed_twin_of_the_digits():
    found = opened(32)
    assert (found.name, found.kind) == ("typeset", "labelled")
    assert found.class_names == tuple("0123456789")
    assert {part: len(source) for part, source in found.parts.items()} == {
        "train": 4000,
        "test": 1000,
    }
    assert found.description == "typeset: 10 classes in 21 fonts, 4000 train, 1000 test"
    assert not found.mirrors
    spec = spec_of(found, (32, 32))
    assert (spec.channels, spec.input_channels) == (1, 1)


def test_same_seed_and_number_give_the_same_bits_in_any_order():
    first, second = opened(32, seed=3).parts["train"], opened(32, seed=3).parts["train"]
    forward = [first.read(index)["image"] for index in range(30)]
    backward = [second.read(index)["image"] for index in reversed(range(30))]
    np.testing.assert_array_equal(forward, backward[::-1])


def test_other_seed_part_and_number_give_other_drawings():
    one, other = opened(32, seed=1).parts, opened(32, seed=2).parts
    drawn = np.concatenate(
        [images(one["train"], 100), images(one["test"], 100), images(other["train"], 100)]
    )
    assert len(np.unique(drawn.reshape(300, -1), axis=0)) == 300


def test_each_digit_is_as_frequent_as_another():
    for source in opened(8).parts.values():
        labels = [source.read(index)["label"] for index in range(len(source) // 10)]
        assert np.bincount(labels).tolist() == [len(source) // 100] * 10
        assert labels[0].dtype == np.int32


def test_label_says_what_is_drawn():
    # A linear classifier: wrong labels would leave it at one in ten.
    parts = opened(16).parts
    train = images(parts["train"], 800).reshape(800, -1) / 255
    test = images(parts["test"], 200).reshape(200, -1) / 255
    labels = [parts["train"].read(index)["label"] for index in range(800)]
    model = LogisticRegression(max_iter=200).fit(train, labels)
    wanted = [parts["test"].read(index)["label"] for index in range(200)]
    assert (model.predict(test) == wanted).mean() > 0.9


@pytest.mark.parametrize("side", [8, 32, 80])
def test_digits_are_white_on_black_and_touch_no_border(side):
    drawn = images(opened(side).parts["train"], 200).astype(int)
    assert drawn.shape == (200, side, side, 1)
    assert drawn.max() == 255
    # At 8 pixels the thinnest lines are half a pixel wide.
    assert (drawn.max((1, 2, 3)) > (96 if side == 8 else 160)).all()
    shares = (drawn > 95).mean((1, 2, 3))
    assert shares.min() > 0.01 and shares.max() < 0.5
    if side > 8:
        border = [drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]]
        assert max(edge.max() for edge in border) < 16


def test_another_size_shows_the_same_digit():
    small, large = (images(opened(side).parts["train"], 40) / 255 for side in (32, 96))
    halved = large.reshape(40, 32, 3, 32, 3, 1).mean((2, 4))
    assert np.abs(halved - small).mean() < 0.01


def test_fonts_sizes_and_places_vary():
    ones = (images(opened(64).parts["train"], 400)[1::10, ..., 0] > 127).astype(float)
    heights = ones.any(2).sum(1)
    centres = [(ones.sum(axis) * np.arange(64)).sum(1) / ones.sum((1, 2)) for axis in (1, 2)]
    assert np.ptp(heights) > 8
    assert min(np.ptp(centre) for centre in centres) > 4
    assert np.ptp(ones.mean((1, 2))) > 0.05


@pytest.mark.parametrize("name", FONTS)
def test_every_font_has_ten_different_digits(name):
    font = ImageFont.truetype(os.path.join(font_folder(), f"{name}.ttf"), 40)
    # What a font draws for a character that it lacks, is the same for all of them.
    drawn = {bytes(font.getmask(digit)) for digit in "0123456789"}
    assert len(drawn) == 10
    assert bytes(font.getmask("\u4e00")) not in drawn


def test_channels_and_part_sizes_are_heeded():
    found = open_typeset(ImageFormat((16, 24), (20, 30), channels=3))
    image = found.parts["train"].read(4)["image"]
    assert image.shape == (20, 30, 3)
    assert (image == image[..., :1]).all()
    assert found.parts["test"].read(4)["image"].shape == (16, 24, 3)


def test_missing_font_is_named(monkeypatch):
    monkeypatch.setattr(typeset, "FONTS", (*FONTS, "Nowhere"))
    with pytest.raises(UserError, match=r"^--dataset=typeset: .* has no Nowhere\.ttf; .*whole"):
        opened(32)


@pytest.mark.parametrize("index", [-1, 4000])
def test_what_is_not_in_the_part_is_refused(index):
    with pytest.raises(IndexError):
        opened(32).parts["train"].read(index)

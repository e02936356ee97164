"""Printed digits: complete, of every font, and the digit that the label says."""

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
    return open_typeset(ImageFormat((side, side), (side, side), **options))


def images(source, count):
    return np.stack([source.read(index)["image"] for index in range(count)])


def test_dataset_is_the_printed_counterpart_of_the_digits():
    found = opened(32)
    assert found.kind == "labelled"
    assert found.class_names == tuple("0123456789")
    assert found.description == "typeset: 10 classes in 21 fonts, 4000 train, 1000 test"
    assert not found.mirrors
    spec = spec_of(found, (32, 32))
    assert (spec.channels, spec.input_channels) == (1, 1)


def test_each_digit_is_as_frequent_as_another():
    for source in opened(8).parts.values():
        assert np.bincount(source.labels).tolist() == [len(source) // 10] * 10


def test_label_is_the_digit_in_the_image():
    # A linear classifier: wrong labels would leave it at one in ten.
    parts = opened(12).parts
    train = images(parts["train"], 500).reshape(500, -1) / 255
    test = images(parts["test"], 200).reshape(200, -1) / 255
    model = LogisticRegression(max_iter=100).fit(train, parts["train"].labels[:500])
    assert (model.predict(test) == parts["test"].labels[:200]).mean() > 0.8


@pytest.mark.parametrize("side", [8, 32, 80])
def test_digits_are_white_on_black_and_touch_no_border(side):
    rendered = images(opened(side).parts["train"], 100).astype(int)
    assert rendered.shape == (100, side, side, 1)
    assert rendered.max() == 255
    # At 8 pixels the thinnest lines are half a pixel wide.
    assert (rendered.max((1, 2, 3)) > (96 if side == 8 else 160)).all()
    shares = (rendered > 95).mean((1, 2, 3))
    assert shares.min() > 0.01 and shares.max() < 0.5
    if side > 8:
        border = [rendered[:, 0], rendered[:, -1], rendered[:, :, 0], rendered[:, :, -1]]
        assert max(edge.max() for edge in border) < 16


def test_another_size_shows_the_same_digit():
    small, large = (images(opened(side).parts["train"], 40) / 255 for side in (32, 96))
    halved = large.reshape(40, 32, 3, 32, 3, 1).mean((2, 4))
    assert np.abs(halved - small).mean() < 0.01


def test_fonts_sizes_and_positions_vary():
    ones = (images(opened(64).parts["train"], 400)[1::10, ..., 0] > 127).astype(float)
    heights = ones.any(2).sum(1)
    centres = [(ones.sum(axis) * np.arange(64)).sum(1) / ones.sum((1, 2)) for axis in (1, 2)]
    assert np.ptp(heights) > 8
    assert min(np.ptp(centre) for centre in centres) > 4
    assert np.ptp(ones.mean((1, 2))) > 0.05


def test_every_font_has_ten_different_digits():
    folder = font_folder()
    for name in FONTS:
        font = ImageFont.truetype(os.path.join(folder, f"{name}.ttf"), 40)
        # A font renders all characters that it lacks alike.
        rendered = {bytes(font.getmask(digit)) for digit in "0123456789"}
        assert len(rendered) == 10, name
        assert bytes(font.getmask("\u4e00")) not in rendered, name


def test_colour_channels_are_equal():
    image = opened(16, channels=3).parts["train"].read(4)["image"]
    assert image.shape == (16, 16, 3)
    assert (image == image[..., :1]).all()


def test_missing_font_is_named(monkeypatch):
    monkeypatch.setattr(typeset, "FONTS", (*FONTS, "Nowhere"))
    with pytest.raises(UserError, match=r"^--dataset=typeset: .* has no Nowhere\.ttf; .*whole"):
        opened(32)

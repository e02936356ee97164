"""Image grids: sizes, places, levels."""

import numpy as np
import pytest
from PIL import Image

from kgan.plots import grids


def test_levels_are_rounded_to_the_nearest_and_clipped():
    # 127.5 · x + 127.5: −1 → 0, 0.2 → 153, 0.206 → 153.765, −0.999 → 0.1275, 0.997 → 254.6.
    values = np.float32([-1, 1, 0.2, 0.206, -0.999, 0.997, -1.5, 7])
    levels = grids.to_bytes(values)
    assert levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, [0, 255, 153, 154, 0, 255, 0, 255])


def test_every_level_is_restored():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(grids.to_bytes(levels / np.float32(127.5) - 1), levels)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_one_image_keeps_its_channels(channels, mode):
    array = np.zeros((4, 6, channels), np.float32)
    array[1, 2] = 1
    image = grids.to_image(array)
    assert image.mode == mode
    assert image.size == (6, 4)
    levels = np.asarray(image).reshape(4, 6, channels)
    assert (levels[1, 2] == 255).all()
    assert (levels[0, 0] == 128).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_grid_lays_rows_and_columns_out_on_white(channels, mode):
    # Two rows of three images of 48x64, with levels 0, 20, 40, …
    levels = np.arange(6).reshape(2, 3) * 20
    values = (levels / 127.5 - 1).astype(np.float32)[..., None, None, None]
    sheet = grids.image_grid(np.broadcast_to(values, (2, 3, 48, 64, channels)))
    assert sheet.mode == mode
    assert sheet.size == (3 * 64 + 4 * 2, 2 * 48 + 3 * 2)
    pixels = np.asarray(sheet).reshape(sheet.height, sheet.width, channels)
    expected = np.full_like(pixels, 255)
    for row in range(2):
        for column in range(3):
            top, left = 2 + row * 50, 2 + column * 66
            expected[top : top + 48, left : left + 64] = levels[row, column]
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(8, 8, 6), (28, 28, 2), (32, 16, 2), (47, 9, 2), (48, 48, 1)]
)
def test_small_images_are_shown_larger_in_whole_pixels(height, width, scale):
    # The longer side comes to 48 pixels or more.
    levels = np.random.default_rng(0).integers(0, 256, (height, width))
    values = (levels / 127.5 - 1).astype(np.float32)
    sheet = np.asarray(grids.image_grid(values.reshape(1, 1, height, width, 1)))
    assert sheet.shape == (height * scale + 4, width * scale + 4)
    expected = levels.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(sheet[2:-2, 2:-2], expected)


def test_headings_are_above_their_columns():
    black = -np.ones((1, 2, 48, 48, 3), np.float32)
    plain, headed = grids.image_grid(black), grids.image_grid(black, ("input", "output"))
    assert headed.size == (plain.width, plain.height + grids.HEADING)
    pixels = np.asarray(headed)
    np.testing.assert_array_equal(pixels[grids.HEADING :], np.asarray(plain))
    above = pixels[: grids.HEADING] < 255
    for left in (2, 52):
        assert above[:, left : left + 48].any()


def test_transparent_pixels_become_white():
    sheet = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    sheet.putpixel((1, 0), (10, 20, 30, 0))
    white = grids.on_white(sheet)
    assert [white.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (255, 255, 255)]
    assert grids.on_white(Image.new("L", (1, 1), 7)).getpixel((0, 0)) == (7, 7, 7)

"""Files and views of images that networks make."""

import io

import numpy as np
import pytest

from kgan.data.encoding import encode_image, shown
from kgan.data.preparation import Preparation, to_domain
from kgan.data.shaping import prepare, read_image
from kgan.serving.signatures import encode_png
from tools.image_table import WRITTEN


@pytest.mark.parametrize("name", WRITTEN)
def test_written_images_are_read_back_as_they_were(name):
    preparation = WRITTEN[name]
    rng = np.random.default_rng(0)
    if preparation.classes:
        ids = rng.integers(0, preparation.classes, (16, 16, 1))
        image = to_domain(ids, preparation)
    else:
        image = rng.uniform(-1, 1, (16, 16, preparation.channels)).astype(np.float32)
    data, suffix = encode_image(image, preparation)
    low, high = preparation.value_range or (0, 2.0 ** (preparation.depth or 8) - 1)
    step = 1e-6 if preparation.depth == 32 else 1.001 / (high - low) + 1 / 65535
    found = prepare(data, f"some{suffix}", preparation)
    assert found.shape == image.shape and np.abs(found - image).max() <= step
    # An export gives the same levels, and 16 bits of floating point ones.
    served = encode_png(image[np.newaxis], preparation).numpy()[0]
    if preparation.depth != 32:
        np.testing.assert_array_equal(
            read_image(served, "some.png", preparation), read_image(data, "some", preparation)
        )


def test_label_maps_are_shown_in_colours():
    maps = Preparation((1, 3), 2, nearest=True, encoding="ids", void=255)
    image = to_domain(np.uint8([[[0], [1], [255]]]), maps)
    levels = np.rint(shown(image, maps) * 127.5 + 127.5)
    assert levels.tolist() == [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]
    plain = np.zeros((1, 1, 3), np.float32)
    assert shown(plain, Preparation()) is plain


def test_levels_outside_of_the_range_are_clipped():
    deep = Preparation((1, 2), 1, depth=16, value_range=(100, 1000))
    data, _ = encode_image(np.float32([[[-3], [3]]]), deep)
    from PIL import Image

    assert np.asarray(Image.open(io.BytesIO(data))).tolist() == [[100, 1000]]

"""Detection of label maps by their colours."""

import numpy as np

from kgan.data import label_maps

RNG = np.random.default_rng(7)


def is_map(image):
    return label_maps.label_colours(image) is not None


def test_few_colours_look_like_a_label_map():
    labels = RNG.integers(0, 5, (40, 40, 1), np.uint8) * 50
    assert is_map(labels)
    np.testing.assert_array_equal(
        label_maps.label_colours(labels), [[v] * 3 for v in (0, 50, 100, 150, 200)]
    )
    assert not is_map(RNG.integers(0, 65, (64, 64, 1), np.uint8))
    assert is_map(RNG.integers(0, 64, (64, 64, 1), np.uint8))
    assert not is_map(RNG.integers(0, 256, (8, 8, 3), np.uint8))
    assert not is_map(labels.astype(np.uint16))


def test_palette_is_what_label_maps_have_between_them():
    red, blue = np.array([[255, 0, 0]], np.uint8), np.array([[0, 0, 255]], np.uint8)
    np.testing.assert_array_equal(
        label_maps.common_palette([red, blue, red]), [[0, 0, 255], [255, 0, 0]]
    )
    assert label_maps.common_palette([red, None]) is None
    assert label_maps.common_palette([red, red]) is None
    assert label_maps.common_palette([]) is None
    many = np.stack([np.arange(40, dtype=np.uint8)] * 3, -1)
    assert label_maps.common_palette([many, many + 40]) is None


def test_share_near_a_palette_counts_pixels_within_the_distance():
    palette = np.array([[100, 100, 100], [0, 0, 0]], np.uint8)
    # Distances: 0; 40 (counts); 41; sqrt(3) * 24 = 41.6 from grey.
    row = [[0, 0, 0], [140, 100, 100], [100, 59, 100], [124, 124, 124]]
    assert label_maps.share_near(np.array([row], np.uint8), palette) == 0.5

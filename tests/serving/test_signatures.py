"""Image files inside graphs."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.serving import signatures


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_become_png_files_of_rounded_and_clipped_levels(channels):
    # 127.5 · x + 127.5: −1 → 0, 1 → 255, 0.2 → 153, ±2 are cut off, 0.206 → 153.765 → 154.
    levels = np.float32([[-1, 1], [0.2, 0.206], [-2, 2]])
    images = np.repeat(levels[np.newaxis, :, :, np.newaxis], channels, axis=3)
    files = signatures.encode_png(tf.constant(images)).numpy()
    assert files.shape == (1,)
    assert files[0].startswith(b"\x89PNG")
    read = np.asarray(Image.open(io.BytesIO(files[0]))).reshape(3, 2, channels)
    for channel in range(channels):
        np.testing.assert_array_equal(read[..., channel], [[0, 255], [153, 154], [0, 255]])

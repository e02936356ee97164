"""Files of translations: what is kept in which format."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from kgan.data import decode
from kgan.data.preparation import Preparation
from kgan.generation.answers import AnswerFiles
from kgan.utils.errors import UserError

RAMP = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4, 1)


def written(files, answer, suffix):
    return Image.open(io.BytesIO(files.encode(answer, suffix)))


def test_levels_of_deep_training_data_are_kept_where_the_format_has_them():
    files = AnswerFiles(Preparation(channels=1, depth=16, value_range=(0, 4095)))
    expected = np.rint((RAMP[..., 0] + 1) * 4095 / 2)
    for suffix in (".png", ".tif"):
        image = written(files, RAMP, suffix)
        assert image.mode == "I;16"
        assert np.abs(np.asarray(image) - expected).max() <= 1
    small = written(files, RAMP, ".jpg")
    assert small.mode == "L" and np.abs(np.asarray(small) - (RAMP[..., 0] + 1) * 127.5).max() < 20
    floats = AnswerFiles(Preparation(channels=1, depth=32, value_range=(-2.0, 2.0)))
    assert floats.suffix == ".tif"
    np.testing.assert_allclose(
        np.asarray(written(floats, RAMP, ".tif")), 2 * RAMP[..., 0], atol=1e-6
    )
    png = written(floats, RAMP, ".png")
    assert png.mode == "I;16" and np.asarray(png).max() == 65535


def test_deep_colours_keep_alpha_and_profile_in_every_format_that_has_them():
    answer = np.linspace(-1, 1, 36, dtype=np.float32).reshape(3, 4, 3)
    alpha = Image.fromarray(np.linspace(0, 255, 12, dtype=np.float32).reshape(3, 4))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for depth, limits, suffix in (
        (16, None, ".png"),
        (16, None, ".tif"),
        (32, (-2.0, 2.0), ".tif"),
    ):
        writing = Preparation(channels=3, depth=depth, value_range=limits)
        files = AnswerFiles(writing)
        data = files.encode(answer, suffix, alpha, profile)
        # Read as kgan reads it.
        image = decode.decode(data, "a", deep=True)
        assert image.info["icc_profile"] == profile
        levels = np.stack([np.asarray(plane) for plane in image.planes], axis=-1)
        white = 65535 if depth == 16 else 1
        colours = (answer + 1) * 65535 / 2 if depth == 16 else 2 * answer
        np.testing.assert_allclose(levels[..., :3], colours, atol=0.51 if depth == 16 else 1e-6)
        unit = np.asarray(alpha) / 255
        np.testing.assert_allclose(levels[..., 3] / white, unit, atol=1e-5)
        opaque = decode.decode(files.encode(answer, suffix), "a", deep=True)
        assert len(opaque.planes) == 3 and "icc_profile" not in opaque.info
        # A profile of other channels is left out, and grey with alpha is readable, too.
        grey = AnswerFiles(Preparation(channels=1, depth=depth, value_range=limits))
        found = decode.decode(grey.encode(RAMP, suffix, alpha, profile), "a", deep=True)
        assert len(found.planes) == 4 and "icc_profile" not in found.info
    assert written(AnswerFiles(Preparation(channels=3, depth=16)), answer, ".webp").mode == "RGB"


def test_label_maps_are_written_as_numbers_and_never_with_losses():
    files = AnswerFiles(Preparation(channels=3, nearest=True, encoding="ids", void=255))
    answer = np.float32([[[1, -1, -1], [-1, -1, 1]]])
    assert np.asarray(written(files, answer, ".png")).tolist() == [[0, 2]]
    files.check_suffix(".tif", "--format=tiff")
    for suffix in (".jpg", ".webp"):
        with pytest.raises(UserError, match="^--out=x: the translations are label maps"):
            files.check_suffix(suffix, "--out=x")

"""Sample images of a report."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.reports.pages import a_run, report


def image_of(image):
    kind, _, content = image["src"].partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


def test_twelve_sheets_from_first_to_last_of_which_the_last_is_shown(tmp_path, out):
    # 12 of the 23 from 0 to 220 in tens: each second.
    page = report(a_run(tmp_path, steps=range(0, 230, 10)), out=out)
    images = page.of("img")
    assert [int(image["data-step"]) for image in images] == list(range(0, 230, 20))
    assert ["hidden" in image for image in images] == [True] * 11 + [False]
    for image in images:
        kind, shown = image_of(image)
        assert kind == "data:image/png"
        assert shown.getextrema() == (int(image["data-step"]),) * 2
    # 60x30 pixels, enlarged by a whole number, and crisp.
    assert {(image["width"], image["height"], image["class"]) for image in images} == {
        ("240", "120", "crisp")
    }
    assert "step 220" in page.words("samples")


def test_slider_goes_through_the_steps_of_all_runs(tmp_path, out):
    first = a_run(tmp_path, steps=(0, 20, 40))
    second = a_run(tmp_path, "00002-b", more=("--g_lr=1",), steps=(0, 30))
    (slider,) = report(first, second, out=out).of("input")
    assert slider["data-steps"] == "0,20,30,40"
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "3", "3")


def test_page_of_two_runs_with_large_sheets_stays_small(tmp_path, out):
    run = a_run(tmp_path)
    # Noise is what compresses worst, and slowest: one stands for 24.
    noise = np.random.default_rng(0).integers(0, 256, (1200, 800, 4), np.uint8)
    sheet = run / "samples" / "step-00000001.png"
    Image.fromarray(noise).save(sheet, compress_level=0)
    page = report(run, out=out)
    (image,) = page.of("img")
    assert len(page.text) + 23 * len(image["src"]) < 2.5e6
    kind, shown = image_of(image)
    assert kind == "data:image/jpeg" and "class" not in image
    assert shown.width / shown.height == pytest.approx(800 / 1200, abs=0.01)
    assert int(image["width"]) / int(image["height"]) == pytest.approx(800 / 1200, abs=0.01)

"""A run on two domains, from the command line to its translations."""

import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.plots.grids import to_bytes
from tests.small_runs import command, cyclegan_run, metrics, pix2pix_run, unpaired_folder

SIDE = 48  # images of 16 pixels are shown three times as large


def images(place):
    """Reads a part in its order, as a model takes it."""
    paths = sorted((unpaired_folder() / place).iterdir())
    levels = np.stack([np.asarray(Image.open(path)) for path in paths])
    return (levels / 127.5 - 1).astype(np.float32)


def test_pass_is_one_over_the_larger_domain():
    # 6 of A, 4 of B, one of each a step.
    assert [line["step"] for line in metrics(cyclegan_run(), "epoch")] == [6]


def test_rates_fall_linearly_over_the_second_half():
    rates = [line["d_lr"] for line in metrics(cyclegan_run(), "train")]
    # Steps 0 to 5 of 6, falling from step 3: 1, 1, 1, 1, 2/3, 1/3.
    np.testing.assert_allclose(rates, [2e-4] * 4 + [4e-4 / 3, 2e-4 / 3], rtol=1e-5)


def test_samples_show_test_images_of_both_domains():
    sheet = np.asarray(Image.open(cyclegan_run() / "samples" / "step-00000006.png"))
    # A row for each of three test images, six images in it; 2 pixels between them, 14 above.
    assert sheet.shape == (3 * (SIDE + 2) + 2 + 14, 6 * (SIDE + 2) + 2, 3)
    for column, place in ((0, "testA"), (3, "testB")):
        left = 2 + column * (SIDE + 2)
        shown = sheet[16 : 16 + SIDE : 3, left : left + SIDE : 3]
        np.testing.assert_array_equal(shown, to_bytes(images(place)[0]))


@pytest.mark.parametrize(
    ("direction", "place", "way"),
    [(None, "testA", "AtoB"), ("AtoB", "testA", "AtoB"), ("BtoA", "testB", "BtoA")],
)
def test_folder_is_translated_in_the_direction_asked_for(direction, place, way, tmp_path):
    flags = [f"--run={cyclegan_run()}", f"--input={unpaired_folder()}/{place}"]
    flags += [] if direction is None else [f"--direction={direction}"]
    outcome = command("generate", *flags, f"--out={tmp_path}/out")
    assert outcome.status == 0, outcome
    model = kgan.load(str(cyclegan_run()))
    answers = to_bytes(model.directions[way].translate(images(place)))
    other = {"AtoB": "BtoA", "BtoA": "AtoB"}[way]
    assert (answers != to_bytes(model.directions[other].translate(images(place)))).any()
    files = sorted((tmp_path / "out").glob("*.png"))
    assert [path.name for path in files] == [f"{n}.png" for n in range(len(answers))]
    for path, answer in zip(files, answers, strict=True):
        difference = np.asarray(Image.open(path)).astype(int) - answer
        assert np.abs(difference).max() <= 1


def test_direction_is_refused_where_there_is_one_way_only(tmp_path):
    flags = (f"--run={pix2pix_run()}", f"--input={unpaired_folder()}/testA", "--direction=BtoA")
    outcome = command("generate", *flags, f"--out={tmp_path}/out")
    assert outcome.error_line.startswith("--direction=BtoA: ")
    assert outcome.error_line.endswith("translates in one direction only; remove --direction")

import json
import math
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from kgan.sweeps import comparison, figures
from kgan.sweeps.comparison import Result
from tests.sweeps.fakes import folder, make_grid, rows


@pytest.fixture
def results(finished):
    """The results of the complete sweep."""
    outcomes = json.loads((finished / "sweep.json").read_text())["runs"]
    return [Result.read(cell, f"{finished}/runs", outcomes) for cell in make_grid().cells]


def test_table_contains_mean_and_deviation_over_the_repeats(finished):
    adam = rows(finished)[1]
    # Its two runs log 10 and 11 (the seed) from beginning to end, and 2 seconds at step 20.
    assert float(adam["g_loss_mean"]) == 10.5
    assert float(adam["g_loss_deviation"]) == pytest.approx(0.5 * math.sqrt(2), rel=1e-5)
    assert (adam["seconds"], adam["repeats"], adam["failures"]) == ("2", "2", "0")
    table = (finished / "table.md").read_text()
    assert "| adam | 2 of 2 | 10.5 ± 0.71 | 1 ± 0 | 2.0 | 0 |" in table


def test_command_of_the_table_trains_all_repeats_of_the_cell():
    line = comparison.command(make_grid(more=("--dataset=a b", "--seed=3")).cells[0])
    printed = subprocess.run(
        ["sh", "-c", line.replace("python -m kgan.train", "printf '%s\\n' run")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    first, second = (set(part.splitlines()) for part in printed.split("run\n")[1:])
    shared = {"--model=dcgan", "--dataset=a b", "--g_optimizer=sgd", "--steps=20"}
    assert shared | {"--seed=3"} <= first and shared | {"--seed=4"} <= second


def test_curves_have_a_line_and_a_band_for_each_cell(results):
    figure = figures.plot_curves(results, ["g_loss", "d_loss"])
    panel = figure.axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("steps", "g_loss")
    assert [line.get_ydata().tolist() for line in panel.lines] == [[0.5, 0.5], [10.5, 10.5]]
    heights = panel.collections[1].get_paths()[0].get_extents()
    assert (heights.y0, heights.y1) == pytest.approx((10.5 - 0.5**0.5, 10.5 + 0.5**0.5))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["g_optimizer=sgd", "g_optimizer=adam"]


def test_samples_show_the_last_sheet_of_each_cells_first_repeat(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    outcomes = json.loads((tmp_path / "sweep.json").read_text())["runs"]
    colours = {"sgd": (200, 30, 30), "adam": (30, 30, 200)}
    for optimizer, colour in colours.items():
        for seed, step, drawn in ((0, 5, (0, 90, 0)), (0, 20, colour), (1, 20, (0, 0, 0))):
            path = folder(tmp_path, optimizer, seed) / "samples" / f"step-{step:08d}.png"
            Image.new("RGB", (200, 100), drawn).save(path)
    cells = make_grid().cells
    copied = [Result.read(cell, f"{tmp_path}/runs", outcomes) for cell in cells]
    sheet = np.asarray(figures.sample_sheet(copied))
    for colour in colours.values():
        assert (sheet == colour).all(-1).sum() == 200 * 100
    assert not (sheet == (0, 90, 0)).all(-1).any()

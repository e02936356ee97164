"""What a run of an earlier version did not store of its data."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kgan.cli.parsing import parse_training
from kgan.data.dataset import DataSpec
from kgan.runs.data import whole_spec
from kgan.runs.folder import create_run
from tests.data.folder.images import save


@pytest.fixture
def run(tmp_path):
    """A run on label maps whose dataset.json does not say that they are ones."""
    rng = np.random.default_rng(0)
    for number in range(8):
        maps = Image.fromarray(rng.integers(0, 4, (32, 32), np.uint8))
        maps.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90])
        save(tmp_path / f"pairs/A/train/{number}.png", maps)
        save(tmp_path / f"pairs/B/train/{number}.png", rng.integers(0, 256, (32, 32, 3), np.uint8))
    settings = parse_training(["--model=pix2pix", f"--dataset={tmp_path}/pairs", "--image_size=32"])
    run = create_run(f"{tmp_path}/runs", "old", settings, DataSpec("paired", (32, 32), 3, 3))
    stored = json.loads(run.dataset.read_text())
    for name in ("label_maps", "input_preparation", "preparation"):
        stored.pop(name)
    run.dataset.write_text(json.dumps(stored))
    return run


def test_training_data_decide_whether_inputs_are_label_maps(run):
    spec = whole_spec(run)
    assert spec.label_maps and spec.preparations[0].nearest
    assert len(spec.preparations[0].palette) == 4


def test_flag_decides_where_the_training_data_are_gone_and_a_warning_names_it(run, caplog):
    shutil.rmtree(run.folder.parents[1] / "pairs")
    spec = whole_spec(run)
    assert spec.label_maps is False and not spec.preparations[0].nearest
    assert "give --label_maps or --nolabel_maps" in caplog.text
    assert whole_spec(run, label_maps=True).preparations[0].nearest

"""SavedModels: answers, version numbers, documentation, and nothing half written."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.serving import savedmodel
from kgan.serving.signatures import Signature


def doubling():
    """A network that doubles its input, and its signature."""
    values = keras.Input((2,), name="values")
    dense = keras.layers.Dense(2, use_bias=False, kernel_initializer="identity")
    network = keras.Model(values, dense(values))
    network.set_weights([2 * np.eye(2, dtype=np.float32)])

    def double(given):
        return {"doubled": network(given)}

    spec = tf.TensorSpec([None, 2], tf.float32)
    signature = Signature(double, {"given": spec}, "given float32 [B, 2] -> twice that")
    return {"serving_default": signature}


def test_export_answers_by_input_and_output_name(tmp_path):
    version = savedmodel.write_saved_model(doubling(), tmp_path / "double")
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    for rows in ([[1.0, -3.0]], [[0.5, 0.0], [2.0, 4.0], [0.0, 1.0]]):
        answer = served(given=tf.constant(rows))
        assert set(answer) == {"doubled"}
        np.testing.assert_array_equal(answer["doubled"], 2 * np.float32(rows))


def test_version_follows_the_highest_existing_one(tmp_path):
    folder = tmp_path / "double"
    assert savedmodel.write_saved_model(doubling(), folder) == folder / "1"
    assert savedmodel.write_saved_model(doubling(), folder) == folder / "2"
    (folder / "9").mkdir()
    (folder / "notes.txt").write_text("not a version")
    assert savedmodel.write_saved_model(doubling(), folder) == folder / "10"


def test_signatures_are_documented(tmp_path):
    version = savedmodel.write_saved_model(doubling(), tmp_path / "double")
    document = json.loads((version / "assets.extra" / "signatures.json").read_text())
    assert document == {
        "serving_default": {
            "about": "given float32 [B, 2] -> twice that",
            "inputs": {"given": {"shape": [None, 2], "dtype": "float32"}},
        }
    }


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    def fail(described):
        raise OSError("no space left on device")

    described = doubling()
    savedmodel.write_saved_model(described, tmp_path / "double")
    monkeypatch.setattr(savedmodel, "describe", fail)
    with pytest.raises(OSError, match="no space"):
        savedmodel.write_saved_model(described, tmp_path / "double")
    assert [path.name for path in (tmp_path / "double").iterdir()] == ["1"]


def test_version_folder_is_complete_when_it_appears(tmp_path, monkeypatch):
    # TensorFlow Serving picks a numbered folder up as soon as it sees one.
    seen = []

    def look(described):
        seen.extend(path.name for path in (tmp_path / "double").iterdir())
        return {}

    monkeypatch.setattr(savedmodel, "describe", look)
    savedmodel.write_saved_model(doubling(), tmp_path / "double")
    assert seen
    assert not any(name.isdigit() for name in seen)


def test_each_variable_is_written_once(tmp_path):
    version = savedmodel.write_saved_model(doubling(), tmp_path / "double")
    stored = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    shapes = [shape for shape in stored.get_variable_to_shape_map().values() if shape]
    assert shapes == [[2, 2]]

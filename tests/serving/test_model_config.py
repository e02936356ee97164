"""`models.config` and the requests that warm a model up."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from kgan.serving import model_config, warmup
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.errors import UserError
from tests.models.contracts.model import contract_of


def version(folder, name, number="1"):
    place = folder / name / number
    place.mkdir(parents=True)
    (place / "saved_model.pb").write_bytes(b"")
    return place


def paths(folder):
    text = (folder / "models.config").read_text()
    return [part.partition('"')[0] for part in text.split('base_path: "')[1:]]


def test_all_models_with_a_version_are_listed_and_no_other(tmp_path):
    version(tmp_path, "b")
    version(tmp_path, "a", "12")
    version(tmp_path / "c", "retracted")
    (tmp_path / "d" / "onnx" / "1").mkdir(parents=True)
    model_config.write_model_config(tmp_path)
    assert paths(tmp_path) == ["/models/a", "/models/b"]
    version(tmp_path, "e")
    model_config.write_model_config(tmp_path, "/srv/exports")
    assert paths(tmp_path) == [f"/srv/exports/{name}" for name in "abe"]
    # A root that was given once stays.
    model_config.write_model_config(tmp_path)
    assert paths(tmp_path)[0] == "/srv/exports/a"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["models.config"]


def test_list_that_somebody_else_wrote_is_left_alone(tmp_path):
    version(tmp_path, "a")
    (tmp_path / "models.config").write_text("model_config_list { }\n")
    assert model_config.write_model_config(tmp_path) is None
    assert (tmp_path / "models.config").read_text() == "model_config_list { }\n"
    (tmp_path / "b" / "models.config").mkdir(parents=True)
    assert model_config.write_model_config(tmp_path / "b") is None


def test_model_that_another_process_adds_meanwhile_is_listed(tmp_path, monkeypatch):
    """The other process has written its list before this one, which began earlier."""
    version(tmp_path, "a")
    original, found = model_config.exported_names, []

    def names(folder):
        found.append(original(folder))
        if len(found) == 1:
            version(tmp_path, "b")
        return found[-1]

    monkeypatch.setattr(model_config, "exported_names", names)
    model_config.write_model_config(tmp_path)
    assert paths(tmp_path) == ["/models/a", "/models/b"]


def test_list_is_text_that_tensorflow_serving_parses(tmp_path):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    text_format = pytest.importorskip("google.protobuf.text_format")
    for name in ("plain", 'with "quotes" and spaces', "é"):
        version(tmp_path, name)
    text = model_config.write_model_config(tmp_path).read_text()
    found = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    names = sorted(("plain", 'with "quotes" and spaces', "é"))
    assert sorted(entry.name for entry in found) == names
    assert {entry.model_platform for entry in found} == {"tensorflow"}


def test_every_signature_has_a_request_that_it_answers(tmp_path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    signatures = contract_of("pix2pix")().build().signatures()
    folder = write_saved_model(signatures, tmp_path / "mine", warmup=None)
    records = tf.data.TFRecordDataset(str(folder / "assets.extra" / warmup.FILE))
    served = tf.saved_model.load(str(folder)).signatures
    asked = []
    for record in records.as_numpy_iterator():
        request = logs.PredictionLog.FromString(record).predict_log.request
        asked.append(request.model_spec.signature_name)
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        answer = served[asked[-1]](**inputs)
        assert not np.any(answer.get("errors", tf.constant([b""])).numpy() != b"")
    assert request.model_spec.name == "mine"
    assert sorted(asked) == sorted(signatures)


def test_warming_up_without_its_package_is_refused_where_asked_and_left_out_else(
    tmp_path, monkeypatch
):
    signatures = contract_of("gan")().build().signatures()
    monkeypatch.setattr(warmup.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis.prediction_log_pb2", None)
    folder = write_saved_model(signatures, tmp_path / "mine", warmup=None)
    assert not (folder / "assets.extra" / warmup.FILE).exists()
    with pytest.raises(UserError, match=r"--warmup: .*pip install 'kgan\[serving\]'"):
        write_saved_model(signatures, tmp_path / "mine", warmup=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["1"]

"""Exports of portable signatures as ONNX and LiteRT: answers, refusals and places."""

import json

import numpy as np
import pytest
import tensorflow as tf

from kgan.cli.models import model_names
from kgan.serving import litert, onnx, portable
from kgan.serving.conversion import import_package
from kgan.serving.savedmodel import write_saved_model
from kgan.utils.errors import UserError
from tests.models.contracts.model import changed_model, contract_of

# The others have the networks of one of these.
DIFFERENT = ("cgan", "cyclegan", "dcgan", "flow", "pix2pix", "sngan", "vae")
# With what each format had no counterpart for: random masks, enlarging of maps of unknown size.
HARDEST = {"onnx": ("pix2pix",), "tflite": ("sngan",)}


def signatures_of(model):
    return {k: s for k, s in model.signatures().items() if s.portable is not None}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        *HARDEST.items(),
        *(pytest.param(kind, model_names(), marks=pytest.mark.slow) for kind in HARDEST),
    ],
    ids=["onnx", "tflite", "onnx, all", "tflite, all"],
)
def test_files_answer_as_the_saved_model_for_any_batch(kind, names, tmp_path):
    if kind == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    for name in names:
        model = changed_model(name)
        chosen = signatures_of(model)
        request = portable.Request(kind, tuple(chosen))
        version = portable.write_portable(chosen, tmp_path / name, request)
        assert version == tmp_path / name / kind / "1"
        assert len(portable.written_files(version)) == len(chosen)
        described = json.loads((version / "signatures.json").read_text())["signatures"]
        for signature in chosen:
            data = (version / f"{signature}.{kind}").read_bytes()
            call = onnx.caller(data) if kind == "onnx" else litert.caller(data, signature)
            inputs = chosen[signature].portable(5, None)
            given = {key: tf.constant(value) for key, value in inputs.items()}
            expected = chosen[signature].function(*given.values())["pictures"]
            answer = call(inputs)["pictures"]
            np.testing.assert_allclose(answer, expected, atol=1e-4, err_msg=f"{name} {signature}")
            assert described[signature]["largest_difference_from_saved_model"] <= 1e-4


def test_portable_signatures_have_neither_loops_nor_random_operations_nor_text(tmp_path):
    wrong = ("Random", "TensorList", "While", "Map", "Dataset", "String", "Assert", "Switch")
    for name in ("cgan", "cyclegan", "flow", "pix2pix"):
        model = changed_model(name)
        for key, signature in signatures_of(model).items():
            assert not set(signature.inputs) & {"pictures"}, "an output has that name"
            specs = list(signature.inputs.values())
            graph = tf.function(signature.function).get_concrete_function(*specs).graph
            kinds = {node.op for node in graph.as_graph_def().node}
            for function in graph.as_graph_def().library.function:
                kinds |= {node.op for node in function.node_def}
            assert not [kind for kind in kinds if any(w in kind for w in wrong)], (name, key)


def test_noise_as_an_input_is_the_dropout_of_that_noise():
    model = changed_model("pix2pix")
    signatures = model.signatures()
    plain, noisy = signatures["deterministic"], signatures["from_noise"]
    inputs = noisy.portable(2, None)
    assert list(inputs) == ["images", "noise"]
    images = tf.constant(inputs["images"])
    kept = noisy.function(images, tf.ones_like(inputs["noise"]))["pictures"]
    mixed = noisy.function(images, tf.constant(inputs["noise"]))["pictures"]
    without = plain.function(images)["pictures"]
    # All units kept are twice as large at a rate of ½, which the normalisation after it removes
    # only in part: three different answers.
    assert np.abs(kept - mixed).max() > 1e-3
    assert np.abs(kept - without).max() > 1e-3
    again = noisy.function(images[1:], tf.constant(inputs["noise"][1:]))["pictures"]
    np.testing.assert_allclose(again[0], mixed[1], atol=1e-5)


def test_deterministic_answer_has_no_dropout_and_ignores_the_rest_of_the_batch():
    model = changed_model("pix2pix")
    served = model.signatures()["deterministic"]
    images = tf.constant(served.portable(3, None)["images"])
    answers = served.function(images)["pictures"]
    np.testing.assert_allclose(served.function(images[2:])["pictures"][0], answers[2], atol=1e-5)
    assert np.abs(answers - model.translate(images)).max() > 1e-3


def test_file_that_differs_is_refused_and_not_written(tmp_path, monkeypatch):
    model = changed_model("dcgan")
    caller = litert.caller

    def worse(data, name):
        call = caller(data, name)
        return lambda inputs: {key: value + 2e-4 for key, value in call(inputs).items()}

    monkeypatch.setattr(litert, "caller", worse)
    request = portable.Request("tflite")
    with pytest.raises(UserError, match=r"--format=tflite: deterministic differs .* by 0.0002"):
        portable.write_portable(model.signatures(), tmp_path / "m", request)
    assert list((tmp_path / "m" / "tflite").iterdir()) == []


def test_int8_file_is_smaller_and_says_how_far_it_is_off(tmp_path, monkeypatch):
    monkeypatch.setattr(portable, "CALIBRATION", 8)
    model = contract_of("pix2pix")().build()
    rng = np.random.default_rng(0)
    shape = model.directions[None].image_shape
    examples = {"input": rng.uniform(-1, 1, (9, *shape)).astype(np.float32)}
    versions = []
    for quantize in (None, "int8"):
        request = portable.Request("tflite", ["deterministic"], quantize, examples)
        versions.append(portable.write_portable(model.signatures(), tmp_path, request))
    assert [version.name for version in versions] == ["1", "2"]
    described = json.loads((versions[1] / "signatures.json").read_text())["signatures"]
    about = described["deterministic"]
    assert about["file"] == "deterministic.int8.tflite" and about["calibration_examples"] == 8
    assert 0 < about["largest_difference_from_saved_model"] < 0.5
    size = (versions[0] / "deterministic.tflite").stat().st_size
    assert about["bytes"] < 0.6 * size


def test_missing_package_is_named_with_the_extra_that_has_it():
    with pytest.raises(UserError, match=r"no_such_package.*pip install 'kgan\[onnx\]'"):
        import_package("no_such_package", "--format=onnx", "onnx")


def test_other_formats_do_not_disturb_the_version_numbers_of_saved_models(tmp_path):
    model = changed_model("gan")
    portable.write_portable(model.signatures(), tmp_path, portable.Request("tflite"))
    assert write_saved_model(model.signatures(), tmp_path).name == "1"
    assert [path.name for path in tmp_path.iterdir() if path.name.isdigit()] == ["1"]


def test_unknown_signature_is_refused_with_those_that_there_are():
    signatures = changed_model("gan").signatures()
    with pytest.raises(UserError, match="--signature=from_seeds.*deterministic"):
        portable.choose(signatures, ["from_seeds"])

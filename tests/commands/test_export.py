"""`kgan.export` on runs: what is exported, and where to."""

import json

import numpy as np
import pytest
import tensorflow as tf

import kgan
from tests.small_runs import command, dcgan_run, pix2pix_run, with_other_best


def export(run, place, *arguments):
    """Exports; returns the version's folder that the command printed."""
    outcome = command("export", f"--run={run}", f"--export_dir={place}", *arguments)
    assert (outcome.status, outcome.err) == (0, "")
    (line,) = outcome.out.splitlines()
    return line


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Loaded exports of two runs, by name of the run, and their folder."""
    place = tmp_path_factory.mktemp("exports")
    folders = {run.name[6:]: export(run, place) for run in (dcgan_run(), pix2pix_run())}
    assert folders == {name: f"{place}/{name}/1" for name in ("seeds", "pairs")}
    return {name: tf.saved_model.load(folder) for name, folder in folders.items()}, place


def test_export_generates_the_images_of_the_run(exported):
    served = exported[0]["seeds"].signatures
    model = kgan.load(str(dcgan_run()))
    latents = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    images = served["serving_default"](latents=tf.constant(latents))["pictures"]
    np.testing.assert_allclose(images, model.generate(latents), atol=1e-5)
    seeds = [3, 0, 70_000]
    images = served["from_seeds"](seeds=tf.constant(seeds))["pictures"]
    expected = model.generate(model.latents_from_seeds(seeds))
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_export_translates_like_the_run(exported):
    served = exported[0]["pairs"].signatures
    model = kgan.load(str(pix2pix_run()))
    given = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 3)).astype(np.float32)
    answers = served["serving_default"](pictures=tf.constant(given))["pictures"]
    np.testing.assert_allclose(answers, model.translate(given), atol=1e-5)
    answers = served["with_seed"](pictures=tf.constant(given), seed=tf.constant(9))["pictures"]
    np.testing.assert_allclose(answers, model.translate(given, 9), atol=1e-5)
    # Dropout is live: another seed is another answer.
    assert np.abs(answers - model.translate(given)).max() > 1e-3


def test_all_signatures_are_documented(exported):
    models, place = exported
    for name, model in models.items():
        path = place / name / "1" / "assets.extra" / "signatures.json"
        documented = json.loads(path.read_text())
        assert set(documented) == set(model.signatures)
        assert all(signature["about"] for signature in documented.values())


@pytest.mark.parametrize(
    ("flags", "name", "is_best"),
    [
        (["--checkpoint=auto"], "pairs", True),
        (["--checkpoint=best"], "pairs", True),
        (["--checkpoint=last", "--name=other"], "other", False),
    ],
)
def test_checkpoint_and_name_can_be_chosen(flags, name, is_best, tmp_path, monkeypatch):
    biases = []

    def write(networks, signatures, folder):
        (bias,) = [w for w in networks["generator"].weights if w.path.endswith("transposed/bias")]
        biases.append(np.asarray(bias))
        return folder

    monkeypatch.setattr("kgan.runs.export.write_saved_model", write)
    run = with_other_best(pix2pix_run(), tmp_path)
    assert export(run, tmp_path / "to", *flags) == f"{tmp_path}/to/{name}"
    assert np.allclose(biases, [[0.25, 0.5, -0.75]]) == is_best


def test_other_formats_are_written_beside_the_versions(tmp_path):
    run = pix2pix_run()
    outcome = command(
        "export", f"--run={run}", f"--export_dir={tmp_path}", "--format=tflite", "--quantize=int8"
    )
    assert (outcome.status, outcome.err) == (0, "")
    file = tmp_path / "pairs" / "tflite" / "1" / "deterministic.int8.tflite"
    assert outcome.out.startswith(f"{file}: 0.") and "largest difference" in outcome.out
    document = json.loads((file.parent / "signatures.json").read_text())
    assert document["origin"] == {"run": run.name, "checkpoint": "auto", "step": 8}
    assert document["signatures"]["deterministic"]["image_files"]["size"] == [32, 32]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--quantize=int8"], "--quantize=int8: is for --format=tflite"),
        (["--signature=x"], "--signature=x: a SavedModel has all signatures"),
        (["--format=tflite", "--signature=x"], "--signature=x: is not a portable signature"),
    ],
)
def test_flags_of_other_formats_are_refused_where_they_do_not_fit(flags, message, tmp_path):
    place = f"--export_dir={tmp_path}/to"
    line = command("export", f"--run={dcgan_run()}", place, *flags).error_line
    assert line.startswith(message)
    assert not list((tmp_path).rglob("*.writing"))

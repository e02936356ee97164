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
    """Exports of a run that draws and of one that translates."""
    place = tmp_path_factory.mktemp("exports")
    return {run: export(run, place) for run in (dcgan_run(), pix2pix_run())}


def test_versions_count_on_from_what_is_there(tmp_path):
    run = dcgan_run()
    (tmp_path / "seeds" / "7").mkdir(parents=True)
    (tmp_path / "seeds" / "notes").mkdir()
    assert export(run, tmp_path) == f"{tmp_path}/seeds/8"
    assert export(run, tmp_path, "--name=other") == f"{tmp_path}/other/1"
    assert {p.name for p in (tmp_path / "seeds").iterdir()} == {"7", "8", "notes"}


def test_export_draws_what_the_model_of_the_run_draws(exported):
    served = tf.saved_model.load(exported[dcgan_run()]).signatures
    model = kgan.load(str(dcgan_run()))
    latents = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    images = served["serving_default"](latents=tf.constant(latents))["pictures"]
    np.testing.assert_allclose(images, model.generate(latents), atol=1e-5)
    seeds = [3, 0, 70_000]
    images = served["from_seeds"](seeds=tf.constant(seeds))["pictures"]
    expected = model.generate(model.latents_from_seeds(seeds))
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_export_translates_as_the_model_of_the_run_does(exported):
    served = tf.saved_model.load(exported[pix2pix_run()]).signatures
    model = kgan.load(str(pix2pix_run()))
    given = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 3)).astype(np.float32)
    answers = served["serving_default"](pictures=tf.constant(given))["pictures"]
    np.testing.assert_allclose(answers, model.translate(given), atol=1e-5)
    answers = served["with_seed"](pictures=tf.constant(given), seed=tf.constant(9))["pictures"]
    np.testing.assert_allclose(answers, model.translate(given, 9), atol=1e-5)
    # Dropout is live: another seed is another answer.
    assert np.abs(answers - model.translate(given)).max() > 1e-3


def test_signatures_are_documented_beside_the_model(exported):
    for folder in exported.values():
        with open(f"{folder}/assets.extra/signatures.json") as file:
            documented = json.load(file)
        assert set(documented) == set(tf.saved_model.load(folder).signatures)
        assert all(signature["about"] for signature in documented.values())


@pytest.mark.parametrize(("which", "is_best"), [("auto", True), ("best", True), ("last", False)])
def test_checkpoint_can_be_chosen(which, is_best, tmp_path, monkeypatch):
    biases = []

    def write(networks, signatures, folder):
        (bias,) = [w for w in networks["generator"].weights if w.path.endswith("transposed/bias")]
        biases.append(np.asarray(bias))
        return folder

    monkeypatch.setattr("kgan.runs.export.write_saved_model", write)
    run = with_other_best(pix2pix_run(), tmp_path)
    assert export(run, tmp_path / "to", f"--checkpoint={which}") == f"{tmp_path}/to/pairs"
    assert np.allclose(biases, [[0.25, 0.5, -0.75]]) == is_best

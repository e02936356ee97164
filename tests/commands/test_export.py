"""`kgan.export` on runs: what is exported, and where to."""

import json
import shutil
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.runs.export import _decide, export_run
from kgan.runs.folder import Run
from kgan.runs.restore import load_run
from kgan.serving import versions
from tests.small_runs import command, copy_of, dcgan_run, metrics, pix2pix_run, with_other_best


def export(run, place, *arguments):
    """Exports; returns the version's folder that the command printed."""
    outcome = command("export", f"--run={run}", f"--export_dir={place}", *arguments)
    assert (outcome.status, outcome.err) == (0, "")
    folder, message = outcome.out.splitlines()
    assert message.startswith("published as version")
    return folder


def write_record_only(signatures, folder, record, *others):
    """Takes the place of `write_saved_model`, without a SavedModel, which takes seconds."""
    with versions.new_version(folder) as place:
        place.mkdir()
        (place / "saved_model.pb").write_text("")
        versions.write_record(place, record)
        return versions.add(place, folder)


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

    def load(*arguments):
        model = load_run(*arguments)
        weights = model.networks["generator"].weights
        (bias,) = [w for w in weights if w.path.endswith("transposed/bias")]
        biases.append(np.asarray(bias))
        return model

    monkeypatch.setattr("kgan.runs.export.load_run", load)
    monkeypatch.setattr("kgan.runs.export.write_saved_model", write_record_only)
    run = with_other_best(pix2pix_run(), tmp_path)
    assert export(run, tmp_path / "to", *flags) == f"{tmp_path}/to/{name}/1"
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
        (["--name=../other"], "--name=../other: must have letters"),
        (["--name=a/b"], "--name=a/b: must have letters"),
        (["--name="], "--name=: must have letters"),
        ([f"--name={'n' * 201}"], "--name=nnnnnnnnnnnnnnnnnnnn…: must have at most 200"),
        (["--format=tflite", "--signature=x"], "--signature=x: is not a portable signature"),
    ],
)
def test_flags_of_other_formats_are_refused_where_they_do_not_fit(flags, message, tmp_path):
    place = f"--export_dir={tmp_path}/to"
    line = command("export", f"--run={dcgan_run()}", place, *flags).error_line
    assert line.startswith(message)
    assert not list((tmp_path).rglob("*.writing"))


def test_version_records_where_it_comes_from(exported):
    _, place = exported
    record = versions.read_record(place / "pairs" / "1")
    (line,) = [x for x in metrics(pix2pix_run(), "validation") if x["step"] == record["step"]]
    known = {"name": "val_l1", "value": line["val_l1"], "lower_is_better": True}
    assert record["metric"] == {**known, "dataset": "small_pairs"}
    assert record["metrics"]["val_l1"] == line["val_l1"]
    assert (record["run"], record["model"]) == (pix2pix_run().name, "pix2pix")
    assert (record["checkpoint"], record["kgan"]) == ("best.safetensors", kgan.__version__)
    assert versions.read_record(place / "seeds" / "1")["metric"] is None


def test_worse_version_is_published_on_purpose_only_and_can_be_taken_back(tmp_path, monkeypatch):
    """A record is changed here to be that of a better version."""
    monkeypatch.setattr("kgan.runs.export.load_run", lambda *_: mock.Mock())
    monkeypatch.setattr("kgan.runs.export.write_saved_model", write_record_only)
    run, place = copy_of(pix2pix_run(), tmp_path), tmp_path / "to"
    flags = f"--run={run}", f"--export_dir={place}"
    export(run, place)
    version = place / "pairs" / "1"
    record = versions.read_record(version)
    record["metric"]["value"] /= 2
    versions.write_record(version, record)

    line = command("export", *flags, "--publish").error_line
    assert line.startswith("--publish=better: val_l1 ") and "version 1 has" in line
    folder, message = command("export", *flags, "--publish=auto").out.splitlines()
    assert folder == f"{run}/export/1" and message.startswith("not published (val_l1")
    assert (run / "export" / "1" / "saved_model.pb").exists()
    # The run folder keeps the latest one only.
    command("export", *flags, "--publish", "never")
    assert [path.name for path in (run / "export").iterdir()] == ["2"]
    assert [path.name for path in (place / "pairs").iterdir()] == ["1"]

    assert export(run, place, "--publish=always") == f"{place}/pairs/2"
    # A path, as a shell completes it, is taken, too.
    outcome = command("export", f"--retract={place}/pairs/2/", f"--export_dir={place}")
    assert outcome.out.splitlines()[0] == f"{place}/pairs/retracted/2"
    assert "version 1 is served now" in outcome.out
    assert versions.served_version(place / "pairs") == version
    # The same version again, from a copy: the one that was taken back is not overwritten.
    shutil.copytree(place / "pairs" / "retracted" / "2", place / "pairs" / "2")
    line = command("export", "--retract=pairs/2", f"--export_dir={place}").error_line
    assert f"{place}/pairs/retracted/2 is there already" in line
    shutil.rmtree(place / "pairs" / "2")
    line = command("export", "--retract=pairs/2", f"--export_dir={place}").error_line
    assert line.endswith("which has pairs/1 (taken back before: pairs/2)")
    # A server that has seen version 2 never takes another one for it.
    assert export(run, place, "--publish=always") == f"{place}/pairs/3"


@pytest.mark.parametrize(
    "what", ["other", "pairs/7", "", "..", "pairs/../1", "pairs/retracted", "/"]
)
def test_version_that_is_not_there_is_not_taken_back(what, exported, tmp_path):
    _, place = exported
    outcome = command("export", f"--retract={what}", f"--export_dir={place}")
    line = outcome.error_line
    assert line.startswith(("--retract=", "--run is missing"))
    assert (place / "pairs" / "1").is_dir()


@pytest.mark.parametrize(
    ("ours", "theirs", "publish", "expected"),
    [
        (0.3, None, "auto", False),
        (0.3, None, "better", True),
        (0.3, 0.4, "auto", True),
        (0.3, 0.3, "auto", False),
        (0.3, 0.3, "better", True),
        (0.3, 0.2, "better", False),
        (0.3, 0.2, "always", True),
        (0.3, 0.9, "never", False),
    ],
)
def test_served_version_is_replaced_by_a_better_one(ours, theirs, publish, expected, tmp_path):
    def metric(value, **changes):
        known = {"name": "fid", "lower_is_better": True, "dataset": "a"}
        return value and {**known, "value": value, **changes}

    version = tmp_path / "1"
    version.mkdir()
    versions.write_record(version, {"metric": metric(theirs)})
    assert _decide({"metric": metric(ours)}, version, publish)[0] == expected
    assert _decide({"metric": metric(ours)}, None, publish)[0] == (publish != "never")
    other = {"metric": metric(ours, dataset="b")}
    assert _decide(other, version, publish)[0] == (publish in ("better", "always"))


def test_what_was_exported_is_not_exported_again_by_itself_nor_published_after_it_was_taken_back(
    tmp_path, monkeypatch
):
    """What ends a training does so, also that of a run which is resumed at its end."""
    monkeypatch.setattr("kgan.runs.export.load_run", lambda *_: mock.Mock())
    monkeypatch.setattr("kgan.runs.export.write_saved_model", write_record_only)
    run, place = Run(copy_of(pix2pix_run(), tmp_path)), tmp_path / "to"

    def end(publish="auto"):
        done = export_run(run, str(place), "pairs", publish=publish, refuses=False)
        return str(done.folder), done.message

    assert end() == (f"{place}/pairs/1", mock.ANY)
    for publish in ("auto", "better", "never"):
        folder, message = end(publish)
        assert folder == f"{place}/pairs/1" and message.startswith("exported before; ")
    assert end("always")[0] == f"{place}/pairs/2"
    for _ in range(2):
        command("export", "--retract=pairs", f"--export_dir={place}")
    folder, message = end()
    assert folder == f"{run.folder}/export/1"
    assert message.startswith("not published (version 1, the same, was taken back)")
    assert end()[1].startswith("exported before")
    assert end("better")[0] == f"{place}/pairs/3"  # on purpose

"""What an earlier kgan left on a disk goes on working: see tools/freeze.py, which made it.

Run folders and `.keras` files outlive the code that wrote them. Those in tests/frozen are not
made anew when a test here fails: what is broken is the code.
"""

import hashlib
import importlib
import importlib.metadata
import json
import pathlib
import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

import kgan
from tests.small_runs import command, metrics

FROZEN = pathlib.Path(__file__).parent / "frozen"
MODELS = sorted(path.parent.name for path in FROZEN.glob("*/model.keras"))
RESUMED = ("dcgan", "wgan", "wgan_gp", "sngan", "vae", "pix2pix", "cyclegan")
END = 4
# On another machine sums are rounded otherwise: without oneDNN and on one thread no weight was off
# by more than 3e-7, while half of them move by 7e-5 and more in these two steps. A weight whose
# gradient is nothing but rounding may go the other way, by two steps of Adam at most.
ROUNDING, LEAST_AGREEING, FARTHEST = 1e-5, 0.98, 0.005


def import_model(name):
    """Imports what a `.keras` file names: the one place that knows where models are."""
    importlib.import_module(f"kgan.models.{name}")


def machine() -> dict[str, str]:
    """Tells what the bits of a training depend on beside kgan."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"cpu_flags_sha256": hashlib.sha256(flags.encode()).hexdigest(), **versions}


def answers(model, asked) -> dict[str, np.ndarray]:
    """Gives what a model answers to stored questions, by the name of the way that it answers."""
    if hasattr(model, "latents_from_seeds"):
        conditions = [asked["conditions"]] if "conditions" in asked else []
        return {"drawn": model.generate(model.latents_from_seeds(asked["seeds"]), *conditions)}
    if hasattr(model, "translate"):
        return {"translated": model.translate(asked["given"], asked["seeds"])}
    return {way: model.directions[way].translate(asked["given"]) for way in ("AtoB", "BtoA")}


def assert_answers(model, name):
    """Holds a model's step and answers against the stored ones."""
    with np.load(FROZEN / name / "answers.npz") as stored:
        parts = {kind: {} for kind in ("asked", "answered")}
        for key in set(stored.files) - {"step"}:
            kind, _, what = key.partition("/")
            parts[kind][what] = stored[key]
        step = int(stored["step"])
    assert model.completed_steps == step
    found = answers(model, parts["asked"])
    assert found.keys() == parts["answered"].keys() and found
    for what, expected in parts["answered"].items():
        np.testing.assert_allclose(found[what], expected, atol=1e-5, rtol=0, err_msg=what)


def frozen_run(name):
    return FROZEN / name / f"00001-{name}"


@pytest.fixture
def copied(tmp_path):
    """Gives a function that copies a frozen run, since commands write into it."""
    return lambda name: pathlib.Path(shutil.copytree(frozen_run(name), tmp_path / f"00001-{name}"))


@pytest.fixture
def determinism_off(monkeypatch):
    """Ignores the `--deterministic` of a frozen run, which TensorFlow cannot switch off again.

    On a CPU the bits of these small runs are the same without it.
    """
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)


def test_something_of_each_kind_is_frozen():
    assert {"dcgan", "wgan", "cdcgan", "vae", "flow", "pix2pix", "cyclegan"} <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_run_folder_and_keras_file_load_with_their_optimizers(name):
    original = kgan.load(str(frozen_run(name)))
    assert_answers(original, name)
    import_model(name)
    model = keras.models.load_model(FROZEN / name / "model.keras")
    assert_answers(model, name)
    assert model.optimizers.keys() == original.optimizers.keys() and model.optimizers
    for player, optimizer in original.optimizers.items():
        loaded = model.optimizers[player].variables
        assert len(loaded) == len(optimizer.variables) > 2
        for variable, other in zip(loaded, optimizer.variables, strict=True):
            np.testing.assert_array_equal(variable, other, err_msg=f"{player}: {variable.path}")


@pytest.mark.parametrize("name", RESUMED)
def test_stopped_run_goes_on_to_the_same_weights(name, copied, determinism_off):
    run = copied(name)
    before = metrics(run)
    flags = [f"--steps={END}", "--noevaluate", "--noexport"]
    if "--lr_schedule=constant" not in (run / "flags.cfg").read_text():
        # When the expected weights were made, rates fell to the new end without being asked.
        flags.append(f"--lr_schedule_length={END}")
    outcome = command("train", f"--resume={run}", *flags)
    assert outcome.status == 0, outcome
    assert f"resumed at step 2 of {END}" in outcome.out

    lines = metrics(run)
    assert lines[: len(before)] == before
    places = [(line["kind"], line["step"]) for line in lines]
    assert len(set(places)) == len(places)
    assert [step for kind, step in places if kind == "train"] == list(range(1, END + 1))

    found = load_file(run / "checkpoints" / f"step-{END:08d}.safetensors")
    expected = load_file(FROZEN / name / "expected.safetensors")
    assert expected.keys() <= found.keys()
    same_machine = machine() == json.loads((FROZEN / "machine.json").read_text())
    off = {key: np.abs(found[key] - array) for key, array in expected.items()}
    if same_machine:
        assert not [key for key, difference in off.items() if difference.any()]
    together = np.concatenate([difference.ravel() for difference in off.values()])
    assert np.mean(together < ROUNDING) > LEAST_AGREEING and together.max() < FARTHEST


@pytest.mark.parametrize("name", ("dcgan", "pix2pix"))
def test_run_is_measured_again(name, copied):
    run = copied(name)
    (path,) = run.glob("metrics-*.jsonl")
    (before,) = [json.loads(line) for line in path.read_text().splitlines()]
    outcome = command("evaluate", f"--run={run}", "--count=1000")
    assert outcome.status == 0, outcome
    # A line of the same checkpoint is written over: what was measured then is measured now.
    (after,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert after.keys() == before.keys()
    for key in set(before) - {"time", "seconds"}:
        if isinstance(before[key], float):
            # Some count images: rounding may put one of 100 elsewhere.
            assert after[key] == pytest.approx(before[key], rel=0.01, abs=0.01), key
        else:
            assert after[key] == before[key], key


def test_report_shows_all_of_them_on_one_page(copied, tmp_path):
    runs = [copied(name) for name in MODELS]
    page = tmp_path / "page.html"
    outcome = command("report", *(f"--run={run}" for run in runs), f"--out={page}")
    assert outcome.status == 0, outcome
    text = page.read_text()
    assert all(run.name in text for run in runs)


def test_doctor_finds_nothing_wrong(copied, tmp_path):
    outcome = command("doctor", f"--run={copied('dcgan')}", f"--runs_dir={tmp_path}")
    of_run = outcome.out.partition(" run ")[2]
    assert re.search(r"step-00000002\.safetensors +whole, step 2\n", of_run), outcome
    assert "WRONG" not in of_run

"""Commands and functions that are called in a process leave its global settings as they are."""

import functools
import pathlib

import keras
import numpy as np
import pytest

import kgan
from kgan.metrics import digit_network
from kgan.utils.errors import UserError
from tests.small_runs import DCGAN, command, shared_folder, train_in


@functools.cache
def half_precision_run() -> pathlib.Path:
    """Trains a run in mixed precision, with an average of weights."""
    flags = ("--precision=mixed_bfloat16", "--steps=2", "--noexport", "--ema_half_life=8")
    return train_in(shared_folder() / "half", *DCGAN, *flags)


def global_state():
    return (
        keras.config.dtype_policy().name,
        keras.config.floatx(),
        keras.config.backend(),
        str(np.random.get_state()),
    )


CALLS = {
    "load": lambda run, folder: kgan.load(str(run)),
    "evaluate": lambda run, folder: command("evaluate", f"--run={run}", "--count=100"),
    "generate": lambda run, folder: command("generate", f"--run={run}", f"--out={folder}/images"),
    "export": lambda run, folder: command("export", f"--run={run}", f"--export_dir={folder}"),
}


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_called_on_a_run_leaves_global_settings(name, policy, tmp_path):
    run = half_precision_run()
    keras.config.set_dtype_policy(policy)
    before = global_state()
    outcome = CALLS[name](run, tmp_path)
    assert getattr(outcome, "status", 0) == 0, outcome
    assert global_state() == before


def test_run_that_cannot_be_loaded_leaves_the_policy(tmp_path, monkeypatch):
    run = half_precision_run()

    def refuse(*_):
        raise UserError("damaged")

    monkeypatch.setattr("kgan.runs.checkpoint.restore", refuse)
    with pytest.raises(UserError, match="damaged"):
        kgan.load(str(run))
    assert keras.config.dtype_policy().name == "float32"


def test_training_leaves_the_policy(tmp_path):
    train_in(tmp_path, *DCGAN, "--precision=mixed_bfloat16", "--steps=1", "--noexport")
    assert keras.config.dtype_policy().name == "float32"


def test_loaded_model_has_the_precision_of_its_run_under_any_policy():
    found = []
    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        model = kgan.load(str(half_precision_run()))
        assert model.generator.dtype_policy.name == "mixed_bfloat16"
        assert model.sampler.dtype_policy.name == "mixed_bfloat16"
        found.append(model.generate(model.latents_from_seeds([1, 2])))
    np.testing.assert_array_equal(*found)


def test_networks_that_measure_are_exact_under_any_policy():
    keras.config.set_dtype_policy("mixed_float16")
    digit_network.load.cache_clear()
    try:
        network, _ = digit_network.load()
        assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    finally:
        digit_network.load.cache_clear()

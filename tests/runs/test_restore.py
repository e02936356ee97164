import contextlib
import pathlib
import shutil
import sys
from unittest import mock

import keras
import numpy as np
import pytest

import kgan
from kgan.cli.models import build_model
from kgan.runs import checkpoint
from kgan.runs.folder import Run, open_run
from kgan.training import loop
from kgan.utils.errors import UserError
from tests.small_runs import (
    DCGAN,
    command,
    copy_of,
    dcgan_run,
    pairs_folder,
    pix2pix_run,
    train_in,
    with_other_best,
)


@pytest.fixture
def copy(tmp_path):
    """A copy of a small run, into which a test may write."""
    return copy_of(dcgan_run(), tmp_path)


def change_flags(folder, *changes, more=""):
    flags = (folder / "flags.cfg").read_text()
    for old, new in changes:
        assert old in flags
        flags = flags.replace(old, new)
    (folder / "flags.cfg").write_text(flags + more)


def refusal(folder):
    with pytest.raises(UserError) as error:
        kgan.load(str(folder))
    return str(error.value)


def test_run_is_loaded_by_whatever_the_command_line_takes(monkeypatch, tmp_path):
    run = dcgan_run()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / run.name).symlink_to(run)
    monkeypatch.chdir(tmp_path)
    loaded = []
    monkeypatch.setattr("kgan.runs.restore.load_run", lambda folder, which: loaded.append(folder))
    for name in (run, str(run), "latest", str(int(run.name[:5])), "seeds"):
        kgan.load(name)
    assert {str(pathlib.Path(folder).resolve()) for folder in loaded} == {str(run)}
    assert "no run in runs is meant by this" in refusal("none")


def test_loaded_model_generates_what_the_trained_one_generated_at_the_end(tmp_path):
    built = []

    def build(*arguments):
        built.append(build_model(*arguments))
        return built[-1]

    with mock.patch.object(loop, "build_model", build):
        folder = train_in(tmp_path, *DCGAN, "--steps=3", "--noexport", "--seed=5")
    (trained,) = built
    loaded = kgan.load(str(folder))
    latents = trained.latents_from_seeds(np.arange(6))
    images = trained.generate(latents)
    np.testing.assert_allclose(loaded.generate(latents), images, atol=1e-6)
    np.testing.assert_array_equal(loaded.latents_from_seeds(np.arange(6)), latents)
    scores = [np.asarray(m.discriminator(images, training=False)) for m in (trained, loaded)]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-6)
    assert loaded.completed_steps == 3


def test_loaded_model_is_not_the_untrained_one():
    run = open_run(str(dcgan_run()))
    untrained = build_model(run.settings(), run.spec())
    trained = kgan.load(str(run.folder))
    latents = trained.latents_from_seeds([0, 1])
    assert np.abs(trained.generate(latents) - untrained.generate(latents)).max() > 1e-3


unpickling_is_refused = False


def refuse_pickle(event, arguments):
    if unpickling_is_refused and event == "pickle.find_class":
        raise RuntimeError(f"unpickled {arguments}")


@contextlib.contextmanager
def without_pickle(added=[]):  # noqa: B006  a hook stays as long as the process, so it is added once
    global unpickling_is_refused
    if not added:
        sys.addaudithook(refuse_pickle)
        added.append(True)
    unpickling_is_refused = True
    try:
        yield
    finally:
        unpickling_is_refused = False


def layers_of(layer):
    """Lists a layer and all layers in it."""
    return [layer, *(inner for child in getattr(layer, "layers", ()) for inner in layers_of(child))]


@pytest.mark.parametrize("run", [dcgan_run, pix2pix_run])
def test_run_and_its_keras_files_load_without_pickle_or_lambda_layers(run, tmp_path):
    rng = np.random.default_rng(0)
    folder = str(run())
    with without_pickle():
        networks = kgan.load(folder).networks
        assert sorted(networks) == ["discriminator", "generator"]
        for name, network in networks.items():
            network.save(tmp_path / f"{name}.keras")
            loaded = keras.models.load_model(tmp_path / f"{name}.keras", safe_mode=True)
            classes = {type(layer).__name__ for layer in layers_of(loaded)}
            assert len(classes) > 1 and "Lambda" not in classes
            inputs = [
                rng.integers(0, 9, (2, *spec.shape[1:])).astype(spec.dtype)
                for spec in network.inputs
            ]
            inputs = inputs if len(inputs) > 1 else inputs[0]
            outputs = [np.asarray(n(inputs, training=False)) for n in (network, loaded)]
            np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-6)


def test_best_checkpoint_is_loaded_unless_the_last_is_requested(tmp_path):
    folder = str(with_other_best(pix2pix_run(), tmp_path))
    name = "generator/to_picture_transposed/bias"
    auto, best, last = (
        np.asarray(kgan.load(folder, which).state()[name]) for which in ("auto", "best", "last")
    )
    np.testing.assert_array_equal(auto, np.float32([0.25, 0.5, -0.75]))
    np.testing.assert_array_equal(best, auto)
    assert np.abs(last - auto).min() > 0.1


def test_best_checkpoint_holds_nothing_that_only_further_training_needs():
    run = Run(pix2pix_run())
    best, last = (set(checkpoint.read(path)[0]) for path in (run.best, run.latest()))
    left_out = last - best
    assert {name.partition("/")[0] for name in left_out} == {"g_optimizer", "d_optimizer"}
    assert left_out == kgan.load(str(run.folder)).training_state() and best < last
    # Adam keeps two numbers of each weight.
    assert run.best.stat().st_size < 0.45 * run.latest().stat().st_size


def test_last_checkpoint_is_loaded_where_no_best_is_kept(copy):
    # The folder of a run may be moved.
    folder = str(copy)
    assert kgan.load(folder).completed_steps == kgan.load(folder, "last").completed_steps == 10
    with pytest.raises(UserError, match="--checkpoint=best"):
        kgan.load(folder, "best")


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "no header"])
def test_damaged_checkpoint_is_refused_and_an_older_one_loads_without_it(damage, copy):
    path = Run(copy).latest()
    content = path.read_bytes()
    path.write_bytes(
        {
            "torn": content[: len(content) // 2],
            "changed": content[:-40] + b"\x07" * 40,
            "empty": b"",
            "no header": b"\xff" * 64,
        }[damage]
    )
    line = command("generate", f"--run={copy}", "--seeds=0").error_line
    assert str(path) in line and "older" in line
    assert not (copy / "seeds.png").exists()
    if damage == "torn":
        path.unlink()
        assert kgan.load(str(copy)).completed_steps == 8


def test_checkpoint_of_other_settings_is_refused_by_every_command(copy):
    change_flags(copy, ("--width=4", "--width=5"))
    path = Run(copy).latest()
    line = refusal(copy)
    assert line == f"{path}: made with --width=4, this run has --width=5; the settings differ"
    lines = (copy / "metrics.jsonl").read_text()
    for name, flag in (("train", "--resume"), ("generate", "--run"), ("export", "--run")):
        outcome = command(name, f"{flag}={copy}")
        assert outcome.status == 2 and outcome.err == f"error: {line}\n"
    assert (copy / "metrics.jsonl").read_text() == lines


def test_every_setting_that_differs_is_named(copy):
    changes = [("--gan_loss=bce", "--gan_loss=minimax"), ("--seed=0", "--seed=1")]
    change_flags(copy, *changes, more="--flip\n")
    assert (
        "made with no --flip --seed=0 --gan_loss=bce, "
        "this run has --flip --seed=1 --gan_loss=minimax; " in refusal(copy)
    )


def test_checkpoint_of_another_model_is_refused(copy):
    path = Run(copy).latest()
    shutil.copy(Run(pix2pix_run()).latest(), path)
    assert refusal(copy) == f"{path} is a checkpoint of pix2pix, this run is of dcgan"


def test_length_place_and_devices_of_a_run_may_differ(copy):
    change_flags(copy, more="--steps=99\n--name=b\n--runs_dir=c\n--strategy=mirrored\n")
    assert kgan.load(str(copy)).completed_steps == 10


def test_dataset_may_have_been_moved_and_renamed(tmp_path):
    folder = copy_of(pix2pix_run(), tmp_path)
    change_flags(folder, (str(pairs_folder()), "/moved/others"))
    assert kgan.load(str(folder)).completed_steps > 0


def rewrite(folder, change, monkeypatch, version):
    """Writes a run's last checkpoint again with another header and format version."""
    path = Run(folder).latest()
    arrays, header = checkpoint.read(path)
    header.pop("format_version")
    change(header)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT_VERSION", version)
        checkpoint.write(path, arrays, header)
    return path


def test_checkpoint_older_than_a_flag_is_read(copy, monkeypatch):
    rewrite(copy, lambda header: header["settings"].pop("on_collapse"), monkeypatch, 2)
    assert kgan.load(str(copy)).completed_steps == 10


def test_checkpoint_of_a_newer_kgan_is_refused_and_not_replaced_by_an_older_one(copy, monkeypatch):
    path = rewrite(copy, lambda header: None, monkeypatch, 3)
    line = command("train", f"--resume={copy}", "--steps=12").err
    assert line == f"error: {path}: format version 3, this kgan reads 2\n"

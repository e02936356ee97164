import json
import shutil
import subprocess
import sys
from unittest import mock

import keras
import numpy as np
import pytest

import kgan
from kgan.cli import settings
from kgan.data.dataset import DataSpec
from kgan.models import dcgan
from kgan.runs import checkpoint
from kgan.runs.folder import Run, create_run, open_run
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

SPEC = DataSpec("labelled", (16, 24), 1, 3, ("cat", "dog"))


@pytest.fixture
def resolved():
    return settings.parse(["--model=dcgan", "--width=4", "--noexport"])


def test_folders_are_numbered_from_one(tmp_path, resolved):
    parent = tmp_path / "new" / "runs"
    folders = [create_run(str(parent), "digits", resolved, SPEC).folder for _ in range(3)]
    assert [folder.name for folder in folders] == ["00001-digits", "00002-digits", "00003-digits"]


def test_number_follows_the_highest_whatever_else_lies_there(tmp_path, resolved):
    for name in ("00007-old", "notes", "3", "-8", "x00009-y"):
        (tmp_path / name).mkdir()
    (tmp_path / "00008-a-file").write_text("counts too")
    assert create_run(str(tmp_path), "new", resolved, SPEC).folder.name == "00009-new"


def test_number_that_another_run_takes_in_between_is_skipped(tmp_path, resolved):
    make = type(tmp_path).mkdir
    taken = []

    def slow(path, *args, **kwargs):
        if path.name.startswith("00001") and not taken:
            taken.append(path)
            make(path)
        make(path, *args, **kwargs)

    with mock.patch.object(type(tmp_path), "mkdir", slow):
        run = create_run(str(tmp_path), "digits", resolved, SPEC)
    assert run.folder.name == "00002-digits"


def test_new_folder_holds_flags_data_and_places_for_the_rest(tmp_path, resolved):
    run = create_run(str(tmp_path), "digits", resolved, SPEC)
    assert run.flags.read_text() == settings.flagfile_text(resolved)
    assert json.loads((run.folder / "dataset.json").read_text())["channels"] == 1
    for folder in (run.tensorboard, run.samples, run.checkpoints):
        assert folder.is_dir() and folder.parent == run.folder


def test_settings_and_spec_come_back_as_they_were(tmp_path, resolved):
    run = open_run(str(create_run(str(tmp_path), "digits", resolved, SPEC).folder))
    assert run.spec() == SPEC
    back = run.settings()
    assert settings.flagfile_text(back) == settings.flagfile_text(resolved)
    assert (back.width, back.export) == (4, False)


def test_name_is_the_folder_without_its_number(tmp_path):
    assert Run(tmp_path / "00012-my-3-runs").name == "my-3-runs"


def test_latest_is_the_highest_step_and_not_the_newest_file(tmp_path, resolved):
    run = create_run(str(tmp_path), "digits", resolved, SPEC)
    with pytest.raises(UserError, match="no checkpoint"):
        run.latest()
    for step in (900, 1000, 99, 100_000_000):
        checkpoint.step_path(run.checkpoints, step).write_text("")
    assert run.latest().name == "step-100000000.safetensors"


@pytest.mark.parametrize("missing", ["flags.cfg", "dataset.json"])
def test_folder_that_lacks_a_part_of_a_run_is_refused(missing, tmp_path, resolved):
    run = create_run(str(tmp_path), "digits", resolved, SPEC)
    (run.folder / missing).unlink()
    with pytest.raises(UserError, match=f"no {missing} there"):
        open_run(str(run.folder))


def test_loaded_model_draws_what_the_trained_one_drew_at_the_end(tmp_path):
    built = []

    def build(*arguments, original=dcgan.build):
        built.append(original(*arguments))
        return built[-1]

    with mock.patch.object(dcgan, "build", build):
        folder = train_in(tmp_path, *DCGAN, "--steps=3", "--noexport", "--seed=5")
    (trained,) = built
    loaded = kgan.load(str(folder))
    latents = trained.latents_from_seeds(np.arange(6))
    drawn = trained.generate(latents)
    np.testing.assert_allclose(loaded.generate(latents), drawn, atol=1e-6)
    np.testing.assert_array_equal(loaded.latents_from_seeds(np.arange(6)), latents)
    scores = [np.asarray(m.discriminator(drawn, training=False)) for m in (trained, loaded)]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-6)
    assert loaded.completed_steps == 3


def test_loaded_model_is_not_the_untrained_one():
    folder = dcgan_run()
    resolved = open_run(str(folder)).settings()
    untrained = resolved.scheme.build(resolved, open_run(str(folder)).spec())
    trained = kgan.load(str(folder))
    latents = trained.latents_from_seeds([0, 1])
    assert np.abs(trained.generate(latents) - untrained.generate(latents)).max() > 1e-3


def test_loaded_networks_save_as_keras_files(tmp_path):
    for folder in (dcgan_run(), pix2pix_run()):
        for name, network in kgan.load(str(folder)).networks.items():
            network.save(tmp_path / f"{name}.keras")
            again = keras.models.load_model(tmp_path / f"{name}.keras")
            rng = np.random.default_rng(0)
            inputs = [
                rng.integers(0, 9, (2, *spec.shape[1:])).astype(spec.dtype)
                for spec in network.inputs
            ]
            inputs = inputs if len(inputs) > 1 else inputs[0]
            answers = [np.asarray(n(inputs, training=False)) for n in (network, again)]
            np.testing.assert_allclose(answers[1], answers[0], atol=1e-6)


def test_best_checkpoint_is_loaded_unless_the_last_is_asked_for(tmp_path):
    folder = with_other_best(pix2pix_run(), tmp_path)
    name = "generator/to_picture_transposed/bias"
    bias = {
        which: np.asarray(kgan.load(str(folder), which).state()[name])
        for which in ("auto", "best", "last")
    }
    np.testing.assert_array_equal(bias["auto"], np.float32([0.25, 0.5, -0.75]))
    np.testing.assert_array_equal(bias["best"], bias["auto"])
    assert np.abs(bias["last"] - bias["auto"]).min() > 0.1


def test_last_checkpoint_is_loaded_where_no_best_is_kept():
    folder = str(dcgan_run())
    assert kgan.load(folder).completed_steps == kgan.load(folder, "last").completed_steps == 10
    with pytest.raises(UserError, match="--checkpoint=best"):
        kgan.load(folder, "best")


def test_model_loads_from_a_folder_that_was_moved(tmp_path):
    moved = copy_of(dcgan_run(), tmp_path)
    assert kgan.load(str(moved)).completed_steps == 10


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "no header"])
def test_damaged_checkpoint_is_refused_in_one_line(damage, tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    path = Run(folder).latest()
    content = path.read_bytes()
    path.write_bytes(
        {
            "torn": content[: len(content) // 2],
            "changed": content[:-40] + b"\x07" * 40,
            "empty": b"",
            "no header": b"\xff" * 64,
        }[damage]
    )
    line = command("generate", f"--run={folder}", "--seeds=0").error_line
    assert str(path) in line and "older" in line
    assert not (folder / "seeds.png").exists()


def test_older_checkpoint_serves_once_the_damaged_one_is_removed(tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    Run(folder).latest().unlink()
    assert kgan.load(str(folder)).completed_steps == 8


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    flags = (folder / "flags.cfg").read_text()
    (folder / "flags.cfg").write_text(flags.replace("--width=4", "--width=5"))
    path = Run(folder).latest()
    with pytest.raises(UserError) as error:
        kgan.load(str(folder))
    assert str(error.value) == (
        f"{path}: made with --width=4, this run has --width=5; the settings differ"
    )
    lines = (folder / "metrics.jsonl").read_text()
    for name in ("train --resume", "generate --run", "export --run"):
        name, flag = name.split()
        outcome = command(name, f"{flag}={folder}")
        assert outcome.status == 2 and outcome.err == f"error: {error.value}\n"
    assert (folder / "metrics.jsonl").read_text() == lines


def test_every_setting_that_differs_is_named(tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    flags = (folder / "flags.cfg").read_text()
    for old, new in (
        ("--gan_loss=bce", "--gan_loss=minimax"),
        ("--noflip", ""),
        ("--seed=0", "--seed=1"),
    ):
        flags = flags.replace(old, new)
    (folder / "flags.cfg").write_text(flags + "--flip\n")
    with pytest.raises(UserError) as error:
        kgan.load(str(folder))
    assert (
        "made with no --flip --seed=0 --gan_loss=bce, "
        "this run has --flip --seed=1 --gan_loss=minimax; " in str(error.value)
    )


def test_checkpoint_of_another_scheme_is_refused(tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    path = Run(folder).latest()
    shutil.copy(Run(pix2pix_run()).latest(), path)
    with pytest.raises(UserError) as error:
        kgan.load(str(folder))
    assert str(error.value) == f"{path} is a checkpoint of pix2pix, this run is of dcgan"


def test_what_says_only_where_and_how_long_does_not_make_other_settings(tmp_path):
    folder = copy_of(dcgan_run(), tmp_path)
    (folder / "flags.cfg").write_text(
        (folder / "flags.cfg").read_text()
        + "--steps=99\n--name=b\n--runs_dir=c\n--strategy=mirrored\n"
    )
    assert kgan.load(str(folder)).completed_steps == 10


def test_data_set_that_was_moved_is_the_same_and_one_of_another_name_is_not(tmp_path):
    folder = copy_of(pix2pix_run(), tmp_path)
    flags = (folder / "flags.cfg").read_text()
    assert f"--dataset={pairs_folder()}\n" in flags
    (folder / "flags.cfg").write_text(flags.replace(str(pairs_folder()), "/moved/small_pairs"))
    assert kgan.load(str(folder)).completed_steps > 0
    (folder / "flags.cfg").write_text(flags.replace(str(pairs_folder()), "/moved/others"))
    with pytest.raises(UserError, match="--dataset=small_pairs, this run has --dataset=others"):
        kgan.load(str(folder))


def rewritten(folder, change, monkeypatch, version):
    """Writes a run's last checkpoint again with another header and format version."""
    path = Run(folder).latest()
    arrays, header = checkpoint.read(path)
    header.pop("format_version")
    change(header)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT_VERSION", version)
        checkpoint.write(path, arrays, header)
    return path


def test_checkpoint_made_before_a_flag_was_there_is_read(tmp_path, monkeypatch):
    folder = copy_of(dcgan_run(), tmp_path)
    rewritten(folder, lambda header: header["settings"].pop("on_collapse"), monkeypatch, 2)
    assert kgan.load(str(folder)).completed_steps == 10


def test_checkpoint_of_a_newer_kgan_is_refused_and_not_passed_over(tmp_path, monkeypatch):
    folder = copy_of(dcgan_run(), tmp_path)
    path = rewritten(folder, lambda header: None, monkeypatch, 3)
    line = command("train", f"--resume={folder}", "--steps=12").err
    assert line == f"error: {path}: format version 3, this kgan reads 2\n"


def test_new_length_goes_into_the_flags_and_nothing_else_does(tmp_path, resolved):
    run = create_run(str(tmp_path), "digits", resolved, SPEC)
    before = run.flags.read_text()
    run.keep_length(resolved)
    assert run.flags.read_text() == before
    longer = settings.parse([f"--resume={run.folder}", "--steps=77", "--cache_gb=9"])
    run.keep_length(longer)
    changed = set(run.flags.read_text().split()) ^ set(before.split())
    assert changed == {"--epochs=150", "--steps=77"}
    assert (run.settings().steps, run.settings().epochs) == (77, None)


# Refuses what pickle would do, then loads a run and its networks as anybody would.
NO_PICKLE = """
import sys
import keras
import kgan

def refuse(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError(f"unpickled {arguments}")

folder, place = sys.argv[1:]
sys.addaudithook(refuse)
model = kgan.load(folder)
for name, network in model.networks.items():
    network.save(f"{place}/{name}.keras")
    loaded = keras.models.load_model(f"{place}/{name}.keras", safe_mode=True, compile=False)
    kinds = {type(layer).__name__ for layer in loaded._flatten_layers()}
    assert len(kinds) > 1 and "Lambda" not in kinds, kinds
    print(name)
"""


@pytest.mark.parametrize("run", [dcgan_run, pix2pix_run])
def test_run_and_networks_load_without_pickle_and_hold_no_lambda(run, tmp_path):
    command_line = [sys.executable, "-c", NO_PICKLE, str(run()), str(tmp_path)]
    ended = subprocess.run(command_line, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert sorted(ended.stdout.split()) == ["discriminator", "generator"]
